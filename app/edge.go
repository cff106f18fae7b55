package app

import (
	"net"
	"net/http"

	"hypernova/oslo/fault"
	"hypernova/oslo/middleware"
)

// edge puts before an API what OpenStack's service of that kind has there: CORS, and /healthcheck for load balancers.
func (n *listeners) edge(api string, h http.Handler) (http.Handler, error) {
	a, _ := apiOf(api)
	if a.cors != nil && (!a.corsOnly || len(n.p.c.CORS.Origins) > 0) {
		h = n.p.c.CORS.For(*a.cors).Handler(h)
	}
	if !a.health {
		return h, nil
	}
	port := n.p.c.Listen.portOf(api)
	if tcp, ok := n.open[api].Addr().(*net.TCPAddr); ok {
		port = tcp.Port
	}
	h, err := n.p.c.Health.Handler(port, h)
	if err != nil {
		return nil, fault.Invalidf("[healthcheck] %v", err)
	}
	return h, nil
}

// usualHeaders are the headers that scripts may send to most APIs, after more.
func usualHeaders(more ...string) []string {
	return append(more, "X-Auth-Token", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id", "X-Tenant-Id")
}

func novaCORS() *middleware.CORS {
	return &middleware.CORS{Headers: usualHeaders("X-OpenStack-Request-ID", "X-OpenStack-Nova-API-Version",
		"OpenStack-API-Version"),
		Expose: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "X-Service-Token",
			"X-OpenStack-Nova-API-Version",
			"OpenStack-API-Version"}}
}

func neutronCORS() *middleware.CORS {
	return &middleware.CORS{Headers: usualHeaders("X-OpenStack-Request-ID"),
		Expose: []string{"X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID",
			"OpenStack-Volume-microversion"}}
}

func keystoneCORS() *middleware.CORS {
	return &middleware.CORS{Headers: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "X-Project-Id",
		"X-Project-Name",
		"X-Project-Domain-Id", "X-Project-Domain-Name", "X-Domain-Id", "X-Domain-Name", "Openstack-Auth-Receipt"},
		Expose: []string{"X-Auth-Token", "X-Openstack-Request-Id", "X-Subject-Token", "Openstack-Auth-Receipt"}}
}

func glanceCORS() *middleware.CORS {
	return &middleware.CORS{Headers: usualHeaders("Content-MD5", "X-Image-Meta-Checksum", "X-Storage-Token",
		"Accept-Encoding", "X-OpenStack-Request-ID"),
		Expose: []string{"X-Image-Meta-Checksum", "X-Auth-Token", "X-Subject-Token", "X-Service-Token",
			"X-OpenStack-Request-ID"}}
}
