// Package surface walks everything that the services offer, in one process, and looks at one side of all of it at once: who may do what,
// what bad input does, what two clients at once do; on each database.
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

// part is a service of the surface.
type part struct {
	name     string
	stories  func() []stories.Story
	declared func() []api.Operation
	base     string // of the declared paths
	minor    int    // the microversion it is spoken to at; -1: none
	whole    bool   // it needs a host, a network and an image
}

var parts = []part{
	{"identity", stories.Identity, func() []api.Operation { return api.Describe(keystoneapi.Resources()...) }, "/v3", -1, false},
	{"image", stories.Image, func() []api.Operation { return api.Describe(glanceapi.Resources()...) }, "/v2", -1, false},
	{"placement", stories.Placement, func() []api.Operation { return api.Describe(placementapi.Resources()...) }, "", 39, false},
	{"network", stories.Network, func() []api.Operation { return api.Describe(neutronapi.Resources()...) }, "/v2.0", -1, true},
	{"compute", stories.Compute, func() []api.Operation { return api.Describe(novaapi.Resources()...) }, "/v2.1", novaapi.Newest.Minor, true},
}

// operation is a declared operation as clients see it.
func (p part) operation(o api.Operation) string {
	return strings.TrimSuffix(o.Method+" "+p.base+o.Path+" "+o.Action, " ")
}

// templates are the paths of the service's operations, as clients see them.
func (p part) templates() []string {
	var out []string
	for _, o := range p.declared() {
		if !slices.Contains(out, p.base+o.Path) {
			out = append(out, p.base+o.Path)
		}
	}
	return out
}

// tales are the stories without what the service does not declare.
func (p part) tales() []stories.Story {
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

// engine is a database below a cloud.
type engine struct {
	name     string
	slow     bool // it costs more: a sample of what is sent to the other is enough
	database func(t *testing.T) []cloudtest.Option
}

var engines = []engine{
	{"sqlite", false, func(*testing.T) []cloudtest.Option { return nil }},
	{"postgresql", true, func(t *testing.T) []cloudtest.Option {
		urls := make(chan string, 8) // made before the cloud, so that they are dropped after it
		for range cap(urls) {
			urls <- dbtest.Postgres(t)
		}
		return []cloudtest.Option{cloudtest.Databases(func() string { return <-urls })}
	}},
}

// each runs a test on every service and every database, each with a cloud of its own.
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

// cloud is a whole cloud in this process with the people of the stories.
func cloud(t *testing.T, p part, e engine) *stories.Cloud {
	t.Helper()
	around := stories.Surround(t)
	options := append(e.database(t), cloudtest.Set(around.Options...), cloudtest.Set("quota.instances=-1", "quota.cores=-1", "quota.ram=-1",
		"quota.key_pairs=-1", "quota.server_groups=-1",
		"QUOTAS.quota_network=-1", "QUOTAS.quota_subnet=-1", "QUOTAS.quota_port=-1", "QUOTAS.quota_security_group=-1",
		"QUOTAS.quota_security_group_rule=-1"))
	if !p.whole {
		options = append(options, cloudtest.Computes(0), cloudtest.Bare())
	}
	c := cloudtest.New(t, options...)
	s := &stories.Cloud{URLs: map[string]string{"identity": c.Endpoint("keystone"), "image": c.Endpoint("glance"), "placement": c.Endpoint("placement")}}
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

// agent makes an agent of networking known that is no process: the stories tell what operators do with its record.
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
		_, err := rpcapi.AgentReport.Do(t.Context(), bus, "", rpcapi.AgentReportArgs{Host: "elsewhere", Level: 1, Started: time.Unix(1, 0),
			Agents: []rpcapi.AgentFacts{{Type: "DHCP agent", Binary: "neutron-dhcp-agent"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
