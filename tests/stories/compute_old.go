package stories

import (
	"strings"

	"hypernova/nova/api/gone"
)

// proxySteps are the operations of old versions that other services do.
func proxySteps() []Step {
	const last, lastMetadata = 35, 38
	return []Step{
		{Call: "GET /v2.1/images", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/images/detail?status=ACTIVE&limit=1", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/images/{image}", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/images/{image}/metadata", To: lastMetadata, At: lastMetadata, Want: 200},
		{Call: "POST /v2.1/images/{image}/metadata", Who: "admin", To: lastMetadata, At: lastMetadata,
			Body: `{"metadata":{"a":"b"}}`, Want: 200},
		{Call: "PUT /v2.1/images/{image}/metadata/c", Who: "admin", To: lastMetadata, At: lastMetadata,
			Body: `{"meta":{"c":"d"}}`, Want: 200},
		{Call: "GET /v2.1/images/{image}/metadata/c", To: lastMetadata, At: lastMetadata, Want: 200},
		{Call: "DELETE /v2.1/images/{image}/metadata/c", Who: "admin", To: lastMetadata, At: lastMetadata, Want: 204,
			Again: 404},
		{Call: "PUT /v2.1/images/{image}/metadata", Who: "admin", To: lastMetadata, At: lastMetadata,
			Body: `{"metadata":{"a":"c"}}`, Want: 200},
		{Call: "DELETE /v2.1/images/{uuid:none}", To: last, At: last, Want: 404},
		{Call: "GET /v2.1/os-networks", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/os-networks/{network}", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/os-tenant-networks", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/os-tenant-networks/{network}", To: last, At: last, Want: 200},
		{Call: "POST /v2.1/os-security-groups", To: last, At: last,
			Body: `{"security_group":{"name":"{new}","description":"d"}}`, Want: 200, Keep: "g=security_group.id", Own: true},
		{Call: "GET /v2.1/os-security-groups", To: last, At: last, Want: 200},
		{Call: "GET /v2.1/os-security-groups/{g}", To: last, At: last, Want: 200},
		{Call: "PUT /v2.1/os-security-groups/{g}", To: last, At: last,
			Body: `{"security_group":{"name":"{new}","description":"e"}}`, Want: 200},
		{Call: "POST /v2.1/os-security-group-rules", To: last, At: last,
			Body: `{"security_group_rule":{"parent_group_id":"{g}",
			"ip_protocol":"tcp","from_port":80,"to_port":80,"cidr":"10.0.0.0/8"}}`, Want: 200,
			Keep:  "gr=security_group_rule.id",
			Again: 400},
		{Call: "DELETE /v2.1/os-security-group-rules/{gr}", To: last, At: last, Want: 202, Again: 404},
		{Call: "DELETE /v2.1/os-security-groups/{g}", To: last, At: last, Want: 202, Again: 404},
		{Call: "POST /v2.1/os-baremetal-nodes", To: last, At: last, Body: `{"node":{}}`, Want: 400},
		{Call: "DELETE /v2.1/os-baremetal-nodes/1", To: last, At: last, Want: 400},
		{Call: "POST /v2.1/os-baremetal-nodes/1/action", To: last, At: last, Body: `{"add_interface":null}`,
			Want: 400},
		{Call: "POST /v2.1/os-baremetal-nodes/1/action", To: last, At: last, Body: `{"remove_interface":null}`,
			Want: 400},
	}
}

// oldHostSteps are the operations on hosts of old versions, reports of use, and lists of moves.
var oldHostSteps = []Step{
	{Call: "GET /v2.1/os-hosts", To: 42, At: 42, Want: 200},
	{Call: "GET /v2.1/os-hosts/{host}", To: 42, At: 42, Want: 200},
	{Call: "PUT /v2.1/os-hosts/{host}", To: 42, At: 42, Body: `{"status":"enable"}`, Want: 501},
	{Call: "GET /v2.1/os-hosts/{host}/startup", To: 42, At: 42, Want: 501},
	{Call: "GET /v2.1/os-hosts/{host}/shutdown", To: 42, At: 42, Want: 501},
	{Call: "GET /v2.1/os-hosts/{host}/reboot", To: 42, At: 42, Want: 501},
	{Call: "GET /v2.1/os-instance_usage_audit_log", Want: 200},
	{Call: "GET /v2.1/os-instance_usage_audit_log/2026-11-30%2010:00:00", Want: 200},
	{Call: "GET /v2.1/os-migrations", To: 58, Want: 200},
	{Call: "GET /v2.1/os-migrations?limit=1&changes-since=2026-01-01T00:00:00Z", From: 59, Want: 200},
}

// goneSteps are the removed operations.
func goneSteps() []Step {
	var out []Step
	for _, o := range gone.Operations() {
		call, action, isAction := strings.Cut(o, "/action ")
		method, path, _ := strings.Cut(call, " ")
		path = strings.NewReplacer("{server_id}", "{uuid:none}", "{id}", "1", "{domain}", "d").Replace(path)
		s := Step{Call: method + " /v2.1" + path, Want: 410}
		switch {
		case isAction && strings.Contains(o, "server_id"):
			continue // an action on a server that is there
		case isAction:
			s.Call, s.Body = s.Call+"/action", `{"`+action+`":null}`
		}
		out = append(out, s)
	}
	return out
}
