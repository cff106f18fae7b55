// Package gone is the operations that the Compute API had once and that answer 410 at every microversion: those of
// nova-network, nova-cert, cells of the first kind, agents of XenServer and the like. What ended with a microversion
// answers 404 from then on, by the span of its declaration.
package gone

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// operations are the removed operations, as in nova's routes: method and path, and for an action its name.
var operations = strings.Split(strings.TrimSpace(`
GET /os-agents
POST /os-agents
PUT /os-agents/{id}
DELETE /os-agents/{id}
GET /os-cells
POST /os-cells
GET /os-cells/capacities
GET /os-cells/detail
GET /os-cells/info
POST /os-cells/sync_instances
GET /os-cells/{id}
PUT /os-cells/{id}
DELETE /os-cells/{id}
GET /os-cells/{id}/capacities
POST /os-certificates
GET /os-certificates/{id}
GET /os-cloudpipe
POST /os-cloudpipe
PUT /os-cloudpipe/{id}
GET /os-fixed-ips/{id}
POST /os-fixed-ips/{id}/action reserve
POST /os-fixed-ips/{id}/action unreserve
GET /os-floating-ip-dns
PUT /os-floating-ip-dns/{id}
DELETE /os-floating-ip-dns/{id}
GET /os-floating-ip-dns/{domain}/entries/{id}
PUT /os-floating-ip-dns/{domain}/entries/{id}
DELETE /os-floating-ip-dns/{domain}/entries/{id}
GET /os-floating-ips-bulk
POST /os-floating-ips-bulk
GET /os-floating-ips-bulk/{id}
PUT /os-floating-ips-bulk/{id}
GET /os-fping
GET /os-fping/{id}
POST /os-networks
POST /os-networks/add
DELETE /os-networks/{id}
POST /os-networks/{id}/action disassociate
POST /os-networks/{id}/action disassociate_host
POST /os-networks/{id}/action disassociate_project
POST /os-networks/{id}/action associate_host
GET /os-security-group-default-rules
POST /os-security-group-default-rules
GET /os-security-group-default-rules/{id}
DELETE /os-security-group-default-rules/{id}
POST /os-tenant-networks
DELETE /os-tenant-networks/{id}
GET /servers/{server_id}/consoles
POST /servers/{server_id}/consoles
GET /servers/{server_id}/consoles/{id}
DELETE /servers/{server_id}/consoles/{id}
GET /servers/{server_id}/os-virtual-interfaces
POST /servers/{server_id}/action resetNetwork
`), "\n")

// goneAPI needs nothing.
type goneAPI struct{}

// Operations lists the removed operations: method, path, and the name of an action.
func Operations() []string { return slices.Clone(operations) }

// Resources are the operations. Every token may ask for them.
func Resources() []api.Bound {
	var ops api.Ops[goneAPI]
	for _, o := range operations {
		call, action, isAction := strings.Cut(o, "/action ")
		if isAction {
			ops = append(ops, api.Act(call+"/action", action, nil, http.StatusAccepted, api.Nothing[goneAPI], goneAPI.act,
				api.LooseQuery()))
		} else {
			ops = append(ops, api.Do(o, nil, http.StatusOK, goneAPI.do, api.LooseQuery()))
		}
	}
	return api.Bind(goneAPI{}, api.Resource[goneAPI]{Name: "removed", Plural: "removed", Ops: ops})
}

// errGone has the words that clients know from nova.
func errGone() error {
	return fault.New(fault.Gone, "This resource is no longer available. No forwarding address is given.")
}

func (goneAPI) do(context.Context, *api.Request, *api.None) (api.None, error) {
	return api.None{}, errGone()
}

func (goneAPI) act(context.Context, *api.Request, api.None, *api.None) (api.None, error) {
	return api.None{}, errGone()
}
