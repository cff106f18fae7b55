package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// addressesAPI shows the addresses of a server.
type addressesAPI struct{ wire.ServerLoader }

var addressOps = api.Resource[*addressesAPI]{Name: "addresses", Plural: "addresses", Ops: api.Ops[*addressesAPI]{
	api.On("GET /servers/{server_id}/ips", policies.IPsIndex, 200, (*addressesAPI).Server, (*addressesAPI).list),
	api.On("GET /servers/{server_id}/ips/{network}", policies.IPsShow, 200, (*addressesAPI).Server, (*addressesAPI).show,
		api.Bare()),
}}

func plainAddresses(v *nova.Server) map[string][]plainAddress {
	m := map[string][]plainAddress{}
	for _, x := range v.Addresses {
		m[x.Network] = append(m[x.Network], plainAddress{x.Version, x.IP})
	}
	return m
}

func (a *addressesAPI) list(_ context.Context, _ *api.Request, v *nova.Server,
	_ *api.None) (map[string][]plainAddress, error) {
	return plainAddresses(v), nil
}

func (a *addressesAPI) show(_ context.Context, r *api.Request, v *nova.Server,
	_ *api.None) (map[string][]plainAddress, error) {
	label := r.Param("network")
	list, ok := plainAddresses(v)[label]
	if !ok {
		return nil, fault.NotFoundf("Instance is not a member of specified network")
	}
	return map[string][]plainAddress{label: list}, nil
}
