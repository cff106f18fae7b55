package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"hypernova/neutron"
	"hypernova/neutron/agent/dhcp"
	"hypernova/neutron/agent/l2"
	"hypernova/neutron/agent/metadata"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
	"hypernova/oslo/fault"
	"hypernova/oslo/metric"
)

// linux is a real host.
type linux struct {
	c   Config
	log *slog.Logger

	kernel *netdev.Host
	layer2 *l2.Reconciler
	dhcp   *dhcp.Server
	leases atomic.Int64 // answers sent

	repairs atomic.Int64 // things that others had changed

	mu      sync.Mutex          // guards what follows from reports; only the agent's loop changes it
	proxy   *metadata.Proxy     // nil: no metadata
	answers map[string]*answers // by namespace
}

func newLinux(c Config, l *slog.Logger) *linux {
	return &linux{c: c, log: l, answers: map[string]*answers{}}
}

func (x *linux) open(ctx context.Context) error {
	o := netdev.Options{Owner: x.c.Owner, Netns: x.c.Netns, SpacePrefix: x.c.SpacePrefix, TapOwner: -1, TapGroup: -1}
	if x.c.TapUser != "" {
		u, err := user.Lookup(x.c.TapUser)
		if err != nil {
			return fault.Invalidf("the user %q that shall open the guests' taps is not known on this host",
				x.c.TapUser).Because(err)
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if err := errors.Join(errUID, errGID); err != nil {
			return err
		}
		o.TapOwner, o.TapGroup = uid, gid
	}
	kernel, err := netdev.Open(o)
	if err != nil {
		return err
	}
	mode, err := nft.Probe(ctx, kernel.Run, kernel.BridgeFilter)
	if err != nil {
		return errors.Join(err, kernel.Close())
	}
	if x.c.MetadataURL != "" {
		proxy, err := metadata.New(metadata.Config{Target: x.c.MetadataURL, Secret: x.c.MetadataSecret},
			counts(ctx, "metadata"), x.log)
		if err != nil {
			return errors.Join(err, kernel.Close())
		}
		x.mu.Lock()
		x.proxy = proxy
		x.mu.Unlock()
	}
	if mode == nft.Mark {
		kernel.ShowToIPHooks()
	}
	x.kernel = kernel
	x.dhcp = dhcp.New(dhcp.Config{Lease: x.c.Lease, Domain: x.c.DNSDomain}, counts(ctx, "dhcp"), x.log)
	x.layer2 = l2.New(kernel, l2.Settings{
		Owner: x.c.Owner, TunnelIP: x.c.LocalIP, TunnelPort: x.c.TunnelPort, TunnelAlways: x.c.TunnelAlways,
		SpaceName: kernel.SpaceName, RouterName: kernel.RouterName, Mode: mode,
		Physical: x.c.Physical.connections(), Outside: l2.Outside{Physical: ExternalNetwork, Address: x.c.External},
	}, x.log)
	x.log.Info("network host opened", "security_groups", string(mode), "local_ip", address(x.c.LocalIP))
	return nil
}

func (x *linux) apply(ctx context.Context, s neutron.HostState) ([]string, map[string]string, error) {
	res, err := x.layer2.Apply(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range res.Repaired {
		x.repairs.Add(1)
		metric.From(ctx).Count("network_repair", r.Kind, 1)
	}
	x.answer(ctx, s, &res)
	up := slices.DeleteFunc(res.Up, func(id string) bool { _, down := res.Down[id]; return down })
	return up, res.Down, nil
}

func (x *linux) watch(ctx context.Context, stirred func()) error { return x.kernel.Watch(ctx, stirred) }

// answer keeps DHCP and metadata answering on each network that has a namespace here.
func (x *linux) answer(ctx context.Context, s neutron.HostState, res *l2.Result) {
	wanted := map[string]bool{}
	for _, n := range s.Networks {
		name := x.kernel.SpaceName(n.ID)
		condition := res.Spaces[name]
		if condition == "" || condition == l2.Failed {
			continue
		}
		wanted[name] = true
		running := x.answers[name]
		if running != nil && (condition == l2.Changed || running.ended()) {
			running.stop()
			running = nil
		}
		if running != nil {
			running.network.Store(&n)
			continue
		}
		started, err := x.start(ctx, name, n)
		if err != nil {
			x.serving(name, nil)
			x.log.Warn("network not served", "network", n.ID, "error", err.Error())
			for _, p := range n.Ports {
				if res.Down[p.ID] == "" {
					res.Down[p.ID] = fmt.Sprintf("DHCP and metadata are not served: %v", err)
				}
			}
			continue
		}
		x.serving(name, started)
	}
	for name, a := range maps.Clone(x.answers) {
		if !wanted[name] {
			a.stop()
			x.serving(name, nil)
		}
	}
}

// serving notes what answers in a namespace; nil: nothing.
func (x *linux) serving(name string, a *answers) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a == nil {
		delete(x.answers, name)
		return
	}
	x.answers[name] = a
}

// start opens the sockets in the namespace and answers in the background until stop.
func (x *linux) start(ctx context.Context, name string, n neutron.HostNetwork) (*answers, error) {
	opened, err := x.kernel.ListenDatagrams(ctx, name, netdev.InsideName(n.ID), dhcp.Port)
	if err != nil {
		return nil, err
	}
	sock := counted{opened, &x.leases}
	a := newAnswers(ctx, n)
	if x.proxy != nil {
		l, err := x.kernel.Listen(name, metadataAt)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("metadata: %w", err), sock.Close())
		}
		a.run(x.log, "metadata", func(ctx context.Context) error { return x.proxy.Serve(ctx, l, a.state) })
	}
	a.run(x.log, "dhcp", func(ctx context.Context) error { return x.dhcp.Serve(ctx, sock, a.state) })
	return a, nil
}

// counts makes the counter of what becomes of guests' requests.
func counts(ctx context.Context, sort string) func(what string) {
	m := metric.From(ctx)
	return func(what string) { m.Count(sort, what, 1) }
}

// counted counts what is sent.
type counted struct {
	dhcp.Socket
	sent *atomic.Int64
}

func (c counted) SendTo(mac net.HardwareAddr, packet []byte) error {
	err := c.Socket.SendTo(mac, packet)
	if err == nil {
		c.sent.Add(1)
	}
	return err
}

// close stops answering. The host stays as it is: guests keep their network while no agent runs.
func (x *linux) close() error {
	for _, a := range x.answers {
		a.stop()
	}
	x.mu.Lock()
	x.answers = map[string]*answers{}
	x.mu.Unlock()
	if x.kernel == nil {
		return nil
	}
	return x.kernel.Close()
}
