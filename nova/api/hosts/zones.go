package hosts

import (
	"context"
	"time"

	"hypernova/nova/api/policies"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
)

// zonesAPI lists availability zones.
type zonesAPI struct{ Hosts *hosts.Hosts }

var zoneOps = api.Resource[*zonesAPI]{Name: "availabilityZoneInfo", Plural: "availabilityZoneInfo",
	Ops: api.Ops[*zonesAPI]{
		api.List("GET /os-availability-zone", policies.AvailabilityZoneList, (*zonesAPI).list),
		api.List("GET /os-availability-zone/detail", policies.AvailabilityZoneDetail, (*zonesAPI).detail),
	}}

type zoneView struct {
	Name  string                            `wire:"zoneName"`
	State zoneState                         `wire:"zoneState"`
	Hosts *map[string]map[string]memberView `wire:"hosts"`
}

type zoneState struct {
	Available bool `wire:"available"`
}

type memberView struct {
	Active    bool      `wire:"active"`
	Available bool      `wire:"available"`
	Updated   time.Time `wire:"updated_at" time:"micro"`
}

func (a *zonesAPI) list(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[zoneView], error) {
	zs, err := a.Hosts.Zones(ctx, false)
	p := api.Page[zoneView]{}
	for _, z := range zs {
		p.Items = append(p.Items, zoneView{Name: z.Name, State: zoneState{z.Available}})
	}
	return p, err
}

func (a *zonesAPI) detail(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[zoneView], error) {
	zs, err := a.Hosts.Zones(ctx, true)
	p := api.Page[zoneView]{}
	for _, z := range zs {
		members := membersOf(z)
		p.Items = append(p.Items, zoneView{Name: z.Name, State: zoneState{z.Available}, Hosts: &members})
	}
	return p, err
}

func membersOf(z hosts.Zone) map[string]map[string]memberView {
	m := map[string]map[string]memberView{}
	for _, s := range z.Services {
		if m[s.Host] == nil {
			m[s.Host] = map[string]memberView{}
		}
		m[s.Host][s.Binary] = memberView{!s.Disabled, s.Up, seen(&s.Service)}
	}
	return m
}
