// Package surface tests every operation of all services in one process, on each database: the policies for all callers,
// malformed requests, and concurrent clients.
package surface

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
	glanceapi "hypernova/glance/api"
	keystoneapi "hypernova/keystone/api"
	neutronapi "hypernova/neutron/api"
	"hypernova/neutron/rpcapi"
	novaapi "hypernova/nova/api"
	"hypernova/oslo/api"
	"hypernova/oslo/db/dbtest"
	placementapi "hypernova/placement/api"
	"hypernova/tests/stories"
)

// part is a service under test.
type part struct {
	name     string
	stories  func() []stories.Sequence
	declared func() []api.Operation
	base     string // prefix of the declared paths
	minor    int    // microversion of the requests; -1: none
	whole    bool   // the cloud needs a host, a network and an image
}

var parts = []part{
	{"identity", stories.Identity, func() []api.Operation { return api.Describe(keystoneapi.Resources()...) },
		"/v3", -1, false},
	{"image", stories.Image, func() []api.Operation { return api.Describe(glanceapi.Resources()...) }, "/v2", -1, false},
	{"placement", stories.Placement, func() []api.Operation { return api.Describe(placementapi.Resources()...) },
		"", 39, false},
	{"network", stories.Network, func() []api.Operation { return api.Describe(neutronapi.Resources()...) },
		"/v2.0", -1, true},
	{"compute", stories.Compute, func() []api.Operation { return api.Describe(novaapi.Resources()...) }, "/v2.1",
		novaapi.Newest.Minor, true},
}

// operation returns a declared operation with the path that clients use.
func (p part) operation(o api.Operation) string {
	return strings.TrimSuffix(o.Method+" "+p.base+o.Path+" "+o.Action, " ")
}

// templates returns the path templates of the service's operations that clients use.
func (p part) templates() []string {
	var out []string
	for _, o := range p.declared() {
		if !slices.Contains(out, p.base+o.Path) {
			out = append(out, p.base+o.Path)
		}
	}
	return out
}

// sequences returns the service's sequences without undeclared operations.
func (p part) sequences() []stories.Sequence {
	templates := p.templates()
	declared := map[string]bool{}
	for _, o := range p.declared() {
		declared[p.operation(o)] = true
	}
	out := p.stories()
	for i := range out {
		out[i].Steps = slices.DeleteFunc(slices.Clone(out[i].Steps), func(s stories.Step) bool {
			method, path, _ := strings.Cut(s.Call, " ")
			r := stories.Request{Step: &s, Method: method}
			return !declared[r.Operation(stories.Match(templates, path))]
		})
	}
	return out
}

// engine is a database for the cloud under test.
type engine struct {
	name     string
	slow     bool // it is slow, so only a sample of the requests is sent
	database func(t *testing.T) []cloudtest.Option
}

var engines = []engine{
	{"sqlite", false, func(*testing.T) []cloudtest.Option { return nil }},
	{"postgresql", true, func(t *testing.T) []cloudtest.Option {
		urls := make(chan string, 8) // created before the cloud, so that they are dropped after it
		for range cap(urls) {
			urls <- dbtest.Postgres(t)
		}
		return []cloudtest.Option{cloudtest.Databases(func() string { return <-urls })}
	}},
}

// each runs a test for every service on every database, each with a new cloud.
func each(t *testing.T, run func(t *testing.T, p part, e engine)) {
	t.Helper()
	for _, p := range parts {
		for _, e := range engines {
			t.Run(p.name+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				run(t, p, e)
			})
		}
	}
}

// cloud returns a whole cloud in this process, with the callers of the sequences.
func cloud(t *testing.T, p part, e engine) *stories.Cloud {
	t.Helper()
	around := stories.Surround(t)
	options := append(e.database(t), cloudtest.Set(around.Options...), cloudtest.Set("quota.instances=-1",
		"quota.cores=-1", "quota.ram=-1",
		"quota.key_pairs=-1", "quota.server_groups=-1",
		"QUOTAS.quota_network=-1", "QUOTAS.quota_subnet=-1", "QUOTAS.quota_port=-1", "QUOTAS.quota_security_group=-1",
		"QUOTAS.quota_security_group_rule=-1", "QUOTAS.quota_router=-1",
		"QUOTAS.quota_floatingip=-1"))
	if !p.whole {
		options = append(options, cloudtest.Computes(0), cloudtest.Bare())
	}
	c := cloudtest.New(t, options...)
	s := &stories.Cloud{URLs: map[string]string{"identity": c.Endpoint("keystone"), "image": c.Endpoint("glance"),
		"placement": c.Endpoint("placement")}}
	if p.whole {
		s.URLs["network"], s.URLs["compute"] = c.Endpoint("neutron"), c.Endpoint("nova")
	}
	stories.Populate(t, s, around, scenario.Password)
	if p.name == "network" {
		s.Names["agents"] = "yes"
		s.Arrange = agent(t, c)
	}
	return s
}

// agent registers a neutron agent without a process, for the operations on agent records.
func agent(t *testing.T, c *cloudtest.Cloud) func() {
	t.Helper()
	bus, err := c.Bus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return func() {
		_, err := rpcapi.AgentReport.Do(t.Context(), bus, "", rpcapi.AgentReportArgs{Host: "elsewhere", Level: 1,
			Started: time.Unix(1, 0),
			Agents: []rpcapi.AgentFacts{{Type: "DHCP agent", Binary: "neutron-dhcp-agent"},
				{Type: "L3 agent", Binary: "neutron-l3-agent"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
