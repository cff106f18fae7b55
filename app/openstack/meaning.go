package openstack

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"hypernova/oslo/conf"
)

// meaning puts into m what a value of OpenStack's means here.
type meaning func(r *Reader, value string, m *conf.Meaning)

// as is an option of another name; the functions change its value, one after another.
func as(section, option string, change ...func(string) string) meaning {
	return func(_ *Reader, value string, m *conf.Meaning) {
		for _, f := range change {
			value = f(value)
		}
		m.Set = append(m.Set, conf.Set{Section: section, Option: option, Value: value})
	}
}

// nothing is an option that has no use here although this cloud has one of the same name with another meaning.
func nothing(remark string) meaning {
	return func(_ *Reader, _ string, m *conf.Meaning) { m.Remark = remark }
}

// only takes the values that say what is so in any case.
func only(problem string, values ...string) meaning {
	return func(_ *Reader, value string, m *conf.Meaning) {
		if !slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, value) }) {
			m.Problem = problem
		}
	}
}

// shared are the options that every service has.
func shared() map[string]meaning {
	return map[string]meaning{
		"database.connection": database,
		"default.log_dir": func(r *Reader, value string, m *conf.Meaning) {
			r.said["log_dir"] = value
			switch file := r.said["log_file"]; {
			case file != "":
				m.Set = []conf.Set{{Section: "DEFAULT", Option: "log_file", Value: inFolder(value, file)}}
			case r.role != "" && value != "":
				m.Set = []conf.Set{{Section: "DEFAULT", Option: "log_file", Value: filepath.Join(value, r.role+".log")}}
			default:
				m.Remark = "a process with several roles has one log; name its file with log_file"
			}
		},
		"default.log_file": func(r *Reader, value string, m *conf.Meaning) {
			r.said["log_file"] = value
			m.Set = []conf.Set{{Section: "DEFAULT", Option: "log_file", Value: inFolder(r.said["log_dir"], value)}}
		},
		"keystone_authtoken.auth_type": only("the only way in which services of this cloud log in is password",
			"password", "v3password", ""),
		"keystone_authtoken.user_domain_id":    only("name the domain: user_domain_name", "default", ""),
		"keystone_authtoken.project_domain_id": only("name the domain: project_domain_name", "default", ""),
		"keystone_authtoken.identity_uri":      as("keystone_authtoken", "auth_url"),
		"keystone_authtoken.admin_user":        as("keystone_authtoken", "username"),
		"keystone_authtoken.user_name":         as("keystone_authtoken", "username"),
		"keystone_authtoken.admin_password":    as("keystone_authtoken", "password"),
		"keystone_authtoken.admin_tenant_name": as("keystone_authtoken", "project_name"),
		"keystone_authtoken.tenant_name":       as("keystone_authtoken", "project_name"),
		"oslo_middleware.enable_proxy_headers_parsing": nothing(
			"links follow X-Forwarded-Proto, -Host and -Prefix in any case, where no endpoint is configured"),
	}
}

// database understands SQLAlchemy's URLs of the engines that this cloud has.
func database(_ *Reader, value string, m *conf.Meaning) {
	scheme, rest, _ := strings.Cut(value, "://")
	engine, _, _ := strings.Cut(scheme, "+")
	switch engine {
	case "postgresql", "postgres":
		value = "postgresql://" + rest
	case "sqlite":
		// A database of each service is what the name of the file must say.
		dir, base := filepath.Split(rest)
		value = "sqlite://" + dir + strings.Replace(base, m.Owner, "{service}", 1)
	case "":
		return
	default:
		m.Problem = fmt.Sprintf("this cloud does not keep its data in %s. It can keep it in PostgreSQL "+
			"(postgresql://user:password@host/database) or in files (sqlite:////var/lib/hypernova/{service}.db); "+
			"\"hypernova db sync\" makes the tables. What a database of OpenStack's holds is not taken over", engine)
	}
	m.Set = []conf.Set{{Section: "database", Option: "connection", Value: value}}
}

// meanings are the options of one service.
func meanings(service string) map[string]meaning {
	switch service {
	case Nova:
		return novaMeanings()
	case Neutron:
		return neutronMeanings()
	case Glance:
		return map[string]meaning{
			"default.bind_host":                     as("listen", "bind_host"),
			"default.bind_port":                     as("listen", "glance_port"),
			"default.public_endpoint":               as("listen", "glance_endpoint", withoutVersion),
			"default.user_storage_quota":            as("image", "user_storage_quota", bytes),
			"glance_store.default_store":            as("glance_store", "default_backend"),
			"import_filtering_opts.allowed_schemes": as("import_filtering_opts", "allowed_schemes", unbracketed),
			"import_filtering_opts.allowed_ports":   as("import_filtering_opts", "allowed_ports", unbracketed),
			"default.enabled_backends": func(r *Reader, value string, m *conf.Meaning) {
				r.said["enabled_backends"] = value
				m.Set = []conf.Set{{Section: "image", Option: "enabled_backends", Value: value}}
			},
		}
	case Keystone:
		return map[string]meaning{
			"default.public_endpoint": as("listen", "keystone_endpoint", withoutVersion),
			"token.provider": func(_ *Reader, value string, m *conf.Meaning) {
				if value != "fernet" && value != "" {
					m.Remark = "tokens of this cloud are Fernet tokens"
				}
			},
			// a line for each there, a list here
			"federation.trusted_dashboard": func(r *Reader, value string, m *conf.Meaning) {
				r.said["dashboards"] = strings.TrimPrefix(r.said["dashboards"]+","+value, ",")
				m.Set = []conf.Set{{Section: "federation", Option: "trusted_dashboard", Value: r.said["dashboards"]}}
			},
		}
	case Placement:
		return map[string]meaning{
			"placement_database.connection":      database,
			"placement_database.sync_on_startup": as("database", "sync_on_start"),
		}
	}
	return nil
}

func novaMeanings() map[string]meaning {
	ratio := func(option string) meaning {
		return func(_ *Reader, value string, m *conf.Meaning) {
			if value != "" && strings.Trim(value, "0.") != "" {
				m.Set = []conf.Set{{Section: "DEFAULT", Option: option, Value: value}}
				m.Remark = "it holds when a host first reports itself; later the allocation ratio in placement does"
			}
		}
	}
	return map[string]meaning{
		"default.osapi_compute_listen":      as("listen", "bind_host"),
		"default.osapi_compute_listen_port": as("listen", "nova_port"),
		"default.metadata_listen_port":      as("listen", "metadata_port"),
		"vnc.novncproxy_port":               as("listen", "novncproxy_port"),
		"serial_console.serialproxy_port":   as("listen", "serialproxy_port"),
		"spice.html5proxy_port":             as("listen", "spicehtml5proxy_port"),
		"default.cpu_allocation_ratio":      ratio("initial_cpu_allocation_ratio"),
		"default.ram_allocation_ratio":      ratio("initial_ram_allocation_ratio"),
		"default.disk_allocation_ratio":     ratio("initial_disk_allocation_ratio"),
		"default.vif_plugging_timeout":      as("DEFAULT", "vif_plugging_timeout", atLeastOne),
		"api_database.connection": nothing("compute of this cloud has one database, that of [database] " +
			"connection"),
		"conductor.workers":                    nothing("one process works many jobs at once here"),
		"filter_scheduler.enabled_filters":     filtersHere,
		"glance.endpoint_override":             as("listen", "glance_endpoint", withoutVersion),
		"glance.api_servers":                   as("listen", "glance_endpoint", firstOf, withoutVersion),
		"neutron.endpoint_override":            as("listen", "neutron_endpoint", withoutVersion),
		"neutron.url":                          as("listen", "neutron_endpoint", withoutVersion),
		"neutron.metadata_proxy_shared_secret": as("DEFAULT", "metadata_proxy_shared_secret"),
		"neutron.service_metadata_proxy": only("the metadata service of this cloud is asked through networking's "+
			"agents only", "true", "yes", "on", "1"),
		"placement.endpoint_override": as("listen", "placement_endpoint"),
		"libvirt.hw_machine_type":     as("libvirt", "hw_machine_type", machine),
	}
}

func neutronMeanings() map[string]meaning {
	return map[string]meaning{
		"default.bind_host":          as("listen", "bind_host"),
		"default.bind_port":          as("listen", "neutron_port"),
		"default.nova_metadata_host": metadata("host"),
		"default.nova_metadata_port": metadata("port"),
		"ml2.mechanism_drivers":      mechanisms,
		"ml2.type_drivers":           overlays("type_drivers"),
		"ml2.tenant_network_types":   overlays("tenant_network_types"),
		"ml2.project_network_types":  overlays("tenant_network_types"),
		"ovs.local_ip":               as("AGENT", "local_ip"),
		"vxlan.local_ip":             as("AGENT", "local_ip"),
		"vxlan.udp_dstport":          as("AGENT", "vxlan_udp_port"),
		"nova.endpoint_override":     as("listen", "nova_endpoint", withoutVersion),
	}
}

// metadata puts the address of compute's metadata service together.
func metadata(part string) meaning {
	return func(r *Reader, value string, m *conf.Meaning) {
		r.said["metadata "+part] = value
		host, port := r.said["metadata host"], r.said["metadata port"]
		if port == "" {
			port = "8775"
		}
		if host != "" {
			m.Set = []conf.Set{{Section: "listen", Option: "metadata_endpoint", Value: "http://" + hostPort(host, port)}}
		}
	}
}

// mechanisms takes OpenStack's mechanisms for the one of this cloud that does the same on a host.
func mechanisms(_ *Reader, value string, m *conf.Meaning) {
	var here, lacks []string
	for _, name := range list(value) {
		switch name {
		case "openvswitch", "linuxbridge", "ovn":
			name, lacks = "bridge", append(lacks, name)
		case "l2population", "sriovnicswitch", "macvtap", "baremetal", "logger", "test", "faux_agent":
			lacks = append(lacks, name)
			continue
		}
		if !slices.Contains(here, name) {
			here = append(here, name)
		}
	}
	if len(lacks) > 0 {
		m.Remark = fmt.Sprintf("this cloud does not have %s; its own mechanism of real networks is bridge",
			strings.Join(lacks, ", "))
	}
	if len(here) > 0 {
		m.Set = []conf.Set{{Section: "ml2", Option: "mechanism_drivers", Value: strings.Join(here, ",")}}
	}
}

// overlays takes the kinds of overlay networks for the one that this cloud has.
func overlays(option string) meaning {
	return func(_ *Reader, value string, m *conf.Meaning) {
		var here, lacks []string
		for _, name := range list(value) {
			if name == "geneve" || name == "gre" {
				name, lacks = "vxlan", append(lacks, name)
			}
			if !slices.Contains(here, name) {
				here = append(here, name)
			}
		}
		if len(lacks) > 0 {
			m.Remark = fmt.Sprintf("this cloud does not have %s; its overlay networks are vxlan", strings.Join(lacks, ", "))
		}
		m.Set = []conf.Set{{Section: "ml2", Option: option, Value: strings.Join(here, ",")}}
	}
}

// machine is the machine type of this host's processor where the option has several.
func machine(value string) string {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	for _, x := range list(value) {
		if a, m, pair := strings.Cut(x, "="); pair && a == arch {
			return m
		} else if !pair {
			return x
		}
	}
	return "q35"
}
