package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"hypernova/oslo/fault"
)

// Listen is [listen].
type Listen struct {
	Host       string `conf:"bind_host" default:"127.0.0.1" help:"The address the APIs listen on; 0.0.0.0 or :: is every address."`
	PublicHost string `conf:"public_host" help:"The name or address by which clients reach the APIs; empty for bind_host, or my_ip where that is every address."`
	PortBase   int    `conf:"port_base" default:"-1" min:"-1" max:"65000" help:"Moves all APIs: keystone listens on this port, glance on the next, then placement, nova, nova's metadata, neutron, the bus, the proxies of screens, of serial consoles and of screens by SPICE. 0 lets the system choose, -1 uses OpenStack's ports."`
	Handover   bool   `conf:"handover" default:"true" help:"Let a process that is started beside this one, with the same ports and state_path, take over the APIs' listeners, so that an upgrade refuses no connection. Processes whose conductors have no bus between them never do."`
	PulseHost  string `conf:"pulse_host" help:"The address at which this process answers for its services beside the message bus, with its metrics; empty for my_ip. A host that is cut off the bus is told apart from a dead one there."`
	PulsePort  int    `conf:"pulse_port" default:"0" min:"-1" max:"65535" help:"The port for that; 0 lets the system choose, -1 is none."`
	MaxConns   int    `conf:"max_connections" default:"0" min:"0" help:"How many clients' connections a process may have at once. 0 follows the limit of open files, of which a quarter, at least 128 and at most 4096, is kept for databases, disks and calls of its own. Beyond it the oldest connection makes room whose client keeps the process waiting and has not proved who it is."`
	PerAddress int    `conf:"connections_per_address" default:"512" min:"0" help:"How many connections one client address may have that have not proved who they are, by a token or a login; at most half of all. Beyond it the oldest of them that keeps the process waiting makes room. Raise it where very many users share an address. Loopback is not bounded, so that a proxy on this host carries any number. 0 is no bound."`
	Keystone   string `conf:"keystone_endpoint" is:"url" help:"The public URL of the identity API, where it is not http://public_host:port."`
	Glance     string `conf:"glance_endpoint" is:"url" help:"The public URL of the image API."`
	Placement  string `conf:"placement_endpoint" is:"url" help:"The public URL of the placement API."`
	Nova       string `conf:"nova_endpoint" is:"url" help:"The public URL of the compute API, without its version."`
	Metadata   string `conf:"metadata_endpoint" is:"url" help:"The URL at which network agents reach the metadata API."`
	Neutron    string `conf:"neutron_endpoint" is:"url" help:"The public URL of the network API."`

	NoVNCProxy  string `conf:"novncproxy_endpoint" is:"url" help:"The public URL of the proxy of screens."`
	SerialProxy string `conf:"serialproxy_endpoint" is:"url" help:"The public URL of the proxy of serial consoles, with http or https."`
	SPICEProxy  string `conf:"spicehtml5proxy_endpoint" is:"url" help:"The public URL of the proxy of screens by SPICE."`

	KeystonePort  int `conf:"keystone_port" default:"-1" min:"-1" max:"65535" help:"The port of the identity API; -1 is the one that port_base says."`
	GlancePort    int `conf:"glance_port" default:"-1" min:"-1" max:"65535" help:"The port of the image API; -1 is the one that port_base says."`
	PlacementPort int `conf:"placement_port" default:"-1" min:"-1" max:"65535" help:"The port of the placement API; -1 is the one that port_base says."`
	NovaPort      int `conf:"nova_port" default:"-1" min:"-1" max:"65535" help:"The port of the compute API; -1 is the one that port_base says."`
	MetadataPort  int `conf:"metadata_port" default:"-1" min:"-1" max:"65535" help:"The port of the metadata API; -1 is the one that port_base says."`
	NeutronPort   int `conf:"neutron_port" default:"-1" min:"-1" max:"65535" help:"The port of the network API; -1 is the one that port_base says."`

	NoVNCProxyPort  int `conf:"novncproxy_port" default:"-1" min:"-1" max:"65535" help:"The port of the proxy of screens; -1 is the one that port_base says."`
	SerialProxyPort int `conf:"serialproxy_port" default:"-1" min:"-1" max:"65535" help:"The port of the proxy of serial consoles; -1 is the one that port_base says."`
	SPICEProxyPort  int `conf:"spicehtml5proxy_port" default:"-1" min:"-1" max:"65535" help:"The port of the proxy of screens by SPICE; -1 is the one that port_base says."`
}

// busNATS is the message bus that a process serves itself, in the table of ports.
const busNATS = "bus"

// port is the place of an API or the bus: OpenStack's port, and the offset from port_base.
type port struct {
	api           string
	usual, offset int
}

// ports are those of all APIs and of the bus, in their order.
func ports() []port {
	out := []port{{busNATS, 4222, 6}}
	for _, a := range apis() {
		out = append(out, port{a.name, a.usual, a.offset})
	}
	slices.SortFunc(out, func(a, b port) int { return a.offset - b.offset })
	return out
}

// PortOffsets are the places of the APIs and of the bus after [listen] port_base, by name.
func PortOffsets() map[string]int {
	out := map[string]int{}
	for _, p := range ports() {
		out[p.api] = p.offset
	}
	return out
}

// EndpointSettings are options (section.option=value) that tell a process where the APIs of other processes are. url is
// called with the name of each API.
func EndpointSettings(url func(api string) string) []string {
	var out []string
	for _, a := range apis() {
		if a.option != "" {
			out = append(out, "listen."+a.option+"_endpoint="+url(a.name))
		}
	}
	return out
}

// own are the endpoint and the port that [listen] sets for an API: empty and negative where it does not.
func (l *Listen) own(api string) (endpoint string, port int) {
	if a, ok := apiOf(api); ok && a.options != nil {
		return a.options(l)
	}
	return "", -1
}

// portOf is the port an API listens on; 0: the system chooses.
func (l *Listen) portOf(api string) int {
	if _, n := l.own(api); n >= 0 {
		return n
	}
	for _, p := range ports() {
		if p.api == api {
			switch {
			case l.PortBase < 0:
				return p.usual
			case l.PortBase == 0:
				return 0
			}
			return l.PortBase + p.offset
		}
	}
	return 0
}

// endpoint is the URL by which clients reach an API, without a version. listening is the API's listener where it is
// in this process.
func (c *Config) endpoint(api string, listening net.Listener) string {
	set, _ := c.Listen.own(api)
	if set != "" {
		return strings.TrimRight(set, "/")
	}
	port := c.Listen.portOf(api)
	if listening != nil {
		if a, ok := listening.Addr().(*net.TCPAddr); ok {
			port = a.Port
		}
	}
	return "http://" + net.JoinHostPort(c.publicHost(), strconv.Itoa(port))
}

func (c *Config) publicHost() string {
	if c.Listen.PublicHost != "" {
		return c.Listen.PublicHost
	}
	if a, err := netip.ParseAddr(c.Listen.Host); err == nil && a.IsUnspecified() {
		return c.Default.MyIP
	}
	return c.Listen.Host
}

// listen opens an API's listener. A port that is taken is the commonest reason why a cloud does not start, so the
// message says what to do.
func (c *Config) listen(ctx context.Context, api string) (net.Listener, error) {
	addr := net.JoinHostPort(c.Listen.Host, strconv.Itoa(c.Listen.portOf(api)))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.Conflictf("%s cannot listen on %s: the port is taken. End what uses it (ss -ltnp), or move all "+
			"ports with --port-base", api, addr).Because(err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fault.Invalidf("%s cannot listen on %s: this machine has no such address; see [listen] bind_host", api,
			addr).Because(err)
	case errors.Is(err, syscall.EACCES):
		return nil, fault.Forbiddenf("%s may not listen on %s: a port below 1024 needs root", api, addr).Because(err)
	}
	return l, err
}
