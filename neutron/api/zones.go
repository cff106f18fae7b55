package api

import (
	"context"
	"slices"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// zoneName is the one availability zone there is.
const zoneName = "nova"

type zoneView struct {
	Name     string `wire:"name"`
	Resource string `wire:"resource"`
	State    string `wire:"state"`
}

func zonesOf() resource {
	ops := api.Bound{Name: "availability_zone", Plural: "availability_zones", Ops: api.Ops[api.None]{
		api.List("GET /availability_zones", nil, listZones),
	}}
	return resource{bound: []api.Bound{ops}, rules: []*policy.Rule{getZone},
		extensions: []extension{{"availability_zone", "Availability Zone", "Zones that agents are in."}}}
}

func listZones(_ api.None, _ context.Context, r *api.Request, q *listQuery) (api.Page[zoneView], error) {
	zones := []zoneView{{Name: zoneName, Resource: "network", State: "available"},
		{Name: zoneName, Resource: "router", State: "available"}}
	for name, values := range q.Filters {
		if !slices.Contains([]string{"name", "resource", "state"}, name) {
			return api.Page[zoneView]{}, noFilter(name)
		}
		zones = slices.DeleteFunc(zones, func(v zoneView) bool {
			have := map[string]string{"name": v.Name, "resource": v.Resource, "state": v.State}[name]
			return !slices.Contains(values, have)
		})
	}
	if !r.Allowed(getZone, nil) { // a list hides what its reader may not see
		return api.Page[zoneView]{}, nil
	}
	return api.Page[zoneView]{Items: zones}, nil
}

// knownZones refuses hints that name a zone that is not there.
func knownZones(hints []string) error {
	for _, h := range hints {
		if h != zoneName {
			return fault.NotFoundf("AvailabilityZone %s could not be found.", h).Coded("AvailabilityZoneNotFound")
		}
	}
	return nil
}
