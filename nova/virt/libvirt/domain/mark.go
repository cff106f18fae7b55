package domain

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// markSpace is the XML namespace of the owner mark. It is a name, not an address.
const markSpace = "urn:hypernova:cloud"

// mark returns the element of the domain's metadata that names the cloud it belongs to.
func mark(owner uint32) string {
	if owner == 0 {
		return ""
	}
	return fmt.Sprintf("  <cloud xmlns=%q owner=\"%d\"></cloud>\n  ", markSpace, owner)
}

// Belonging says to which cloud a domain belongs and where its files are, as its definition tells.
type Belonging struct {
	Owner  uint32 // 0: it has no mark
	Ours   bool   // this program defined it, for this or another cloud
	Folder string // folder of the server's files; empty if the definition has none
}

// Belongs reads the definition of the domain of server id.
func Belongs(id, text string) (Belonging, error) {
	var d libvirtxml.Domain
	if err := d.Unmarshal(text); err != nil {
		return Belonging{}, err
	}
	var b Belonging
	if d.Metadata != nil {
		var m struct {
			Cloud struct {
				Owner uint32 `xml:"owner,attr"`
			} `xml:"urn:hypernova:cloud cloud"`
		}
		if err := xml.Unmarshal([]byte("<m>"+d.Metadata.XML+"</m>"), &m); err != nil {
			return Belonging{}, err
		}
		b.Owner = m.Cloud.Owner
		b.Ours = b.Owner != 0 || strings.Contains(d.Metadata.XML, "<nova:instance")
	}
	if d.Devices == nil {
		return b, nil
	}
	for _, k := range d.Devices.Disks {
		if k.Source == nil || k.Source.File == nil {
			continue
		}
		if dir := filepath.Dir(k.Source.File.File); filepath.Base(dir) == id {
			b.Folder = dir
			break
		}
	}
	return b, nil
}
