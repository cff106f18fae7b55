// Package metadata builds the metadata of a server in the OpenStack and EC2 formats, for the metadata API and config
// drives. The builders are pure; the handler adds the proof of who asks.
package metadata

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

// Config is what an operator decides of the trees.
type Config struct {
	Domain string // follows every host name; empty: nothing does
	Secret string // of networking's proxy, for the HTTP handler; empty refuses every guest
}

// Versions of the OpenStack tree, oldest first; "latest" is the last.
const (
	folsom    = "2012-08-10"
	grizzly   = "2013-04-04"
	havana    = "2013-10-17"
	liberty   = "2015-10-15"
	newtonOne = "2016-06-30"
	newtonTwo = "2016-10-06"
	ocata     = "2017-02-22"
	rocky     = "2018-08-27"
	victoria  = "2020-10-14"
	epoxy     = "2025-04-04"
	latest    = "latest"
)

func versions() []string {
	return []string{folsom, grizzly, havana, liberty, newtonOne, newtonTwo, ocata, rocky, victoria, epoxy}
}

// since reports whether a version has what came with another; latest has everything.
func since(version, with string) bool { return version == latest || version >= with }

// seedBytes is how much randomness a guest is given for its first keys.
const seedBytes = 512

type metaData struct {
	UUID      string            `json:"uuid"`
	Name      string            `json:"name"`
	Hostname  string            `json:"hostname"`
	Zone      string            `json:"availability_zone"`
	Index     int               `json:"launch_index"`
	Meta      map[string]string `json:"meta,omitempty"`
	Public    map[string]string `json:"public_keys,omitempty"`
	Keys      []key             `json:"keys,omitempty"`
	Files     []fileRef         `json:"files,omitempty"`
	AdminPass string            `json:"admin_pass,omitempty"`
	Seed      string            `json:"random_seed,omitempty"`
	Project   string            `json:"project_id,omitempty"`
	Devices   *[]device         `json:"devices,omitempty"`
	Dedicated *[]int            `json:"dedicated_cpus,omitempty"`
}

type key struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data string `json:"data"`
}

type fileRef struct {
	Path    string `json:"path"`
	Content string `json:"content_path"`
}

// device is one that the user tagged.
type device struct {
	Type    string   `json:"type"`
	Bus     string   `json:"bus"`
	Address string   `json:"address"`
	MAC     string   `json:"mac,omitempty"`
	Path    string   `json:"path,omitempty"`
	Tags    []string `json:"tags"`
	Trusted *bool    `json:"vf_trusted,omitempty"`
}

// fqdn is the guest's full name.
func (c Config) fqdn(s *nova.Spec) string {
	if c.Domain == "" {
		return s.Hostname
	}
	return s.Hostname + "." + c.Domain
}

// meta is meta_data.json of a version. secrets puts in what only the server's own disk may carry.
func (c Config) meta(s *nova.Spec, version string, secrets bool) ([]byte, error) {
	m := metaData{UUID: s.ID, Name: s.Name, Hostname: c.fqdn(s), Zone: s.AZ, Index: s.LaunchIndex, Meta: s.Metadata}
	if s.KeyName != "" {
		kind := nova.KeySSH
		if strings.HasPrefix(s.PublicKey, "-----BEGIN CERTIFICATE") {
			kind = nova.KeyX509
		}
		m.Public = map[string]string{s.KeyName: s.PublicKey}
		m.Keys = []key{{s.KeyName, kind, s.PublicKey}}
	}
	for i, f := range s.Files {
		m.Files = append(m.Files, fileRef{f.Path, contentPath(i)})
	}
	if secrets {
		m.AdminPass = s.AdminPass
	}
	if since(version, grizzly) {
		seed := make([]byte, seedBytes)
		rand.Read(seed)
		m.Seed = base64.StdEncoding.EncodeToString(seed)
	}
	if since(version, liberty) {
		m.Project = s.Project
	}
	if since(version, newtonOne) {
		m.Devices = devices(s, version)
	}
	if since(version, victoria) {
		m.Dedicated = &[]int{}
	}
	return json.Marshal(m)
}

func devices(s *nova.Spec, version string) *[]device {
	out := []device{}
	for _, p := range s.Ports {
		if p.Tag != "" {
			d := device{Type: "nic", Bus: "none", Address: "none", MAC: p.MAC, Tags: []string{p.Tag}}
			if since(version, rocky) {
				d.Trusted = new(bool)
			}
			out = append(out, d)
		}
	}
	for i := range s.BlockDevices {
		if b := &s.BlockDevices[i]; b.Tag != "" && !b.NoDevice {
			out = append(out, device{Type: "disk", Bus: "none", Address: "none", Path: b.Device, Tags: []string{b.Tag}})
		}
	}
	return &out
}

func contentPath(i int) string { return fmt.Sprintf("/content/%04d", i) }

// tree is the OpenStack tree below openstack/, and content/ beside the versions.
func (c Config) tree(s *nova.Spec, secrets bool) (map[string][]byte, error) {
	files := map[string][]byte{}
	user, err := userData(s)
	if err != nil {
		return nil, err
	}
	network, err := json.Marshal(networkFile(s.Ports))
	if err != nil {
		return nil, err
	}
	for _, v := range append(versions(), latest) {
		at := "openstack/" + v + "/"
		if files[at+"meta_data.json"], err = c.meta(s, v, secrets); err != nil {
			return nil, err
		}
		if user != nil {
			files[at+"user_data"] = user
		}
		if since(v, havana) {
			files[at+"vendor_data.json"] = []byte("{}")
		}
		if since(v, liberty) {
			files[at+"network_data.json"] = network
		}
		if since(v, newtonTwo) {
			files[at+"vendor_data2.json"] = []byte(`{"static":{}}`)
		}
	}
	for i, f := range s.Files {
		files["openstack"+contentPath(i)] = f.Contents
	}
	return files, nil
}

// userData is what the user gave for the guest, nil for nothing.
func userData(s *nova.Spec) ([]byte, error) {
	if s.UserData == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(s.UserData))
	if err != nil {
		return nil, fault.Invalidf("The user data of server %s is not base64.", s.ID).Because(err)
	}
	return b, nil
}

// Files are the contents of a config drive, by path.
func (c Config) Files(s *nova.Spec) (map[string][]byte, error) {
	files, err := c.tree(s, true)
	if err != nil {
		return nil, err
	}
	for _, v := range []string{ec2Newest, latest} {
		if files["ec2/"+v+"/meta-data.json"], err = json.Marshal(c.ec2(s, v, nil)); err != nil {
			return nil, err
		}
		if user := files["openstack/latest/user_data"]; user != nil {
			files["ec2/"+v+"/user-data"] = user
		}
	}
	return files, nil
}
