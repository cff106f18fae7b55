// Package agent is the neutron agent: it wires a host's ports, answers DHCP and metadata requests, and reports the
// state of ports.
//
//	netdev    host toolbox: links, namespaces, sockets, connection tracking (netlink lives here alone)
//	nft       the packet filter: pure builder, one command to apply it
//	l2        plan, difference and application
//	dhcp      answers from the state, no leases kept
//	metadata  proxy that says who asks
//	fair      bounds of what one guest may ask of both
//
// The server's hint wakes the agent; without one it looks every few seconds. What others change on the host wakes it as
// well, and is undone. Nothing is remembered across a restart that the kernel does not know, and while the server is
// away the host is kept as in its last answer.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/l2"
	"hypernova/neutron/ml2"
	"hypernova/neutron/rpcapi"
	"hypernova/oslo/backoff"
	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
)

// Binary is the role's name.
const Binary = rpcapi.Process

// Config is what an agent must know. Zero durations and ports are the defaults.
type Config struct {
	Poll       time.Duration `conf:"polling_interval" default:"5" min:"0.05" max:"3600" help:"How often the agent asks for its host's state without having been told of a change."`
	Heartbeat  time.Duration `conf:"report_interval" default:"30" min:"0.05" max:"3600" help:"How often the agent says that it is alive."`
	LocalIP    netip.Addr    `conf:"local_ip" help:"This host's end of overlay tunnels; empty for my_ip."`
	TapUser    string        `conf:"tap_user" help:"The user that opens servers' network devices; empty where the hypervisor is root."`
	TunnelPort int           `conf:"vxlan_udp_port" default:"4789" min:"1" max:"65535" help:"The UDP port of overlay tunnels."`

	External netip.Prefix `conf:"external_address" help:"The host's address on a bridge that the agent makes for the physical network public, with the length of the network's prefix, such as 172.24.4.1/24: the host routes and translates what leaves the cloud by it, and reaches floating addresses itself. Empty makes none. hypernova up sets the first address of [bootstrap] external_cidr."`

	Physical Physical // what connects the host to physical networks

	Host    string
	Owner   uint32 // number of the cloud on this machine, which marks what the agent makes; 0 where no other cloud can be
	Version string
	Down    time.Duration // the server marks the agent as down if no heartbeat came for so long; default 75 s

	MetadataURL    string        // of nova's metadata API; empty: guests find no metadata on the network
	MetadataSecret string        // shared with it
	DNSDomain      string        // given to guests by DHCP
	Lease          time.Duration // default 24 h
	TunnelAlways   bool          // tunnels also for networks that no other host has ports of

	Netns       string // path of the network namespace that plays the host; empty: the process's own
	SpacePrefix string // of the names of DHCP namespaces; default "qdhcp-"
}

// Physical is section [linux_bridge].
type Physical struct {
	Devices map[string]string `conf:"physical_interface_mappings" help:"Physical networks and the network devices of this host that are connected to them, as name:device. The device becomes a port of the network's bridge."`
	Bridges map[string]string `conf:"bridge_mappings" help:"Physical networks and the bridges of this host that are connected to them, as name:bridge. The bridge stays as it is."`
}

// ExternalNetwork is the physical network of the bridge that the agent makes itself.
const ExternalNetwork = "public"

// connections are what connects the host to physical networks. A bridge counts more than a device.
func (p Physical) connections() map[string]l2.Physical {
	out := map[string]l2.Physical{}
	for name, dev := range p.Devices {
		out[name] = l2.Physical{Device: dev}
	}
	for name, bridge := range p.Bridges {
		out[name] = l2.Physical{Bridge: bridge}
	}
	return out
}

func (c Config) filled() Config {
	conf.Fill(&c)
	shared := conf.Defaults[ml2.Shared]()
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Down, shared.AgentDown}, {&c.Lease, shared.Lease}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	return c
}

// host realises states; it is used by one goroutine at a time.
type host interface {
	// open finds out what the host can do.
	open(ctx context.Context) error
	// apply makes the host as the state says and tells which ports are wired, and why the others are not. ctx bounds what
	// it starts.
	apply(ctx context.Context, s neutron.HostState) (up []string, down map[string]string, err error)
	// watch calls stirred soon after somebody changed the host, until ctx ends. It runs beside the others.
	watch(ctx context.Context, stirred func()) error
	// report tells of the servers that answer guests; another goroutine may ask.
	report(w io.Writer)
	close() error
}

// Deps are what an agent uses.
type Deps struct {
	Bus     *messaging.Bus
	Service service.Options
	Log     *slog.Logger
}

// New makes the service of a real agent, which changes the host it runs on: it needs an administrator's rights.
func New(c Config, d Deps) service.Service {
	c = c.filled()
	return newAgent(c, newLinux(c, d.Log), plugin{d.Bus}, d.Bus, d.Service, d.Log)
}

// NewFake makes the service of an agent without a host: it reports every port wired at once. It runs anywhere,
// unprivileged.
func NewFake(c Config, d Deps) service.Service {
	return newAgent(c.filled(), pretend{}, plugin{d.Bus}, d.Bus, d.Service, d.Log)
}

// Probe finds out whether this host can be a network host, and says what it lacks. It changes nothing that stays.
func Probe(ctx context.Context, c Config, l *slog.Logger) error {
	h := newLinux(c.filled(), l)
	return errors.Join(h.open(ctx), h.close())
}

// server is neutron-server, as an agent sees it.
type server interface {
	state(ctx context.Context, a rpcapi.HostStateArgs) (rpcapi.HostStateReply, error)
	wired(ctx context.Context, a rpcapi.PortsWiredArgs) error
	alive(ctx context.Context, a rpcapi.AgentReportArgs) error
}

type plugin struct{ bus *messaging.Bus }

func (p plugin) state(ctx context.Context, a rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
	return rpcapi.HostState.Do(ctx, p.bus, "", a)
}

func (p plugin) wired(ctx context.Context, a rpcapi.PortsWiredArgs) error {
	_, err := rpcapi.PortsWired.Do(ctx, p.bus, "", a)
	return err
}

func (p plugin) alive(ctx context.Context, a rpcapi.AgentReportArgs) error {
	_, err := rpcapi.AgentReport.Do(ctx, p.bus, "", a)
	return err
}

type agent struct {
	c       Config
	host    host
	server  server
	service service.Service
	log     *slog.Logger
	started time.Time
	pulse   string        // where this process answers beside the bus
	hinted  chan struct{} // one element: a turn that is due already need not be asked for twice
	stirred chan struct{} // likewise
	pull    atomic.Bool   // the next turn asks the server

	// Of the loop's goroutine alone.
	known    bool      // state was pulled at least once
	pulled   time.Time // last
	current  neutron.HostState
	have     neutron.Revisions // of the sections of current; empty: the next answer must be whole
	reported map[string]string // the last report on each port: a reason, or wiredWell

	rounds rounds // for reports
}

const wiredWell = ""

func newAgent(c Config, h host, s server, bus *messaging.Bus, o service.Options, l *slog.Logger) *agent {
	a := &agent{c: c, host: h, server: s, log: l.With(log.Host, c.Host), started: time.Now().UTC(), pulse: o.Pulse,
		hinted: make(chan struct{}, 1), stirred: make(chan struct{}, 1), have: neutron.Revisions{},
		reported: map[string]string{}}
	o.ReportInterval, o.DownTime = c.Heartbeat, c.Down
	a.service = service.New(service.Manager{
		Binary: Binary, Host: c.Host, Topic: rpcapi.Agent, Level: rpcapi.Level,
		CheckConfig: a.check,
		InitHost:    h.open,
		Register: func(s *messaging.Server) {
			rpcapi.Changed.Handle(s, func(context.Context, rpcapi.ChangedArgs) error { a.hint(); return nil })
		},
	}, service.Deps{Bus: bus, Group: membership{a}},

		o)

	return a
}

// Inner is the member of the service group.
func (a *agent) Inner() service.Service { return a.service }

// Name is the role's.
func (a *agent) Name() string { return Binary }

// Run is the manager service's life with the agent's loop beside it. When it ends, the guests' network stays as it is.
func (a *agent) Run(ctx context.Context, ready func()) error {
	var loops sync.WaitGroup
	loopCtx, stop := context.WithCancel(ctx)
	defer stop()
	err := a.service.Run(ctx, func() {
		loops.Go(func() { a.repeat(loopCtx, a.c.Poll, a.hinted, "pull", a.noted) })
		loops.Go(func() {
			a.repeat(loopCtx, time.Minute, nil, "watch", func(ctx context.Context) error { return a.host.watch(ctx, a.stir) })
		})
		loops.Go(func() { a.wake(loopCtx) })
		ready()
	})
	stop()
	loops.Wait()
	if e := a.host.close(); err == nil {
		err = e
	}
	return err
}

func (a *agent) check(context.Context) error {
	if a.c.Host == "" {
		return fault.Invalidf("the network agent needs the name of its host")
	}
	return nil
}

// hint asks for a turn that asks the server.
func (a *agent) hint() {
	a.pull.Store(true)
	raise(a.hinted)
}

// stir asks for a turn that looks at the host alone.
func (a *agent) stir() { raise(a.stirred) }

func raise(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wake passes on that the host was stirred: at once, but not more often than a few times a second.
func (a *agent) wake(ctx context.Context) {
	const spacing = 250 * time.Millisecond
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-a.stirred:
		}
		raise(a.hinted)
		t.Reset(spacing)
	}
}

// repeat does fn at once, then at each wake-up or after every; after a failure sooner, at growing distances.
func (a *agent) repeat(ctx context.Context, every time.Duration, wake <-chan struct{}, what string,
	fn func(context.Context) error) {
	pauses, failures := backoff.Policy{First: 250 * time.Millisecond, Most: every}, 0
	for ctx.Err() == nil {
		wait := every
		if err := contained(ctx, what, fn); err == nil {
			failures = 0
		} else if ctx.Err() == nil {
			wait = min(pauses.Exact(failures), every)
			failures++
			a.log.Warn("network agent", log.Step, what, "again_in", wait.String(), log.Err, err.Error())
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// contained makes an error of a panic: one bad answer must not take the process and the guests' DHCP with it.
func contained(ctx context.Context, what string, fn func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			metric.From(ctx).Panic("service", Binary+" "+what)
			err = fmt.Errorf("it panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(ctx)
}

// turn is a round, or only a look at the host where it is too early for one and nobody asked.
func (a *agent) turn(ctx context.Context) error {
	if !a.pull.Swap(false) && a.known && time.Since(a.pulled) < a.c.Poll {
		return a.keep(ctx, neutron.HostState{})
	}
	err := a.round(ctx)
	if err != nil {
		a.pull.Store(true)
	}
	return err
}

// round pulls, applies and reports. While the server does not answer, the host is kept as in the last answer.
func (a *agent) round(ctx context.Context) error {
	args := rpcapi.HostStateArgs{Host: a.c.Host, Known: a.current.Revision, Have: a.have}
	reply, pullErr := a.server.state(ctx, args)
	var fresh neutron.HostState // the sections of this answer
	if pullErr == nil && (!reply.Unchanged || !a.known) {
		if pullErr = a.take(reply); pullErr == nil {
			fresh = reply.State
		}
	}
	if pullErr != nil && !a.known {
		return pullErr // without the server's first answer nothing on the host is changed
	}
	if pullErr == nil {
		a.pulled = time.Now()
	}
	if err := a.keep(ctx, fresh); err != nil {
		return err
	}
	return pullErr
}

// take makes an answer the current state. After an error the next pull asks for the whole state.
func (a *agent) take(reply rpcapi.HostStateReply) error {
	if reply.Sections == nil { // from a server that knows no sections
		a.current, a.have, a.known = reply.State, neutron.Revisions{}, true
		return nil
	}
	merged, ok := a.current.Merge(reply.State, reply.Sections)
	if !ok {
		a.current.Revision, a.have = 0, neutron.Revisions{}
		return fault.New(fault.Internal, "the server's answer lacks sections of the state that this agent does not have")
	}
	a.current, a.have, a.known = merged, reply.Sections, true
	return nil
}

// keep applies the current state to the host and reports. fresh are the sections that the server has just sent.
func (a *agent) keep(ctx context.Context, fresh neutron.HostState) error {
	up, down, err := a.host.apply(ctx, a.current)
	if err != nil {
		return err
	}
	return a.report(ctx, up, down, fresh)
}

// report tells the server about ports whose state changed since the last report, and about those whose status in fresh
// is not what the last report said.
func (a *agent) report(ctx context.Context, up []string, down map[string]string, fresh neutron.HostState) error {
	active := map[string]bool{} // of the ports in fresh
	for _, n := range fresh.Networks {
		for _, p := range n.Ports {
			active[p.ID] = p.Status == neutron.StatusActive
		}
	}
	contradicts := func(id string, is bool) bool {
		believed, ok := active[id]
		return ok && believed != is
	}
	args := rpcapi.PortsWiredArgs{Host: a.c.Host, Reasons: map[string]string{}}
	now := maps.Clone(down)
	for _, id := range up {
		now[id] = wiredWell
		if was, ok := a.reported[id]; !ok || was != wiredWell || contradicts(id, true) {
			args.Up = append(args.Up, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(down)) {
		if was, ok := a.reported[id]; !ok || was != down[id] || contradicts(id, false) {
			args.Down = append(args.Down, id)
			args.Reasons[id] = down[id]
		}
	}
	if len(args.Up)+len(args.Down) > 0 {
		if err := a.server.wired(ctx, args); err != nil {
			return err
		}
		a.log.Info("ports reported", "revision", a.current.Revision, "up", len(args.Up), "down", len(args.Down))
	}
	a.reported = now
	return nil
}

// beat says that the agents of this host live. The names are those that OpenStack's clients know.
func (a *agent) beat(ctx context.Context) error {
	tunnel := address(a.c.LocalIP)
	return a.server.alive(ctx, rpcapi.AgentReportArgs{
		Host: a.c.Host, TunnelIP: tunnel, Version: a.c.Version, Level: rpcapi.Level, Started: a.started,
		Pulse: a.pulse, Agents: []rpcapi.AgentFacts{
			{Type: "Linux bridge agent", Binary: "neutron-linuxbridge-agent", Topic: "N/A",
				Config: map[string]string{"tunnel_types": "vxlan", "tunneling_ip": tunnel}},
			{Type: "DHCP agent", Binary: "neutron-dhcp-agent", Topic: "dhcp_agent",
				Config: map[string]string{"dhcp_driver": "hypernova",
					"dhcp_lease_duration": strconv.Itoa(int(a.c.Lease.Seconds()))}},
			{Type: "L3 agent", Binary: "neutron-l3-agent", Topic: "l3_agent",
				Config: map[string]string{"agent_mode": "legacy"}},
			{Type: "Metadata agent", Binary: "neutron-metadata-agent", Topic: "N/A",
				Config: map[string]string{"nova_metadata": a.c.MetadataURL}},
		},
	})
}

// address is an address as text, empty where there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// pretend is the host of a fake agent.
type pretend struct{}

func (pretend) open(context.Context) error { return nil }
func (pretend) close() error               { return nil }
func (pretend) report(io.Writer)           {}

func (pretend) watch(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }

func (pretend) apply(_ context.Context, s neutron.HostState) ([]string, map[string]string, error) {
	var up []string
	down := map[string]string{}
	for _, n := range s.Networks {
		for _, p := range n.Ports {
			if p.AdminUp {
				up = append(up, p.ID)
			} else {
				down[p.ID] = "the port is administratively down"
			}
		}
	}
	for _, r := range s.Routers {
		for _, p := range r.Ports {
			if r.AdminUp {
				up = append(up, p.ID)
			} else {
				down[p.ID] = "the router is administratively down"
			}
		}
	}
	return up, down, nil
}
