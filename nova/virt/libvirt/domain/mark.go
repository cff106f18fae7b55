package domain

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// markSpace is the namespace of the mark; the name is no address of anything.
const markSpace = "urn:hypernova:cloud"

// mark says which cloud a domain belongs to.
func mark(owner uint32) string {
	if owner == 0 {
		return ""
	}
	return fmt.Sprintf("  <cloud xmlns=%q owner=\"%d\"></cloud>\n  ", markSpace, owner)
}

// Belonging is what a definition says of whose a domain is.
type Belonging struct {
	Owner  uint32 // 0: it bears no mark
	Ours   bool   // it has the form of the definitions made here, by whichever cloud
	Folder string // where the server's files lie; empty: it does not say
}

// Belongs reads a definition.
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
