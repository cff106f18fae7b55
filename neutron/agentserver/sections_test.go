package agentserver_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hypernova/neutron"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// puller is an agent as far as it pulls.
type puller struct {
	host  string
	known int64
	have  neutron.Revisions
	state neutron.HostState
}

// pull brings the state up to date, and returns the sections that were sent.
func (p *puller) pull(ctx context.Context, s *site) ([]neutron.Section, error) {
	r, err := rpcapi.HostState.Do(ctx, s.bus, "", rpcapi.HostStateArgs{Host: p.host, Known: p.known, Have: p.have})
	if err != nil || r.Unchanged {
		return nil, err
	}
	merged, ok := p.state.Merge(r.State, r.Sections)
	if !ok {
		return nil, fmt.Errorf("the answer lacks sections: have %v, got %v", p.have, r)
	}
	p.state, p.known, p.have = merged, r.State.Revision, r.Sections
	var sent []neutron.Section
	for _, n := range r.State.Networks {
		sent = append(sent, neutron.NetworkSection(n.ID))
	}
	for _, g := range r.State.Groups {
		sent = append(sent, neutron.GroupSection(g.ID))
	}
	return sent, nil
}

// group makes a security group of the project that the guests are in.
func (s *site) group(t *testing.T, name string) string {
	t.Helper()
	gs, err := s.n.Groups.Create(t.Context(), []neutron.SecurityGroup{{Name: name, Meta: neutron.Meta{Project: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	return gs[0].ID
}

// addRule makes a rule that lets the members of another group in.
func (s *site) addRule(ctx context.Context, group, remote, protocol string) (string, error) {
	rs, err := s.n.Groups.CreateRules(ctx, []neutron.SecurityGroupRule{{Group: group, Ingress: true, Ether: 4,
		Protocol: protocol, RemoteGroup: remote, Meta: neutron.Meta{Project: "p"}}},
		func(neutron.SecurityGroup) bool { return true })
	if err != nil {
		return "", err
	}
	return rs[0].ID, nil
}

func (s *site) server(ctx context.Context, id, host, network string, groups ...string) error {
	_, err := s.n.Compute.Allocate(ctx, neutron.AllocateArgs{Server: id, Project: "p", Host: host,
		Specs: []neutron.PortSpec{{Network: network}}, SecurityGroups: groups})
	return err
}

// A port on one host makes the others pull its network and the groups that name its group, and nothing else.
func TestAnAgentGetsOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), t.Context()
	s.report(t, "h1", "192.0.2.1")
	s.report(t, "h2", "192.0.2.2")
	busy, quiet := s.network(t), s.network(t)
	web, db := s.group(t, "web"), s.group(t, "db")
	rule, err := s.addRule(ctx, db, web, "tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.server(ctx, "a", "h1", busy, db), s.server(ctx, "b", "h1", quiet, web)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := &puller{host: "h1", have: neutron.Revisions{}}
	net, group := neutron.NetworkSection, neutron.GroupSection
	for _, step := range []struct {
		name string
		do   func() error
		want []neutron.Section
	}{
		{"all at first", func() error { return nil }, []neutron.Section{net(busy), net(quiet), group(db), group(web)}},
		{"a port on another host", func() error { return s.server(ctx, "c", "h2", busy, web) },
			[]neutron.Section{net(busy), group(db)}},
		{"a port on a network of other hosts", func() error { return s.server(ctx, "d", "h2", s.network(t), db) }, nil},
		{"a rule", func() error { return s.n.Groups.DeleteRule(ctx, rule, noRevision) }, []neutron.Section{group(db)}},
		{"a port that goes", func() error { return s.n.Compute.Deallocate(ctx, "c") }, []neutron.Section{net(busy)}},
		{"the last port of a network here", func() error { return s.n.Compute.Deallocate(ctx, "b") }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := p.pull(ctx, s)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		slices.Sort(got)
		slices.Sort(step.want)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
	if len(p.state.Networks) != 1 || len(p.state.Groups) != 1 {
		t.Errorf("what left the host is still there: %+v", p.state)
	}
}

// A group that an agent has left and come back to between two pulls is sent again: its rules may be others.
func TestAGroupThatComesBackIsSent(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), t.Context()
	s.report(t, "h1", "192.0.2.1")
	network, web, other := s.network(t), s.group(t, "web"), s.group(t, "other")
	p := &puller{host: "h1", have: neutron.Revisions{}}
	for i, do := range []func() error{
		func() error { return s.server(ctx, "a", "h1", network, web) },
		func() error {
			if err := s.n.Compute.Deallocate(ctx, "a"); err != nil {
				return err
			}
			if _, err := s.addRule(ctx, web, other, "tcp"); err != nil {
				return err
			}
			return s.server(ctx, "b", "h1", network, web)
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.pull(ctx, s); err != nil {
			t.Fatal(err)
		}
		if got := len(p.state.Groups[0].Rules); got != 2+i { // two let out what guests send
			t.Errorf("pull %d: %d rules, want %d", i, got, 2+i)
		}
	}
}

// Whatever changes, and however few of its hints arrive, an agent that pulls has what a whole pull gives.
func TestSectionsMakeTheWholeState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s, ctx := newSite(t), t.Context()
		networks := []string{s.network(t), s.network(t)}
		groups := []string{s.group(t, "one"), s.group(t, "two")}
		hosts := []string{"h1", "h2"}
		for _, h := range hosts {
			s.report(t, h, "192.0.2.1")
		}
		made := 0 // rules
		pullers := []*puller{{host: "h1", have: neutron.Revisions{}}, {host: "h2", have: neutron.Revisions{}}}
		rules, servers := map[string]bool{}, map[string]bool{}
		must := func(err error) {
			if err != nil {
				r.Fatal(err)
			}
		}
		pull := func(p *puller) {
			_, err := p.pull(ctx, s)
			must(err)
			whole, err := rpcapi.HostState.Do(ctx, s.bus, "", rpcapi.HostStateArgs{Host: p.host})
			must(err)
			if whole.Sections != nil {
				r.Fatal("an agent that knows no sections got some")
			}
			if diff := cmp.Diff(whole.State, p.state, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				r.Fatal(diff)
			}
		}
		pick := func(of []string) string { return rapid.SampledFrom(of).Draw(r, "which") }
		r.Repeat(map[string]func(*rapid.T){
			"server": func(*rapid.T) {
				id := ids.UUID()
				must(s.server(ctx, id, pick(hosts), pick(networks), pick(groups)))
				servers[id] = true
			},
			"move": func(*rapid.T) {
				if len(servers) > 0 {
					must(s.server(ctx, pick(slices.Sorted(maps.Keys(servers))), pick(hosts), pick(networks)))
				}
			},
			"delete": func(*rapid.T) {
				if len(servers) > 0 {
					id := pick(slices.Sorted(maps.Keys(servers)))
					must(s.n.Compute.Deallocate(ctx, id))
					delete(servers, id)
				}
			},
			"rule": func(*rapid.T) {
				id, err := s.addRule(ctx, pick(groups), pick(groups), fmt.Sprint(100+made%150))
				made++
				must(err)
				rules[id] = true
			},
			"no rule": func(*rapid.T) {
				if len(rules) > 0 {
					id := pick(slices.Sorted(maps.Keys(rules)))
					must(s.n.Groups.DeleteRule(ctx, id, noRevision))
					delete(rules, id)
				}
			},
			"tunnel": func(*rapid.T) { s.report(t, pick(hosts), pick([]string{"192.0.2.1", "192.0.2.2"})) },
			"sum up": func(*rapid.T) {
				must(s.db.Tx(ctx, func(tx *db.Tx) error { return store.SumUp(ctx, tx, pick(hosts)) }))
			},
			"a server of a release without sections": func(*rapid.T) {
				must(s.db.Tx(ctx, func(tx *db.Tx) error { return oldSumUp(ctx, tx, pick(hosts)) }))
			},
			"pull": func(*rapid.T) { pull(pullers[rapid.IntRange(0, 1).Draw(r, "host")]) },
		})
		for _, p := range pullers {
			pull(p)
		}
	})
}

// The statements of a release whose server knows no sections.
var (
	oldSet    = db.NewSet("neutron of a release without sections")
	oldDelete = db.NewQuery[int64](oldSet, `DELETE FROM host_changes WHERE host = ? RETURNING changes`)
	oldInsert = db.NewExec(oldSet, `INSERT INTO host_changes (id, host, changes) VALUES (?, ?, ?)`)
)

// oldSumUp sums a host's revision up, and changes the host's state.
func oldSumUp(ctx context.Context, tx *db.Tx, host string) error {
	parts, err := oldDelete.All(ctx, tx, host)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, n := range parts {
		sum += n
	}
	for _, n := range []int64{sum, 1} {
		if _, err := oldInsert.Do(ctx, tx, ids.UUID(), host, n); err != nil {
			return err
		}
	}
	return nil
}

var noRevision opt.Of[int64]
