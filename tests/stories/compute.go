package stories

// Compute returns the sequences of the compute service. They are independent of each other. Steps name the
// microversions that have their form.
func Compute() []Sequence {
	var out []Sequence
	for _, c := range []struct {
		caller string
		steps  []Step
	}{
		{"member", serverSteps()}, {"admin", serviceSteps}, {"member", keySteps}, {"admin", flavorSteps},
		{"admin", flavorSpecSteps}, {"admin", aggregateSteps},
		{"member", groupSteps()},
		{"member", computeQuotaSteps}, {"member", computeInfoSteps}, {"admin", hostSteps},
		{"member", proxySteps()}, {"admin", oldHostSteps}, {"member", goneSteps()},
	} {
		out = append(out, Sequence{Service: "compute", Caller: c.caller, Steps: c.steps, Slow: len(out) < 2})
	}
	return out
}

const server = "/v2.1/servers/{s}"

// newServer creates a server and waits until it is active.
func newServer() []Step {
	const first = `{"server":{"name":"{new}","flavorRef":"{flavor}","imageRef":"{image}","networks":[{"uuid":"{network}"}],"metadata":{"a":"b"},"min_count":1,
		"security_groups":[{"name":"default"}],"config_drive":false,"user_data":"Zm9v"`
	return []Step{
		{Call: "POST /v2.1/servers", To: 51, Body: first + `,"OS-DCF:diskConfig":"AUTO"}}`, Want: 202, Keep: "s=server.id",
			Own: true},
		{Call: "POST /v2.1/servers", From: 52, Body: first + `,"tags":["red"],"description":"d"},"os:scheduler_hints":{}}`,
			Want: 202, Keep: "s=server.id", Own: true},
		{Call: "GET " + server, Want: 200, Until: "server.status=ACTIVE"},
	}
}

// act posts an action of the server and waits for a status.
func act(body, status string) []Step {
	return []Step{
		{Call: "POST " + server + "/action", Body: body, Want: 202},
		{Call: "GET " + server, Want: 200, Until: "server.status=" + status},
	}
}

func serverSteps() []Step {
	out := newServer()
	out = append(out,
		Step{Call: "GET /v2.1/servers", Want: 200},
		Step{Call: "GET /v2.1/servers?all_tenants=1", Who: "admin", Want: 200, Case: "of all"},
		Step{Call: "GET /v2.1/servers/detail", Want: 200},
		Step{Call: "GET /v2.1/servers/detail?status=ACTIVE&limit=1&sort_key=created_at&sort_dir=desc", Want: 200},
		Step{Call: "GET /v2.1/servers/detail?all_tenants=1", Who: "admin", Want: 200, Case: "of all"},
		Step{Call: "PUT " + server,
			Body: `{"server":{"name":"{new}","accessIPv4":"10.0.0.1","accessIPv6":"2001:db8::1","OS-DCF:diskConfig":"AUTO"}}`,
			Want: 200},
		Step{Call: "PUT " + server, From: 19, Body: `{"server":{"description":"other"}}`, Want: 200},
		Step{Call: "PUT " + server, From: 104, Body: `{"server":{"pinned_availability_zone":null}}`, Want: 200},
		Step{Call: "GET " + server + "/metadata", Want: 200},
		Step{Call: "POST " + server + "/metadata", Body: `{"metadata":{"c":"d"}}`, Want: 200},
		Step{Call: "PUT " + server + "/metadata/e", Body: `{"meta":{"e":"f"}}`, Want: 200},
		Step{Call: "GET " + server + "/metadata/e", Want: 200},
		Step{Call: "DELETE " + server + "/metadata/e", Want: 204, Again: 404},
		Step{Call: "PUT " + server + "/metadata", Body: `{"metadata":{"g":"h"}}`, Want: 200},
		Step{Call: "PUT " + server + "/tags/blue", From: 26, Want: 201, Again: 204},
		Step{Call: "GET " + server + "/tags/blue", From: 26, Want: 204},
		Step{Call: "GET " + server + "/tags", From: 26, Want: 200},
		Step{Call: "PUT " + server + "/tags", From: 26, Body: `{"tags":["green","white"]}`, Want: 200},
		Step{Call: "DELETE " + server + "/tags/white", From: 26, Want: 204, Again: 404},
		Step{Call: "DELETE " + server + "/tags", From: 26, Want: 204},
		Step{Call: "GET " + server + "/ips", Want: 200},
		Step{Call: "GET " + server + "/ips/{network_name}", Want: 200},
		Step{Call: "GET " + server + "/os-interface", Want: 200, Keep: "port=interfaceAttachments.0.port_id"},
		Step{Call: "GET " + server + "/os-interface/{port}", Want: 200},
		Step{Call: "POST " + server + "/os-interface", To: 48, Body: `{"interfaceAttachment":{"net_id":"{network}"}}`,
			Want: 200, Keep: "more=interfaceAttachment.port_id"},
		Step{Call: "POST " + server + "/os-interface", From: 49,
			Body: `{"interfaceAttachment":{"net_id":"{network}","tag":"second"}}`, Want: 200,
			Keep: "more=interfaceAttachment.port_id"},
		Step{Call: "DELETE " + server + "/os-interface/{more}", Want: 202, Unknown: 202},
		Step{Call: "GET " + server + "/os-security-groups", Want: 200, Keep: "sg=security_groups.0.id"},
		Step{Call: "POST " + server + "/action", Body: `{"removeSecurityGroup":{"name":"{sg}"}}`, Want: 202, Again: 404},
		Step{Call: "POST " + server + "/action", Body: `{"addSecurityGroup":{"name":"{sg}"}}`, Want: 202},
		Step{Call: "POST " + server + "/action", To: 43, At: 43, Body: `{"addFixedIp":{"networkId":"{network}"}}`,
			Want: 202},
		Step{Call: "POST " + server + "/action", To: 43, At: 43, Body: `{"removeFixedIp":{"address":"192.0.2.1"}}`,
			Want: 400},
		Step{Call: "POST /v2.1/os-floating-ips", To: 35, At: 35, Body: `{"pool":"outside"}`, Want: 200,
			Keep: "f=floating_ip.id fip=floating_ip.ip", Own: true},
		Step{Call: "GET /v2.1/os-floating-ips", To: 35, At: 35, Want: 200},
		Step{Call: "GET /v2.1/os-floating-ips/{f}", To: 35, At: 35, Want: 200},
		Step{Call: "GET /v2.1/os-floating-ip-pools", To: 35, At: 35, Want: 200},
		Step{Call: "POST " + server + "/action", To: 43, At: 43, Body: `{"addFloatingIp":{"address":"{fip}"}}`, Want: 202},
		Step{Call: "POST " + server + "/action", To: 43, At: 43, Body: `{"removeFloatingIp":{"address":"{fip}"}}`,
			Want: 202, Again: 409},
		Step{Call: "DELETE /v2.1/os-floating-ips/{f}", To: 35, At: 35, Want: 202, Again: 404},
		Step{Call: "POST " + server + "/action", Body: `{"createImage":{"name":"{new}","metadata":{"a":"b"}}}`,
			Want: 202},
		Step{Call: "GET " + server, Want: 200, Until: "server.OS-EXT-STS:task_state="},
		Step{Call: "POST " + server + "/action",
			Body: `{"createBackup":{"name":"{new}","backup_type":"daily","rotation":0}}`, Want: 202},
		Step{Call: "GET " + server, Want: 200, Until: "server.OS-EXT-STS:task_state="},
		Step{Call: "POST " + server + "/action", Body: `{"shelve":null}`, Want: 202},
		Step{Call: "GET " + server, Want: 200, Until: "server.status=SHELVED_OFFLOADED"},
		Step{Call: "POST " + server + "/action", Who: "admin", Body: `{"shelveOffload":null}`, Want: 409},
		Step{Call: "POST " + server + "/action", Body: `{"unshelve":null}`, Want: 202},
		Step{Call: "GET " + server, Want: 200, Until: "server.status=ACTIVE"},
		Step{Call: "POST " + server + "/action", Body: `{"restore":null}`, Want: 409},
		Step{Call: "POST " + server + "/action", Body: `{"resetNetwork":null}`, Want: 410},
		Step{Call: "GET " + server + "/migrations", Who: "manager", From: 23, Want: 200},
		Step{Call: "GET " + server + "/migrations/1", Who: "admin", From: 23, Want: 404},
		Step{Call: "DELETE " + server + "/migrations/1", Who: "manager", From: 24, Want: 409},
		Step{Call: "POST " + server + "/migrations/1/action", Who: "manager", From: 22, Body: `{"force_complete":null}`,
			Want: 409},
		Step{Call: "GET " + server + "/shares", From: 97, Want: 200},
		Step{Call: "POST " + server + "/shares", From: 97,
			Body: `{"share":{"share_id":"{uuid:share}","tag":"data"}}`, Want: 409},
		Step{Call: "GET " + server + "/shares/{uuid:share}", From: 97, Want: 404},
		Step{Call: "DELETE " + server + "/shares/{uuid:share}", From: 97, Want: 409},
		Step{Call: "GET " + server + "/os-volume_attachments", Want: 200},
		Step{Call: "GET " + server + "/os-volume_attachments/{uuid:volume}", Want: 404},
		Step{Call: "GET " + server + "/os-instance-actions", Want: 200, Keep: "request=instanceActions.0.request_id"},
		Step{Call: "GET " + server + "/os-instance-actions/{request}", Want: 200},
		Step{Call: "POST /v2.1/os-server-external-events", Who: "service",
			Body: `{"events":[{"name":"network-changed","server_uuid":"{s}","status":"completed","tag":"t"}]}`,
			Want: 200},
		Step{Call: "POST " + server + "/action", To: 72, Body: `{"lock":null}`, Want: 202},
		Step{Call: "POST " + server + "/action", From: 73, Body: `{"lock":{"locked_reason":"why"}}`, Want: 202},
		Step{Call: "POST " + server + "/action", Body: `{"unlock":null}`, Want: 202},
		Step{Call: "POST " + server + "/action", Body: `{"os-getConsoleOutput":{"length":5}}`, Want: 200})
	out = append(out, consoleSteps()...)
	for _, a := range []struct{ body, status string }{
		{`{"os-stop":null}`, "SHUTOFF"}, {`{"os-start":null}`, "ACTIVE"}, {`{"pause":null}`, "PAUSED"},
		{`{"unpause":null}`, "ACTIVE"},
		{`{"suspend":null}`, "SUSPENDED"}, {`{"resume":null}`, "ACTIVE"}, {`{"reboot":{"type":"HARD"}}`, "ACTIVE"},
	} {
		out = append(out, act(a.body, a.status)...)
	}
	out = append(out, guestSteps()...)
	out = append(out,
		Step{Call: "POST " + server + "/action", Who: "admin", Body: `{"os-resetState":{"state":"active"}}`, Want: 202},
		Step{Call: "DELETE " + server, Want: 204})
	return append(append(out, newServer()...), Step{Call: "POST " + server + "/action",
		Body: `{"forceDelete":null}`, Want: 202})
}

// consoleSteps open consoles of a running server. Serial consoles are disabled, as are those that this cloud does not
// have.
func consoleSteps() []Step {
	return []Step{
		{Call: "POST " + server + "/action", To: 5, At: 5, Body: `{"os-getVNCConsole":{"type":"novnc"}}`, Want: 200},
		{Call: "POST " + server + "/action", To: 5, At: 5, Body: `{"os-getSPICEConsole":{"type":"spice-html5"}}`, Want: 400},
		{Call: "POST " + server + "/action", To: 5, At: 5, Body: `{"os-getSerialConsole":{"type":"serial"}}`, Want: 400},
		{Call: "POST " + server + "/action", To: 5, At: 5, Body: `{"os-getRDPConsole":{"type":"rdp-html5"}}`, Want: 400},
		{Call: "POST " + server + "/remote-consoles", From: 6,
			Body: `{"remote_console":{"protocol":"vnc","type":"novnc"}}`, Want: 200},
		{Call: "POST " + server + "/remote-consoles", From: 99,
			Body: `{"remote_console":{"protocol":"spice","type":"spice-direct"}}`, Want: 400},
		{Call: "GET /v2.1/os-console-auth-tokens/{uuid:token}", Who: "admin", From: 31, Want: 404},
	}
}

// guestSteps use the operations on the guest of an active server, which is active again at the end.
func guestSteps() []Step {
	until := func(status string) Step {
		return Step{Call: "GET " + server, Want: 200, Until: "server.status=" + status}
	}
	out := []Step{
		{Call: "POST " + server + "/action", Body: `{"changePassword":{"adminPass":"secret"}}`, Want: 202},
		{Call: "POST " + server + "/action", From: 17, Body: `{"trigger_crash_dump":null}`, Want: 202},
		{Call: "POST " + server + "/action", Who: "admin", Body: `{"injectNetworkInfo":null}`, Want: 202},
		{Call: "GET " + server + "/os-server-password", Want: 200},
		{Call: "DELETE " + server + "/os-server-password", Want: 204},
		{Call: "GET " + server + "/diagnostics", Who: "admin", Want: 200},
		{Call: "GET " + server + "/topology", From: 78, Want: 200},
		{Call: "POST " + server + "/action", Body: `{"rescue":{"adminPass":"secret","rescue_image_ref":"{image}"}}`,
			Want: 200},
		until("RESCUE"),
	}
	out = append(out, act(`{"unrescue":null}`, "ACTIVE")...)
	const rebuild = `{"rebuild":{"imageRef":"{image}","name":"{new}","adminPass":"secret","metadata":{"a":"b"},
		"preserve_ephemeral":false,"OS-DCF:diskConfig":"AUTO","accessIPv4":"10.0.0.2","accessIPv6":"2001:db8::2"`
	return append(out,
		Step{Call: "POST " + server + "/action", To: 56, Want: 202,
			Body: rebuild + `,"personality":[{"path":"/etc/motd","contents":"Zm9v"}]}}`},
		Step{Call: "POST " + server + "/action", From: 57, To: 89, Want: 202,
			Body: rebuild + `,"user_data":"Zm9v","key_name":null,"description":"d"}}`},
		Step{Call: "POST " + server + "/action", From: 90, Want: 202, Body: rebuild + `,"hostname":"rebuilt"}}`},
		until("ACTIVE"))
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVrq1NeYhVJXqIXcv0qZ8nPsxxSy9tvvv9ZTpVSu0pJ a@example.org"

var keySteps = []Step{
	{Call: "POST /v2.1/os-keypairs", To: 1, Body: `{"keypair":{"name":"{new:key}","public_key":"` + publicKey + `"}}`,
		Want: 200, Again: 409, Own: true},
	{Call: "POST /v2.1/os-keypairs", From: 2, Body: `{"keypair":{"name":"{new:key}","public_key":"` + publicKey +
		`","type":"ssh"}}`, Want: 201, Again: 409, Own: true},
	{Call: "GET /v2.1/os-keypairs", Want: 200},
	{Call: "GET /v2.1/os-keypairs/{key}", To: 9, Want: 200},
	{Call: "GET /v2.1/os-keypairs/{key}?user_id={member}", From: 10, Want: 200},
	{Call: "DELETE /v2.1/os-keypairs/{key}", To: 1, Want: 202, Again: 404},
	{Call: "DELETE /v2.1/os-keypairs/{key}", From: 2, To: 9, Want: 204, Again: 404},
	{Call: "DELETE /v2.1/os-keypairs/{key}?user_id={member}", From: 10, Want: 204, Again: 404},
}

var flavorSteps = []Step{
	{Call: "POST /v2.1/flavors", To: 101, Want: 200, Again: 409,
		Body: `{"flavor":{"name":"{new}","id":"{new:f}","ram":64,"vcpus":1,"disk":1,"OS-FLV-EXT-DATA:ephemeral":0,"swap":0,
		"rxtx_factor":1.5,"os-flavor-access:is_public":false}}`},
	{Call: "POST /v2.1/flavors", From: 102, Want: 200, Again: 409,
		Body: `{"flavor":{"name":"{new}","id":"{new:f}","ram":64,"vcpus":1,"disk":1,"OS-FLV-EXT-DATA:ephemeral":0,"swap":0,
		"os-flavor-access:is_public":false}}`},
	{Call: "GET /v2.1/flavors", Want: 200},
	{Call: "GET /v2.1/flavors?is_public=none&minRam=1&minDisk=0&limit=1&sort_key=name&sort_dir=asc", Want: 200},
	{Call: "GET /v2.1/flavors/detail", Want: 200},
	{Call: "GET /v2.1/flavors/detail?name=m1", From: 102, Want: 200},
	{Call: "GET /v2.1/flavors/{flavor}", Want: 200},
	{Call: "PUT /v2.1/flavors/{f}", From: 55, Body: `{"flavor":{"description":"d"}}`, Want: 200},
	{Call: "GET /v2.1/flavors/{f}/os-flavor-access", Want: 200},
	{Call: "POST /v2.1/flavors/{f}/action", Body: `{"addTenantAccess":{"tenant":"{home}"}}`, Want: 200, Again: 409},
	{Call: "POST /v2.1/flavors/{f}/action", Body: `{"removeTenantAccess":{"tenant":"{home}"}}`, Want: 200, Again: 404},
	{Call: "DELETE /v2.1/flavors/{f}", Want: 202, Again: 404},
}

var flavorSpecSteps = []Step{
	{Call: "POST /v2.1/flavors", Body: `{"flavor":{"name":"{new}","id":"{new:f}","ram":64,"vcpus":1,"disk":1}}`, Want: 200,
		Again: 409},
	{Call: "POST /v2.1/flavors/{f}/os-extra_specs", Body: `{"extra_specs":{"hw:cpu_policy":"shared","hw:numa_nodes":"1"}}`,
		Want: 200},
	{Call: "GET /v2.1/flavors/{f}/os-extra_specs", Want: 200},
	{Call: "GET /v2.1/flavors/{f}/os-extra_specs/hw:cpu_policy", Want: 200},
	{Call: "PUT /v2.1/flavors/{f}/os-extra_specs/hw:cpu_policy", Body: `{"hw:cpu_policy":"mixed"}`, Want: 200},
	{Call: "DELETE /v2.1/flavors/{f}/os-extra_specs/hw:cpu_policy", Want: 200, Again: 404},
	{Call: "DELETE /v2.1/flavors/{f}", Want: 202},
}

const aggregate = "/v2.1/os-aggregates/{agg}"

var aggregateSteps = []Step{
	{Call: "POST /v2.1/os-aggregates", Body: `{"aggregate":{"name":"{new}","availability_zone":null}}`, Want: 200,
		Keep: "agg=aggregate.id", Again: 409},
	{Call: "GET /v2.1/os-aggregates", Want: 200},
	{Call: "GET " + aggregate, Want: 200, Unknown: 400},
	{Call: "PUT " + aggregate, Body: `{"aggregate":{"name":"{new}"}}`, Want: 200, Unknown: 400},
	{Call: "POST " + aggregate + "/action", Body: `{"add_host":{"host":"{host}"}}`, Want: 200, Again: 409, Unknown: 400},
	{Call: "POST " + aggregate + "/action", Body: `{"set_metadata":{"metadata":{"a":"b","c":null}}}`, Want: 200,
		Unknown: 400},
	{Call: "POST " + aggregate + "/images", From: 81, Body: `{"cache":[{"id":"{image}"}]}`, Want: 202, Unknown: 400},
	{Call: "POST " + aggregate + "/action", Body: `{"remove_host":{"host":"{host}"}}`, Want: 200, Again: 404,
		Unknown: 400},
	{Call: "DELETE " + aggregate, Want: 200, Again: 404, Unknown: 400},
}

// groupSteps make a server group in each form of the request.
func groupSteps() []Step {
	const group = "/v2.1/os-server-groups/{g}"
	create := func(from, to int, rest string) Step {
		return Step{Call: "POST /v2.1/os-server-groups", From: from, To: to, Want: 200, Own: true,
			Body: `{"server_group":{"name":"{new}",` + rest + `}}`, Keep: "g=server_group.id"}
	}
	return []Step{
		create(0, 14, `"policies":["anti-affinity"]`),
		create(15, 63, `"policies":["soft-affinity"]`),
		create(64, 0, `"policy":"anti-affinity","rules":{"max_server_per_host":3}`),
		{Call: "GET /v2.1/os-server-groups", Want: 200},
		{Call: "GET /v2.1/os-server-groups?limit=1&offset=0", Want: 200},
		{Call: "GET /v2.1/os-server-groups?all_projects=1", Who: "admin", Want: 200, Case: "of all"},
		{Call: "GET " + group, Want: 200},
		{Call: "DELETE " + group, Want: 204, Again: 404},
	}
}

var computeQuotaSteps = []Step{
	{Call: "GET /v2.1/os-quota-sets/{home}", Want: 200, Unknown: 403},
	{Call: "GET /v2.1/os-quota-sets/{home}/detail", Want: 200, Unknown: 403},
	{Call: "GET /v2.1/os-quota-sets/{home}/defaults", Want: 200, Unknown: 400},
	{Call: "PUT /v2.1/os-quota-sets/{away}", Who: "admin", Body: `{"quota_set":{"instances":20,"cores":-1,"force":true}}`,
		Want: 200, Unknown: 400},
	{Call: "DELETE /v2.1/os-quota-sets/{away}", Who: "admin", Want: 202, Unknown: -1},
	{Call: "GET /v2.1/os-quota-class-sets/default", Who: "admin", Want: 200},
	{Call: "PUT /v2.1/os-quota-class-sets/surface", Who: "admin",
		Body: `{"quota_class_set":{"instances":20,"cores":-1}}`, Want: 200},
	{Call: "GET /v2.1/limits", Want: 200},
	{Call: "GET /v2.1/limits?tenant_id={away}", Who: "admin", Want: 200, Case: "of another"},
	{Call: "GET /v2.1/os-simple-tenant-usage", Who: "admin", Want: 200},
	{Call: "GET /v2.1/os-simple-tenant-usage?detailed=1&start=2026-01-01T00:00:00", Who: "admin", Want: 200},
	{Call: "GET /v2.1/os-simple-tenant-usage/{home}", Want: 200, Unknown: 403},
}

var computeInfoSteps = []Step{
	{Call: "GET /v2.1/", Want: 200, Open: true},
	{Call: "GET /v2.1/extensions", Want: 200, Keep: "ext=extensions.0.alias"},
	{Call: "GET /v2.1/extensions/{ext}", Want: 200},
	{Call: "GET /v2.1/os-availability-zone", Want: 200},
	{Call: "GET /v2.1/os-availability-zone/detail", Who: "admin", Want: 200},
}

var hostSteps = []Step{
	{Call: "GET /v2.1/os-hypervisors", Want: 200, Keep: "hyp=hypervisors.0.id"},
	{Call: "GET /v2.1/os-hypervisors/detail", Want: 200},
	{Call: "GET /v2.1/os-hypervisors/{hyp}", Want: 200},
	{Call: "GET /v2.1/os-hypervisors/{hyp}/uptime", To: 87, At: 87, Want: 200},
	{Call: "GET /v2.1/os-hypervisors/statistics", To: 87, At: 87, Want: 200},
	{Call: "GET /v2.1/os-hypervisors/{host}/search", To: 52, At: 52, Want: 200},
	{Call: "GET /v2.1/os-hypervisors/{host}/servers", To: 52, At: 52, Want: 200},
	{Call: "GET /v2.1/os-services", Want: 200},
	{Call: "GET /v2.1/os-services?binary=nova-compute&host={host}", Want: 200, Keep: "svc=services.0.id"},
	{Call: "PUT /v2.1/os-services/{svc}", From: 53, Body: `{"status":"enabled"}`, Want: 200},
	{Call: "PUT /v2.1/os-services/enable", To: 52, At: 52, Body: `{"host":"{host}","binary":"nova-compute"}`, Want: 200},
	{Call: "PUT /v2.1/os-services/disable-log-reason", To: 52, At: 52,
		Body: `{"host":"{host}","binary":"nova-compute","disabled_reason":"why"}`, Want: 200},
	{Call: "PUT /v2.1/os-services/enable", To: 52, At: 52, Body: `{"host":"{host}","binary":"nova-compute"}`, Want: 200},
}

// serviceSteps delete the record of a service. The service creates it again with its next heartbeat.
var serviceSteps = []Step{
	{Call: "GET /v2.1/os-services?binary=nova-scheduler", Want: 200, Until: "services.0.binary=nova-scheduler",
		Keep: "svc=services.0.id"},
	{Call: "DELETE /v2.1/os-services/{svc}", Want: 204, Again: 404, Unknown: -1},
}
