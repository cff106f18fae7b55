// Package surface walks everything that identity, image and placement offer, in one process, and looks at one side of all of it at once:
// who may do what, what bad input does, what two clients at once do.
package surface

import (
	"slices"
	"strings"
	"testing"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
	glanceapi "hypernova/glance/api"
	keystoneapi "hypernova/keystone/api"
	"hypernova/oslo/api"
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
}

var parts = []part{
	{"identity", stories.Identity, func() []api.Operation { return api.Describe(keystoneapi.Resources()...) }, "/v3", -1},
	{"image", stories.Image, func() []api.Operation { return api.Describe(glanceapi.Resources()...) }, "/v2", -1},
	{"placement", stories.Placement, func() []api.Operation { return api.Describe(placementapi.Resources()...) }, "", 39},
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
	methods := map[string]bool{}
	for _, o := range p.declared() {
		methods[o.Method+" "+p.base+o.Path] = true
	}
	out := p.stories()
	for i := range out {
		out[i].Steps = slices.DeleteFunc(slices.Clone(out[i].Steps), func(s stories.Step) bool {
			method, path, _ := strings.Cut(s.Call, " ")
			return !methods[method+" "+stories.Match(templates, path)]
		})
	}
	return out
}

// cloud is a whole cloud in this process with the people of the stories.
func cloud(t *testing.T) *stories.Cloud {
	t.Helper()
	around := stories.Surround(t)
	c := cloudtest.New(t, cloudtest.Computes(0), cloudtest.Bare(), cloudtest.Set(around.Options...))
	s := &stories.Cloud{URLs: map[string]string{"identity": c.Endpoint("keystone"), "image": c.Endpoint("glance"), "placement": c.Endpoint("placement")}}
	stories.Populate(t, s, around, scenario.Password)
	return s
}
