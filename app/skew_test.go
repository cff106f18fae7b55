package app

import (
	"strings"
	"testing"
	"time"

	"hypernova/neutron/agentserver"
	"hypernova/neutron/rpcapi"
	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// Hosts whose clocks are hours apart see each other's heartbeats as they are, and none finds fault with a cloud that
// is well: what is compared is of the database's clock.
func TestWrongClocksDoNotMatter(t *testing.T) {
	t.Parallel()
	server := dbtest.NewServer(t)
	c := Defaults()
	err := Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.state_path=" + t.TempDir(),
		"fernet_tokens.key_repository=", "credential.key_repository=",
		"DEFAULT.compute_driver=fake", "ml2.mechanism_drivers=fake"})
	if err != nil {
		t.Fatal(err)
	}
	// The server's URL has a folder in its query, which no name goes behind.
	c.Database.Connection = strings.Replace(server.URL("NAME"), "NAME", "{service}", 1)
	if err := SyncDatabases(t.Context(), c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	process := func(o Options) *Process {
		p := newProcess(&c, o)
		t.Cleanup(func() { _ = p.Close(t.Context()) }) // the server ends after it in any case
		return p
	}
	wrong := func(by time.Duration) clock.Now { return func() time.Time { return time.Now().Add(by) } }
	ahead, behind := process(Options{Machine: wrong(3 * time.Hour)}), process(Options{Machine: wrong(-3 * time.Hour)})
	beat := func(p *Process, host string) {
		t.Helper()
		n, err := p.nova.base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g := n.group
		id, err := g.Join(t.Context(), service.Member{Host: host, Binary: nova.BinaryConductor})
		if err == nil {
			err = g.Beat(t.Context(), id)
		}
		if err == nil {
			err = p.agents(t).Report(t.Context(), rpcapi.AgentReportArgs{Host: host, Started: p.now(),
				Agents: []rpcapi.AgentFacts{{Type: "DHCP agent", Binary: "neutron-dhcp-agent"}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	beat(ahead, "early")
	beat(behind, "late")
	for name, p := range map[string]*Process{"ahead": ahead, "behind": behind, "right": process(Options{})} {
		n, err := p.nova.base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := store.Services(t.Context(), n.db, "", "")
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		for _, s := range all {
			if !s.Up(n.now(), c.Default.Down) {
				t.Errorf("to the host that is %s, %s is down", name, s.Host)
			}
		}
		gs, err := p.agents(t).List(t.Context(), db.ListArgs{}, opt.Some(true))
		if err != nil || len(gs) != 2 {
			t.Errorf("to the host that is %s, %d agents live, %v", name, len(gs), err)
		}
		found, err := (&checker{p: p, o: CheckOptions{Patience: time.Minute}}).check(t.Context())
		if err != nil || len(found) != 0 {
			t.Errorf("the check of the host that is %s: %v, %v", name, found, err)
		}
	}
	// It would matter if hosts went by their own clocks.
	found, err := (&checker{p: process(Options{Now: wrong(3 * time.Hour)}),
		o: CheckOptions{Patience: time.Minute}}).check(t.Context())
	if err != nil || len(found) != 4 {
		t.Errorf("by a wrong clock: %v, %v", found, err)
	}
}

// agents are the agents' records as this process keeps them.
func (p *Process) agents(t *testing.T) *agentserver.Server {
	t.Helper()
	nets, err := p.neutron.operations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return agentserver.New(nets, p.c.Default.AgentDown)
}
