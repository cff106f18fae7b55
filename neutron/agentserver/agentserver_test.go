package agentserver_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/mech/bridge"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/plugin"
	"hypernova/neutron/quota"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/neutron/subnets"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// site is neutron-server on a bus, and hosts that listen for hints.
type site struct {
	bus    *messaging.Bus
	db     *db.DB
	n      *plugin.Plugin
	agents *agentserver.Server
	now    time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	d := dbtest.Memory(t, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
	c := plugin.Config{ML2: ml2.Defaults(), Quotas: quota.Defaults()}
	ts, err := types.New(c.ML2)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{bus: bus, db: d, now: clock.Real()}
	now := func() time.Time { return s.now }
	s.n = plugin.New(c, plugin.Deps{DB: d, Bus: bus, Now: now, Types: ts, Mechanisms: []ml2.Mechanism{bridge.Mechanism{}}})
	s.agents = agentserver.New(s.n, c.ML2.AgentDownTime)
	m := s.agents.Manager("controller")
	srv := messaging.NewServer(bus, m.Topic, m.Host)
	m.Register(srv)
	if err := srv.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// host makes an agent known and answers the hints that it gets.
func (s *site) host(t *testing.T, name, tunnel string) <-chan int64 {
	t.Helper()
	hints := make(chan int64, 100) // more than any test sends, so that nobody waits
	srv := messaging.NewServer(s.bus, rpcapi.Agent, name)
	rpcapi.Changed.Handle(srv, func(_ context.Context, a rpcapi.ChangedArgs) error { hints <- a.Revision; return nil })
	if err := srv.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.report(t, name, tunnel)
	return hints
}

func (s *site) report(t *testing.T, name, tunnel string) {
	t.Helper()
	_, err := rpcapi.AgentReport.Do(t.Context(), s.bus, "", rpcapi.AgentReportArgs{Host: name, TunnelIP: tunnel,
		Level: 1, Started: s.now,
		Agents: []rpcapi.AgentFacts{{Type: bridge.AgentType, Binary: "neutron-linuxbridge-agent",
			Config: map[string]string{"tunnel": tunnel}}}})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) network(t *testing.T) string {
	t.Helper()
	ns, err := s.n.Networks.Create(t.Context(), []neutron.Network{{AdminUp: true, PortSecurity: true,
		Meta: neutron.Meta{Project: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.n.Subnets.Create(t.Context(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"},
		Network: ns[0].ID, CIDR: netip.MustParsePrefix("10.0.0.0/24"), Version: 4}}); err != nil {
		t.Fatal(err)
	}
	return ns[0].ID
}

func (s *site) guest(t *testing.T, network, host string) neutron.PortInfo {
	t.Helper()
	ps, err := s.n.Compute.Allocate(t.Context(), neutron.AllocateArgs{Server: "on-" + host, Project: "p",
		Host: host, Specs: []neutron.PortSpec{{Network: network}}})
	if err != nil {
		t.Fatal(err)
	}
	return ps[0]
}

func (s *site) pull(t *testing.T, host string, known int64) rpcapi.HostStateReply {
	t.Helper()
	r, err := rpcapi.HostState.Do(t.Context(), s.bus, "", rpcapi.HostStateArgs{Host: host, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await waits for a hint.
func await(t *testing.T, hints <-chan int64) {
	t.Helper()
	select {
	case <-hints:
	case <-time.After(10 * time.Second):
		t.Fatal("no hint")
	}
}

func TestAHostHearsPullsAndReports(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one, two := s.host(t, "h1", "192.0.2.1"), s.host(t, "h2", "192.0.2.2")
	n := s.network(t)
	p := s.guest(t, n, "h1")
	first := s.pull(t, "h1", 0)
	if first.Unchanged || len(first.State.Networks) != 1 || len(first.State.Networks[0].Ports) != 1 ||
		first.State.Networks[0].Ports[0].ID != p.ID {
		t.Fatalf("got %+v", first)
	}
	await(t, one)
	if again := s.pull(t, "h1", first.State.Revision); !again.Unchanged {
		t.Errorf("nothing changed, but got %+v", again)
	}
	s.guest(t, n, "h2")
	second := s.pull(t, "h1", first.State.Revision)
	if second.Unchanged || len(second.State.Networks[0].Remote) != 1 ||
		second.State.Networks[0].Remote[0].Host.String() != "192.0.2.2" {
		t.Fatalf("got %+v", second)
	}
	await(t, one)
	await(t, two)
	wired := rpcapi.PortsWiredArgs{Host: "h1", Up: []string{p.ID}}
	if _, err := rpcapi.PortsWired.Do(t.Context(), s.bus, "", wired); err != nil {
		t.Fatal(err)
	}
	if got, err := s.n.Ports.Show(t.Context(), p.ID); err != nil || got.Status != neutron.StatusActive {
		t.Errorf("got %+v, %v", got, err)
	}
	// The other host comes back with another tunnel address.
	s.report(t, "h2", "192.0.2.22")
	third := s.pull(t, "h1", second.State.Revision)
	if third.Unchanged || third.State.Networks[0].Remote[0].Host.String() != "192.0.2.22" {
		t.Errorf("got %+v", third)
	}
	s.report(t, "h2", "192.0.2.22")
	if again := s.pull(t, "h1", third.State.Revision); !again.Unchanged {
		t.Error("a mere heartbeat moved the state on")
	}
}

func TestASilentAgentIsNotAlive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.report(t, "h1", "")
	count := func(alive opt.Of[bool]) int {
		t.Helper()
		gs, err := s.agents.List(t.Context(), db.ListArgs{}, alive)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gs {
			if alive.Has() && g.Alive != alive.Value {
				t.Errorf("asked for alive %t, got %+v", alive.Value, g)
			}
		}
		return len(gs)
	}
	if count(opt.Some(true)) != 1 || count(opt.Some(false)) != 0 {
		t.Error("an agent that has just reported is not alive")
	}
	s.now = s.now.Add(76 * time.Second)
	if count(opt.Some(true)) != 0 || count(opt.Some(false)) != 1 || count(opt.Of[bool]{}) != 1 {
		t.Error("an agent that is silent is alive")
	}
	n := s.network(t)
	_, err := s.n.Compute.Allocate(t.Context(), neutron.AllocateArgs{Server: "s", Project: "p", Host: "h1",
		Specs: []neutron.PortSpec{{Network: n}}})
	if err == nil {
		t.Error("a port was bound to a host whose agent is down")
	}
	s.report(t, "h1", "")
	s.guest(t, n, "h1")
}

// An agent whose heartbeats do not arrive is not alive; what is found where its process answers beside the bus is kept
// until it beats again.
func TestASilentAgentIsAskedBesideTheBus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	member := service.New(service.Manager{Binary: rpcapi.Process, Host: "h1"}, service.Deps{Group: lone{}},
		service.Options{})
	web := httptest.NewServer(service.Pulses(func() []service.Service { return []service.Service{member} }))
	defer web.Close()
	report := func(host, pulse string) {
		t.Helper()
		_, err := rpcapi.AgentReport.Do(t.Context(), s.bus, "", rpcapi.AgentReportArgs{Host: host, Started: s.now,
			Pulse: pulse, Agents: []rpcapi.AgentFacts{
				{Type: bridge.AgentType, Binary: "neutron-linuxbridge-agent"}, {Type: "DHCP agent", Binary: "neutron-dhcp-agent"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	report("h1", web.URL)
	report("h2", "http://127.0.0.1:1") // nobody is there
	report("h3", "")                   // cannot be asked
	notes := func(want string) {
		t.Helper()
		if err := s.agents.AskSilent(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := s.agents.List(t.Context(), db.ListArgs{}, opt.Of[bool]{})
		if err != nil || len(all) != 6 {
			t.Fatal(all, err)
		}
		for _, g := range all {
			expect := ""
			if g.Host == "h1" {
				expect = want
			}
			if g.Note != expect {
				t.Errorf("%s on %s: noted %q, want %q", g.Binary, g.Host, g.Note, expect)
			}
		}
	}
	notes("") // it is not silent
	s.now = s.now.Add(76 * time.Second)
	notes(service.NoteOffBus)
	notes(service.NoteOffBus)
	report("h1", web.URL)
	notes("")
	s.now = s.now.Add(76 * time.Second)
	notes(service.NoteOffBus)
	web.Close()
	notes("")
}

// lone is a group that keeps nothing.
type lone struct{}

func (lone) Join(context.Context, service.Member) (string, error) { return "", nil }
func (lone) Beat(context.Context, string) error                   { return nil }
func (lone) Leave(context.Context, string) error                  { return nil }
