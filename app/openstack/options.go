package openstack

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hypernova/oslo/conf"
)

// Reader reads OpenStack's configuration files for a process of this cloud. It is conf.Foreign.
type Reader struct {
	services []string            // whose names are known in files of this cloud's own
	role     string              // the one role of the process; empty: several
	own      map[string]string   // this cloud's options, by their names in small letters
	known    map[string]string   // OpenStack's, by "service section.option": the name that replaces an older one
	sections map[string][]string // option names by "service section"
	said     map[string]string   // what files said so far, for options that are one only together
}

// NewReader makes a reader for a process that has roles of services; none is every service. role is its only role, or
// empty. own are the options of this cloud.
func NewReader(services []string, role string, own []conf.Option) *Reader {
	if len(services) == 0 {
		services = Services()
	}
	r := &Reader{services: services, role: role, own: map[string]string{}, known: map[string]string{},
		sections: map[string][]string{},
		said:     map[string]string{}}
	for _, o := range own {
		r.own[strings.ToLower(o.Section+"."+o.Name)] = o.Section
	}
	for _, l := range lines(optionsText) {
		f := append(strings.Fields(l), "", "")
		to := ""
		if f[3] == "=" {
			to = f[4]
		}
		for _, s := range Services() {
			if f[0] == s || f[0] == "*" {
				r.known[s+" "+strings.ToLower(f[1]+"."+f[2])] = to
				at := s + " " + strings.ToLower(f[1])
				r.sections[at] = append(r.sections[at], f[2])
			}
		}
	}
	return r
}

// ServiceOf is whose file a file is by its name, as packages of OpenStack name them, or by its folder; empty for a
// file of this cloud's own.
func ServiceOf(file string) string {
	base := filepath.Base(file)
	for _, s := range Services() {
		if base == s+".conf" || strings.HasPrefix(base, s+"-") {
			return s
		}
	}
	if slices.Contains([]string{"ml2_conf.ini", "plugin.ini"}, base) || strings.HasSuffix(base, "_agent.ini") {
		return Neutron
	}
	if strings.HasPrefix(base, "hypernova") {
		return ""
	}
	for dir := filepath.Dir(file); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if d := strings.TrimSuffix(filepath.Base(dir), ".conf.d"); slices.Contains(Services(), d) {
			return d
		}
	}
	return ""
}

// of is the service by whose names an entry is to be read; empty for none.
func (r *Reader) of(e conf.Entry) string {
	if s := ServiceOf(e.File); s != "" {
		return s
	}
	for _, s := range r.services {
		if _, ok := r.known[s+" "+key(e.Section, e.Option)]; ok {
			return s
		}
	}
	return ""
}

func key(section, option string) string { return strings.ToLower(section + "." + option) }

// Begin is conf.Foreign.
func (r *Reader) Begin() { clear(r.said) }

// Mean is conf.Foreign.
func (r *Reader) Mean(e conf.Entry) conf.Meaning {
	k := key(e.Section, e.Option)
	_, own := r.own[k]
	theirs := ServiceOf(e.File) != ""
	if own && !theirs {
		return conf.Meaning{}
	}
	service := r.of(e)
	to, known := r.known[service+" "+k]
	if !known {
		return r.strange(e, service)
	}
	if to != "" && !own {
		if m, ok := r.mean(service, strings.ToLower(to), e.Value); ok {
			return m
		}
	}
	if m, ok := r.mean(service, k, e.Value); ok {
		return m
	}
	return conf.Meaning{Taken: true, Remark: fmt.Sprintf("OpenStack's %s has this option; this cloud does not need it",
		service)}
}

// mean is what an option of a service means here; false: nothing.
func (r *Reader) mean(service, k, value string) (conf.Meaning, bool) {
	m := conf.Meaning{Taken: true, Owner: service}
	for _, t := range []map[string]meaning{meanings(service), shared()} {
		if f, ok := t[k]; ok {
			f(r, value, &m)
			return m, true
		}
	}
	section, option, _ := strings.Cut(k, ".")
	if sec, ok := r.own[k]; ok {
		m.Set = []conf.Set{{Section: sec, Option: option, Value: value}}
		return m, true
	}
	if _, ok := r.own["image."+option]; ok && service == Glance && (section == "default" || section == "image_format") {
		m.Set = []conf.Set{{Section: "image", Option: option, Value: unbracketed(value)}}
		return m, true
	}
	return m, false
}

// strange is an option that OpenStack's lists do not have: one in a section that the configuration itself names, or a
// mistake.
func (r *Reader) strange(e conf.Entry, service string) conf.Meaning {
	if service == "" || !r.dynamic(service, e.Section) {
		return conf.Meaning{}
	}
	if service == Glance && r.store(e.Section) {
		if _, ours := r.own["<enabled_backends>."+strings.ToLower(e.Option)]; ours {
			return conf.Meaning{}
		}
		if _, store := r.known[Glance+" glance_store."+strings.ToLower(e.Option)]; !store {
			return conf.Meaning{}
		}
	}
	return conf.Meaning{Taken: true, Remark: fmt.Sprintf("OpenStack's %s has such sections; this cloud does not need "+
		"this one", service)}
}

// dynamic reports sections whose names are an operator's or a driver's: none is in the lists.
func (r *Reader) dynamic(service, section string) bool {
	section = strings.ToLower(section)
	if len(r.sections[service+" "+section]) > 0 {
		return false
	}
	if strings.HasPrefix(section, "privsep") || strings.HasSuffix(section, "_privileged") ||
		strings.HasSuffix(section, "_sys_admin") {
		return true
	}
	prefixes := map[string][]string{
		Nova:     {"vif_plug_", "vgpu_", "mdev_", "os_vif_", "vendordata_", "device_"},
		Neutron:  {"ovs_driver", "agent_", "ml2_", "sriov_"},
		Glance:   {"os_glance_", "glance_store_"},
		Keystone: {"ldap_", "federation_"},
	}[service]
	for _, p := range prefixes {
		if strings.HasPrefix(section, p) {
			return true
		}
	}
	return service == Glance && r.store(section)
}

// store reports a section of a store of images.
func (r *Reader) store(section string) bool {
	for item := range strings.SplitSeq(r.said["enabled_backends"], ",") {
		if name, _, _ := strings.Cut(strings.TrimSpace(item), ":"); strings.EqualFold(name, section) {
			return true
		}
	}
	return false
}

// Section is conf.Foreign.
func (r *Reader) Section(file, name string) bool {
	services := r.services
	if s := ServiceOf(file); s != "" {
		services = []string{s}
	}
	for _, s := range services {
		if len(r.sections[s+" "+strings.ToLower(name)]) > 0 || ServiceOf(file) != "" && r.dynamic(s, name) &&
			!r.store(strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// Names is conf.Foreign.
func (r *Reader) Names(file, section string) []string {
	services := r.services
	if s := ServiceOf(file); s != "" {
		services = []string{s}
	}
	var out []string
	for _, s := range services {
		out = append(out, r.sections[s+" "+strings.ToLower(section)]...)
	}
	return out
}
