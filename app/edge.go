package app

import (
	"net"
	"net/http"

	"hypernova/oslo/fault"
	"hypernova/oslo/middleware"
)

// edge puts before an API what OpenStack's service of that kind has there: answers to load balancers, and to scripts of other sites.
func (p *Process) edge(api string, h http.Handler) (http.Handler, error) {
	own, ok := browserHeaders()[api]
	if !ok {
		return h, nil
	}
	if api != apiPlacement || len(p.c.CORS.Origins) > 0 {
		h = p.c.CORS.For(own).Handler(h)
	}
	if api == apiNova || api == apiPlacement {
		return h, nil // theirs have no such path
	}
	port := p.c.Listen.portOf(api)
	if a, ok := p.listeners[api].Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	h, err := p.c.Health.Handler(port, h)
	if err != nil {
		return nil, fault.Invalidf("[healthcheck] %v", err)
	}
	return h, nil
}

// browserHeaders are what scripts may send to each API and read of its answers, unless [cors] says otherwise.
func browserHeaders() map[string]middleware.CORS {
	usual := []string{"X-Auth-Token", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id", "X-Tenant-Id"}
	with := func(more ...string) []string { return append(more, usual...) }
	return map[string]middleware.CORS{
		apiNova: {Headers: with("X-OpenStack-Request-ID", "X-OpenStack-Nova-API-Version", "OpenStack-API-Version"),
			Expose: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "X-Service-Token",
				"X-OpenStack-Nova-API-Version", "OpenStack-API-Version"}},
		apiNeutron: {Headers: with("X-OpenStack-Request-ID"),
			Expose: []string{"X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID", "OpenStack-Volume-microversion"}},
		apiKeystone: {Headers: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "X-Project-Id", "X-Project-Name",
			"X-Project-Domain-Id", "X-Project-Domain-Name", "X-Domain-Id", "X-Domain-Name", "Openstack-Auth-Receipt"},
			Expose: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "Openstack-Auth-Receipt"}},
		apiGlance: {Headers: with("Content-MD5", "X-Image-Meta-Checksum", "X-Storage-Token", "Accept-Encoding", "X-OpenStack-Request-ID"),
			Expose: []string{"X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID"}},
		apiPlacement: {},
	}
}
