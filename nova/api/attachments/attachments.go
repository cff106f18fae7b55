// Package attachments is the operations of the Compute API on what is attached to a server: ports, volumes, shares and
// the security groups of its ports.
package attachments

import (
	"slices"

	"hypernova/neutron"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
)

// Deps are what the operations use.
type Deps struct {
	Servers  *servers.Servers
	Networks neutron.API
	Groups   SecurityGroups // nil: os-security-groups of a server is 501
}

// Resources are the operations with their receivers.
func Resources(d Deps) []api.Bound {
	loader := wire.ServerLoader{Servers: d.Servers}
	return slices.Concat(
		api.Bind(&interfacesAPI{loader, d.Networks}, interfaceOps),
		api.Bind(&volumesAPI{loader}, volumeOps),
		api.Bind(&sharesAPI{loader}, shareOps),
		api.Bind(&groupsAPI{loader, d.Networks, d.Groups}, groupOps),
	)
}
