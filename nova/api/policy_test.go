package api_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	novaapi "hypernova/nova/api"
	"hypernova/nova/api/gone"
	"hypernova/oslo/api"
)

// Who gets past the policy of an operation, as nova's defaults have it. p is somebody with a token of the project and
// no role in it, o a member of another project, r, m a reader and a member of the project, s a service, a an
// administrator.
const (
	forEverybody = "p o r m s a"
	forReaders   = "r m a" // of the project that the thing belongs to
	forMembers   = "m a"
	forAdmins    = "a"
	ownRead      = "o r m a" // about the caller's own project, whichever that is
	ownWrite     = "o m a"
)

// guarded says for each operation, by method, path and action, who may.
var guarded = map[string]string{
	"GET /extensions": forEverybody, "GET /extensions/{alias}": forEverybody,
	"GET /flavors": forEverybody, "GET /flavors/detail": forEverybody, "GET /flavors/{flavor_id}": forEverybody,
	"POST /flavors": forAdmins, "DELETE /flavors/{flavor_id}": forAdmins, "PUT /flavors/{flavor_id}": forAdmins,
	"POST /flavors/{flavor_id}/action addTenantAccess":    forAdmins,
	"POST /flavors/{flavor_id}/action removeTenantAccess": forAdmins,
	"GET /flavors/{flavor_id}/os-flavor-access":           forAdmins,
	"GET /flavors/{flavor_id}/os-extra_specs":             ownRead,
	"GET /flavors/{flavor_id}/os-extra_specs/{key}":       ownRead,
	"POST /flavors/{flavor_id}/os-extra_specs":            forAdmins,
	"PUT /flavors/{flavor_id}/os-extra_specs/{key}":       forAdmins,
	"DELETE /flavors/{flavor_id}/os-extra_specs/{key}":    forAdmins,

	"GET /limits": forEverybody, "GET /os-availability-zone": forEverybody, "GET /os-availability-zone/detail": forAdmins,
	"GET /os-server-groups": ownRead, "POST /os-server-groups": ownWrite,
	"GET /os-server-groups/{server_group_id}": forReaders, "DELETE /os-server-groups/{server_group_id}": forMembers,
	"GET /os-aggregates": forAdmins, "POST /os-aggregates": forAdmins, "DELETE /os-aggregates/{aggregate_id}": forAdmins,
	"GET /os-aggregates/{aggregate_id}": forAdmins, "PUT /os-aggregates/{aggregate_id}": forAdmins,
	"POST /os-aggregates/{aggregate_id}/action add_host":     forAdmins,
	"POST /os-aggregates/{aggregate_id}/action remove_host":  forAdmins,
	"POST /os-aggregates/{aggregate_id}/action set_metadata": forAdmins,
	"POST /os-aggregates/{aggregate_id}/images":              forAdmins,
	"GET /os-hypervisors":                                    forAdmins, "GET /os-hypervisors/detail": forAdmins,
	"GET /os-hypervisors/statistics":      forAdmins,
	"GET /os-hypervisors/{hypervisor_id}": forAdmins, "GET /os-hypervisors/{hypervisor_id}/search": forAdmins,
	"GET /os-hypervisors/{hypervisor_id}/servers": forAdmins, "GET /os-hypervisors/{hypervisor_id}/uptime": forAdmins,
	"GET /os-services": forAdmins, "DELETE /os-services/{service_id}": forAdmins,
	"PUT /os-services/{service_id}": forAdmins,

	"GET /os-keypairs": forEverybody, "POST /os-keypairs": forEverybody,
	"DELETE /os-keypairs/{keypair_name}": forEverybody,
	"GET /os-keypairs/{keypair_name}":    forEverybody, // everybody's own
	"GET /os-quota-class-sets/{class}":   forAdmins,
	"PUT /os-quota-class-sets/{class}":   forAdmins,
	"DELETE /os-quota-sets/{tenant_id}":  forAdmins, "PUT /os-quota-sets/{tenant_id}": forAdmins,
	"GET /os-quota-sets/{tenant_id}": forReaders, "GET /os-quota-sets/{tenant_id}/detail": forReaders,
	"GET /os-quota-sets/{tenant_id}/defaults": forEverybody,
	"POST /os-server-external-events":         "s a",
	"GET /os-simple-tenant-usage":             forAdmins, "GET /os-simple-tenant-usage/{tenant_id}": forReaders,

	"GET /servers": ownRead, "GET /servers/detail": ownRead, "POST /servers": ownWrite,
	"GET /servers/{server_id}": forReaders, "PUT /servers/{server_id}": forMembers,
	"DELETE /servers/{server_id}":                  forMembers,
	"POST /servers/{server_id}/action forceDelete": forMembers, "POST /servers/{server_id}/action lock": forMembers,
	"POST /servers/{server_id}/action unlock":              forMembers,
	"POST /servers/{server_id}/action os-getConsoleOutput": forMembers,
	"POST /servers/{server_id}/action os-resetState":       forAdmins,
	"POST /servers/{server_id}/action os-getVNCConsole":    forMembers,
	"POST /servers/{server_id}/action os-getSPICEConsole":  forMembers,
	"POST /servers/{server_id}/action os-getSerialConsole": forMembers,
	"POST /servers/{server_id}/action os-getRDPConsole":    forMembers,
	"POST /servers/{server_id}/remote-consoles":            forMembers,
	"GET /os-console-auth-tokens/{id}":                     forAdmins,
	"POST /servers/{server_id}/action os-start":            forMembers,
	"POST /servers/{server_id}/action os-stop":             forMembers,
	"POST /servers/{server_id}/action pause":               forMembers,
	"POST /servers/{server_id}/action reboot":              forMembers,
	"POST /servers/{server_id}/action unpause":             forMembers,
	"POST /servers/{server_id}/action suspend":             forMembers,
	"POST /servers/{server_id}/action resume":              forMembers,
	"POST /servers/{server_id}/action rebuild":             forMembers,
	"POST /servers/{server_id}/action rescue":              forMembers,
	"POST /servers/{server_id}/action unrescue":            forMembers,
	"POST /servers/{server_id}/action createImage":         forMembers,
	"POST /servers/{server_id}/action shelve":              forMembers,
	"POST /servers/{server_id}/action shelveOffload":       forAdmins,
	"POST /servers/{server_id}/action unshelve":            forMembers,
	"POST /servers/{server_id}/action createBackup":        forMembers,
	"POST /servers/{server_id}/action restore":             forMembers,
	"POST /servers/{server_id}/action changePassword":      forMembers,
	"POST /servers/{server_id}/action trigger_crash_dump":  forMembers,
	"POST /servers/{server_id}/action injectNetworkInfo":   forAdmins,
	"GET /servers/{server_id}/diagnostics":                 forAdmins,
	"GET /servers/{server_id}/os-server-password":          forReaders,
	"DELETE /servers/{server_id}/os-server-password":       forMembers,
	"GET /servers/{server_id}/topology":                    forReaders,
	"GET /servers/{server_id}/ips":                         forReaders,
	"GET /servers/{server_id}/ips/{network}":               forReaders,
	"GET /servers/{server_id}/metadata":                    forReaders,
	"GET /servers/{server_id}/metadata/{key}":              forReaders,
	"POST /servers/{server_id}/metadata":                   forMembers, "PUT /servers/{server_id}/metadata": forMembers,
	"PUT /servers/{server_id}/metadata/{key}": forMembers, "DELETE /servers/{server_id}/metadata/{key}": forMembers,
	"GET /servers/{server_id}/os-instance-actions":               forReaders,
	"GET /servers/{server_id}/os-instance-actions/{request_id}":  forReaders,
	"GET /servers/{server_id}/os-interface":                      forReaders,
	"POST /servers/{server_id}/os-interface":                     forMembers,
	"DELETE /servers/{server_id}/os-interface/{port_id}":         forMembers,
	"POST /servers/{server_id}/action addSecurityGroup":          forMembers,
	"POST /servers/{server_id}/action removeSecurityGroup":       forMembers,
	"POST /servers/{server_id}/action addFixedIp":                forMembers,
	"POST /servers/{server_id}/action removeFixedIp":             forMembers,
	"POST /servers/{server_id}/action addFloatingIp":             forMembers,
	"POST /servers/{server_id}/action removeFloatingIp":          forMembers,
	"GET /servers/{server_id}/os-interface/{port_id}":            forReaders,
	"GET /servers/{server_id}/os-security-groups":                forReaders,
	"GET /servers/{server_id}/os-volume_attachments":             forReaders,
	"GET /servers/{server_id}/os-volume_attachments/{volume_id}": forReaders,
	"GET /servers/{server_id}/shares":                            forReaders,
	"POST /servers/{server_id}/shares":                           forMembers,
	"GET /servers/{server_id}/shares/{id}":                       forReaders,
	"DELETE /servers/{server_id}/shares/{id}":                    forMembers,
	"GET /images": forEverybody, "GET /images/detail": forEverybody, "GET /images/{image_id}": forEverybody,
	"DELETE /images/{image_id}": forEverybody, "GET /images/{image_id}/metadata": forEverybody,
	"POST /images/{image_id}/metadata": forEverybody, "PUT /images/{image_id}/metadata": forEverybody,
	"GET /images/{image_id}/metadata/{key}": forEverybody, "PUT /images/{image_id}/metadata/{key}": forEverybody,
	"DELETE /images/{image_id}/metadata/{key}": forEverybody,
	"GET /os-networks":                         ownRead, "GET /os-networks/{id}": ownRead,
	"GET /os-tenant-networks": ownRead, "GET /os-tenant-networks/{id}": ownRead,
	"GET /os-floating-ips": ownRead, "POST /os-floating-ips": ownWrite, "GET /os-floating-ips/{id}": ownRead,
	"DELETE /os-floating-ips/{id}": ownWrite, "GET /os-floating-ip-pools": forEverybody,
	"GET /os-security-groups": ownRead, "POST /os-security-groups": ownWrite,
	"GET /os-security-groups/{id}": ownRead, "PUT /os-security-groups/{id}": ownWrite,
	"DELETE /os-security-groups/{id}": ownWrite, "POST /os-security-group-rules": ownWrite,
	"DELETE /os-security-group-rules/{id}": ownWrite,
	"POST /os-baremetal-nodes":             forEverybody, "DELETE /os-baremetal-nodes/{id}": forEverybody,
	"POST /os-baremetal-nodes/{id}/action add_interface":    forEverybody,
	"POST /os-baremetal-nodes/{id}/action remove_interface": forEverybody,

	"GET /os-hosts": forAdmins, "GET /os-hosts/{host}": forAdmins, "PUT /os-hosts/{host}": forAdmins,
	"GET /os-hosts/{host}/startup": forAdmins, "GET /os-hosts/{host}/shutdown": forAdmins,
	"GET /os-hosts/{host}/reboot":      forAdmins,
	"GET /os-instance_usage_audit_log": forAdmins, "GET /os-instance_usage_audit_log/{before}": forAdmins,
	"GET /os-migrations": forAdmins, "GET /servers/{server_id}/migrations": forAdmins,
	"GET /servers/{server_id}/migrations/{migration_id}":                        forAdmins,
	"DELETE /servers/{server_id}/migrations/{migration_id}":                     forAdmins,
	"POST /servers/{server_id}/migrations/{migration_id}/action force_complete": forAdmins,
	"GET /servers/{server_id}/tags":                                             forReaders,
	"GET /servers/{server_id}/tags/{tag}":                                       forReaders,
	"PUT /servers/{server_id}/tags":                                             forMembers,
	"DELETE /servers/{server_id}/tags":                                          forMembers,
	"PUT /servers/{server_id}/tags/{tag}":                                       forMembers,
	"DELETE /servers/{server_id}/tags/{tag}":                                    forMembers,
}

// guardBodies are bodies that would do what the operation does; {…} are filled in as in paths.
var guardBodies = map[string]string{
	"POST /servers/{server_id}/shares":                       `{"share":{"share_id":"{network_id}"}}`,
	"POST /flavors":                                          `{"flavor":{"name":"new","vcpus":1,"ram":64,"disk":1}}`,
	"PUT /flavors/{flavor_id}":                               `{"flavor":{"description":"d"}}`,
	"POST /flavors/{flavor_id}/action addTenantAccess":       `{"addTenantAccess":{"tenant":"p9"}}`,
	"POST /flavors/{flavor_id}/action removeTenantAccess":    `{"removeTenantAccess":{"tenant":"p1"}}`,
	"POST /flavors/{flavor_id}/os-extra_specs":               `{"extra_specs":{"hw:cpu_policy":"shared"}}`,
	"PUT /flavors/{flavor_id}/os-extra_specs/{key}":          `{"hw:cpu_policy":"shared"}`,
	"POST /os-server-groups":                                 `{"server_group":{"name":"g","policy":"affinity"}}`,
	"POST /os-aggregates":                                    `{"aggregate":{"name":"new"}}`,
	"PUT /os-aggregates/{aggregate_id}":                      `{"aggregate":{"name":"other"}}`,
	"POST /os-aggregates/{aggregate_id}/action add_host":     `{"add_host":{"host":"h2"}}`,
	"POST /os-aggregates/{aggregate_id}/action remove_host":  `{"remove_host":{"host":"h1"}}`,
	"POST /os-aggregates/{aggregate_id}/action set_metadata": `{"set_metadata":{"metadata":{"a":"b"}}}`,
	"POST /os-aggregates/{aggregate_id}/images":              `{"cache":[{"id":"` + image + `"}]}`,
	"PUT /os-services/{service_id}":                          `{"status":"enabled"}`,
	"POST /os-keypairs": `{"keypair":{"name":"new","type":"ssh","public_key":"` +
		publicKey + `"}}`,
	"PUT /os-quota-class-sets/{class}": `{"quota_class_set":{"cores":30}}`,
	"PUT /os-quota-sets/{tenant_id}":   `{"quota_set":{"cores":30}}`,
	"POST /os-server-external-events":  `{"events":[{"name":"network-changed","server_uuid":"{server_id}"}]}`,
	"POST /servers": `{"server":{"name":"n","flavorRef":"1","imageRef":"` +
		image + `","networks":"auto"}}`,
	"PUT /servers/{server_id}":                             `{"server":{"name":"n"}}`,
	"POST /servers/{server_id}/action forceDelete":         `{"forceDelete":null}`,
	"POST /servers/{server_id}/action lock":                `{"lock":null}`,
	"POST /servers/{server_id}/action unlock":              `{"unlock":null}`,
	"POST /servers/{server_id}/action os-getConsoleOutput": `{"os-getConsoleOutput":{}}`,
	"POST /servers/{server_id}/action os-resetState":       `{"os-resetState":{"state":"active"}}`,
	"POST /servers/{server_id}/action os-getVNCConsole":    `{"os-getVNCConsole":{"type":"novnc"}}`,
	"POST /servers/{server_id}/action os-getSPICEConsole":  `{"os-getSPICEConsole":{"type":"spice-html5"}}`,
	"POST /servers/{server_id}/action os-getSerialConsole": `{"os-getSerialConsole":{"type":"serial"}}`,
	"POST /servers/{server_id}/action os-getRDPConsole":    `{"os-getRDPConsole":{"type":"rdp-html5"}}`,
	"POST /servers/{server_id}/remote-consoles":            `{"remote_console":{"protocol":"vnc","type":"novnc"}}`,
	"POST /servers/{server_id}/action os-start":            `{"os-start":null}`,
	"POST /servers/{server_id}/action os-stop":             `{"os-stop":null}`,
	"POST /servers/{server_id}/action pause":               `{"pause":null}`,
	"POST /servers/{server_id}/action reboot":              `{"reboot":{"type":"SOFT"}}`,
	"POST /servers/{server_id}/action unpause":             `{"unpause":null}`,
	"POST /servers/{server_id}/action suspend":             `{"suspend":null}`,
	"POST /servers/{server_id}/action resume":              `{"resume":null}`,
	"POST /servers/{server_id}/action rebuild":             `{"rebuild":{"imageRef":"` + image + `"}}`,
	"POST /servers/{server_id}/action rescue":              `{"rescue":null}`,
	"POST /servers/{server_id}/action unrescue":            `{"unrescue":null}`,
	"POST /servers/{server_id}/action createImage":         `{"createImage":{"name":"shot"}}`,
	"POST /servers/{server_id}/action shelve":              `{"shelve":null}`,
	"POST /servers/{server_id}/action shelveOffload":       `{"shelveOffload":null}`,
	"POST /servers/{server_id}/action unshelve":            `{"unshelve":null}`,
	"POST /servers/{server_id}/action createBackup":        `{"createBackup":{"name":"b","backup_type":"daily","rotation":1}}`,
	"POST /servers/{server_id}/action restore":             `{"restore":null}`,
	"POST /servers/{server_id}/action changePassword":      `{"changePassword":{"adminPass":"x"}}`,
	"POST /servers/{server_id}/action trigger_crash_dump":  `{"trigger_crash_dump":null}`,
	"POST /servers/{server_id}/os-interface":               `{"interfaceAttachment":{"port_id":"5b0f6c1e-7a34-4c1d-9f0a-3b2f8d6e1a2b"}}`,
	"POST /servers/{server_id}/action addSecurityGroup":    `{"addSecurityGroup":{"name":"web"}}`,
	"POST /servers/{server_id}/action removeSecurityGroup": `{"removeSecurityGroup":{"name":"web"}}`,
	"POST /servers/{server_id}/action addFixedIp":          `{"addFixedIp":{"networkId":"5b0f6c1e-7a34-4c1d-9f0a-3b2f8d6e1a2b"}}`,
	"POST /servers/{server_id}/action removeFixedIp":       `{"removeFixedIp":{"address":"10.0.0.5"}}`,
	"POST /servers/{server_id}/action addFloatingIp":       `{"addFloatingIp":{"address":"10.0.0.5"}}`,
	"POST /servers/{server_id}/action removeFloatingIp":    `{"removeFloatingIp":{"address":"10.0.0.5"}}`,
	"POST /servers/{server_id}/action injectNetworkInfo":   `{"injectNetworkInfo":null}`,
	"POST /servers/{server_id}/metadata":                   `{"metadata":{"a":"b"}}`,
	"PUT /servers/{server_id}/metadata":                    `{"metadata":{"a":"b"}}`,
	"PUT /servers/{server_id}/metadata/{key}":              `{"meta":{"hw:cpu_policy":"b"}}`,
	"PUT /servers/{server_id}/tags":                        `{"tags":["x"]}`,
	"POST /images/{image_id}/metadata":                     `{"metadata":{"a":"b"}}`,
	"PUT /images/{image_id}/metadata":                      `{"metadata":{"hw:cpu_policy":"b"}}`,
	"PUT /images/{image_id}/metadata/{key}":                `{"meta":{"hw:cpu_policy":"b"}}`,
	"POST /os-floating-ips":                                `{"pool":"net"}`,
	"POST /os-security-groups":                             `{"security_group":{"name":"n","description":"d"}}`,
	"PUT /os-security-groups/{id}":                         `{"security_group":{"name":"n","description":"d"}}`,
	"POST /os-security-group-rules": `{"security_group_rule":{"parent_group_id":"` + network +
		`","ip_protocol":"tcp","from_port":80,"to_port":"81"}}`,
	"POST /os-baremetal-nodes":                                                  `{"node":{}}`,
	"POST /os-baremetal-nodes/{id}/action add_interface":                        `{"add_interface":{"address":"x"}}`,
	"POST /os-baremetal-nodes/{id}/action remove_interface":                     `{"remove_interface":{"address":"x"}}`,
	"PUT /os-hosts/{host}":                                                      `{"status":"enable"}`,
	"POST /servers/{server_id}/migrations/{migration_id}/action force_complete": `{"force_complete":null}`,
}

// byState are operations that the first who may do them cannot, because of how the test's servers stand or because no
// agent answers.
var byState = map[string]int{
	"GET /servers/{server_id}/os-volume_attachments/{volume_id}":                404,
	"POST /servers/{server_id}/shares":                                          409,
	"GET /servers/{server_id}/shares/{id}":                                      404,
	"DELETE /servers/{server_id}/shares/{id}":                                   409,
	"DELETE /os-aggregates/{aggregate_id}":                                      400,
	"POST /os-baremetal-nodes":                                                  400,
	"DELETE /os-baremetal-nodes/{id}":                                           400,
	"POST /os-baremetal-nodes/{id}/action add_interface":                        400,
	"POST /os-baremetal-nodes/{id}/action remove_interface":                     400,
	"PUT /os-hosts/{host}":                                                      501,
	"GET /os-hosts/{host}/startup":                                              501,
	"GET /os-hosts/{host}/shutdown":                                             501,
	"GET /os-hosts/{host}/reboot":                                               501,
	"GET /servers/{server_id}/migrations/{migration_id}":                        404,
	"DELETE /servers/{server_id}/migrations/{migration_id}":                     409,
	"POST /servers/{server_id}/migrations/{migration_id}/action force_complete": 409,
	"POST /servers/{server_id}/action os-getConsoleOutput":                      503,
	"POST /servers/{server_id}/action os-getVNCConsole":                         503,
	"POST /servers/{server_id}/action os-getSerialConsole":                      503,
	"POST /servers/{server_id}/action os-getSPICEConsole":                       503,
	"POST /servers/{server_id}/action os-getRDPConsole":                         400,
	"POST /servers/{server_id}/remote-consoles":                                 503,
	"GET /os-console-auth-tokens/{id}":                                          404,
	"POST /servers/{server_id}/action os-start":                                 409,
	"POST /servers/{server_id}/action removeFloatingIp":                         409,
	"POST /servers/{server_id}/action unpause":                                  409,
	"POST /servers/{server_id}/action resume":                                   409,
	"POST /servers/{server_id}/action unrescue":                                 409,
	"POST /servers/{server_id}/action shelveOffload":                            409,
	"POST /servers/{server_id}/action unshelve":                                 409,
	"POST /servers/{server_id}/action restore":                                  409,
	"POST /servers/{server_id}/action changePassword":                           503,
	"GET /servers/{server_id}/diagnostics":                                      503,
	"POST /servers/{server_id}/os-interface":                                    404,
}

func TestEveryOperationIsGuarded(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	reads := map[string]*stage{} // by version: operations that change nothing share one
	for _, op := range api.Describe(novaapi.Resources()...) {
		name := strings.TrimSpace(op.Method + " " + op.Path + " " + op.Action)
		seen[name] = true
		version := novaapi.Newest.String()
		if strings.HasPrefix(op.Span, "-") {
			version = op.Span[1:]
		}
		var on *stage
		if op.Method == "GET" {
			if reads[version] == nil {
				reads[version] = newStage(t, version)
			}
			on = reads[version]
		}
		t.Run(strings.ReplaceAll(name, "/", ".")+op.Span, func(t *testing.T) {
			t.Parallel()
			if slices.Contains(gone.Operations(), name) {
				return // TestRemovedOperations asks each
			}
			if guarded[name] == "" {
				t.Fatalf("%s: nobody has said who may do this", name)
			}
			if on == nil {
				on = newStage(t, version)
			}
			on.check(t, name, op)
		})
	}
	for name := range guarded {
		if !seen[name] {
			t.Errorf("%s: there is no such operation", name)
		}
	}
}

// stage is a world with one of each thing that a path may name.
type stage struct {
	*world
	version string
	fill    *strings.Replacer // of names in paths and bodies
}

func newStage(t *testing.T, version string) *stage {
	t.Helper()
	w := newWorld(t)
	w.host("h1")
	w.host("h2")
	id := w.server("s")
	w.settle(id)
	w.want(200, "alice", "2.1", "POST /servers/"+id+"/metadata", `{"metadata":{"hw:cpu_policy":"shared"}}`)
	w.want(200, "alice", "2.26", "PUT /servers/"+id+"/tags", `{"tags":["t"]}`)
	actions := w.want(200, "alice", "2.1", "GET /servers/"+id+"/os-instance-actions", "")
	w.want(200, "root", "2.1", "POST /flavors/1/os-extra_specs", `{"extra_specs":{"hw:cpu_policy":"shared"}}`)
	w.want(200, "root", "2.1", "POST /flavors/3/action", `{"addTenantAccess":{"tenant":"p1"}}`)
	aggregate := w.want(200, "root", "2.1", "POST /os-aggregates", `{"aggregate":{"name":"a"}}`).at("aggregate",
		"id").(float64)
	number := strconv.Itoa(int(aggregate))
	w.want(200, "root", "2.1", "POST /os-aggregates/"+number+"/action", `{"add_host":{"host":"h1"}}`)
	group := w.want(200, "alice", "2.64", "POST /os-server-groups", `{"server_group":{"name":"g","policy":"affinity"}}`)
	for who := range people {
		w.want(200, who, "2.1", "POST /os-keypairs", `{"keypair":{"name":"k","public_key":"`+publicKey+`"}}`)
	}
	word := func(v any) string {
		if n, ok := v.(float64); ok {
			return strconv.Itoa(int(n))
		}
		return v.(string)
	}
	node := word(w.want(200, "root", version, "GET /os-hypervisors", "").at("hypervisors", 0, "id"))
	service := word(w.want(200, "root", version, "GET /os-services?host=h2", "").at("services", 0, "id"))
	return &stage{w, version, strings.NewReplacer("{server_id}", id, "{key}", "hw:cpu_policy", "{tag}", "t", "{network}",
		"demo", "{port_id}", port, "{tenant_id}", "p1",
		"{request_id}", actions.at("instanceActions", 0, "request_id").(string), "{aggregate_id}", number, "{keypair_name}",
		"k", "{class}", "default",
		"{image_id}", image, "{network_id}", network, "{id}", network, "{host}", "h1", "{migration_id}", "1",
		"{before}", "2026-11-30%2010:00:00",
		"{alias}", "os-keypairs", "{hypervisor_id}/search", "h1/search", "{hypervisor_id}/servers", "h1/servers",
		"{hypervisor_id}", node,
		"{service_id}", service, "{server_group_id}", group.at("server_group", "id").(string))}
}

func (s *stage) check(t *testing.T, name string, op api.Operation) {
	t.Helper()
	line, body := name, s.fill.Replace(guardBodies[name])
	if op.Action != "" {
		line = strings.TrimSuffix(name, " "+op.Action)
	}
	switch {
	case strings.Contains(name, "access") || strings.Contains(name, "TenantAccess") ||
		name == "DELETE /flavors/{flavor_id}":
		line = strings.ReplaceAll(line, "{flavor_id}", "3") // which only some may use
	case name == "PUT /os-services/{service_id}" && s.version != novaapi.Newest.String():
		line, body = "PUT /os-services/enable", `{"host":"h2","binary":"nova-compute"}`
	}
	line = s.fill.Replace(strings.ReplaceAll(line, "{flavor_id}", "1"))
	if r := s.ask("", s.version, line, body); r.code != 401 {
		t.Errorf("without a token: got %d, want 401: %s", r.code, r.text)
	}
	// From the least to the most powerful, so that what is destroyed is there for those who may not.
	first := true
	for _, who := range []struct{ letter, name string }{{"p", "plain"}, {"o", "bob"}, {"r", "reader"}, {"s", "service"},
		{"m", "alice"}, {"a", "root"}} {
		r := s.ask(who.name, s.version, line, body)
		switch may := slices.Contains(strings.Fields(guarded[name]), who.letter); {
		case !may && r.code != 403 &&
			(r.code != 404 || people[who.name].ProjectID == "p1"): // what is another project's does not exist
			t.Errorf("%s may not, but: %d %s", who.name, r.code, r.text)
		case may && first && r.code/100 != 2 && r.code != byState[name]:
			t.Errorf("%s may, but: %d %s", who.name, r.code, r.text)
		case may && (r.code == 401 || r.code == 403 || r.code >= 500 && r.code != byState[name]):
			t.Errorf("%s may, but: %d %s", who.name, r.code, r.text)
		case may:
			first = false
		}
	}
}
