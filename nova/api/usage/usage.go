// Package usage is the operations of the Compute API on what projects used: os-simple-tenant-usage.
package usage

import (
	"context"
	"slices"
	"strings"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/hosts"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receivers.
func Resources(s *servers.Servers, h *hosts.Hosts, now func() time.Time) []api.Bound {
	return slices.Concat(api.Bind(&usageAPI{Servers: s, Now: now}, usageOps), api.Bind(&auditAPI{h, now}, auditOps))
}

// usageAPI sums up what servers used.
type usageAPI struct {
	wire.ProjectLoader

	Servers *servers.Servers
	Now     func() time.Time
}

var usageOps = api.Resource[*usageAPI]{Name: "tenant_usage", Plural: "tenant_usages", Ops: api.Ops[*usageAPI]{
	api.List("GET /os-simple-tenant-usage", policies.SimpleTenantUsageList, (*usageAPI).list,
		api.StrictFrom("2.75")),
	api.On("GET /os-simple-tenant-usage/{tenant_id}", policies.SimpleTenantUsageShow, 200, (*usageAPI).Project,
		(*usageAPI).show, api.Bare(), api.Query[usageQuery](), api.StrictFrom("2.75")),
}}

type usageQuery struct {
	Start      string `wire:"start"`
	End        string `wire:"end"`
	Detailed   string `wire:"detailed"`
	api.Paging `mv:"2.40-"`
}

type usageView struct {
	Project string                `wire:"tenant_id"`
	Start   time.Time             `wire:"start" time:"micro"`
	Stop    time.Time             `wire:"stop" time:"micro"`
	Hours   float64               `wire:"total_hours"`
	Memory  float64               `wire:"total_memory_mb_usage"`
	VCPUs   float64               `wire:"total_vcpus_usage"`
	Disk    float64               `wire:"total_local_gb_usage"`
	Servers opt.Of[[]serverUsage] `wire:"server_usages"`
}

type serverUsage struct {
	ID      string    `wire:"instance_id"`
	Name    string    `wire:"name"`
	Project string    `wire:"tenant_id"`
	Flavor  string    `wire:"flavor"`
	State   string    `wire:"state"`
	Hours   float64   `wire:"hours"`
	Memory  int       `wire:"memory_mb"`
	VCPUs   int       `wire:"vcpus"`
	Disk    int       `wire:"local_gb"`
	Started time.Time `wire:"started_at" time:"micro"`
	Ended   time.Time `wire:"ended_at" time:"micro"`
	Uptime  int64     `wire:"uptime"`
}

// period is the time a usage is about.
type period struct{ start, end, now time.Time }

func (a *usageAPI) period(q *usageQuery) (period, error) {
	now := a.Now().UTC()
	p := period{now.Add(-time.Microsecond), now, now} // without a start it is empty, as with nova
	for _, x := range []struct {
		text string
		to   *time.Time
	}{{q.Start, &p.start}, {q.End, &p.end}} {
		if x.text == "" {
			continue
		}
		at, err := moment(x.text)
		if err != nil {
			return p, err
		}
		*x.to = at
	}
	if !p.end.After(p.start) {
		return p, fault.Invalidf("Invalid start time. The start time cannot occur after the end time.")
	}
	if p.end.After(now) {
		p.end = now
	}
	return p, nil
}

// moment reads a time in one of the forms that nova reads; the one with a blank needs a fraction of a second.
func moment(text string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil && strings.Contains(text, ".") {
		t, err = time.Parse("2006-01-02 15:04:05", text)
	}
	if err != nil {
		return t, fault.Invalidf("Invalid datetime string: Datetime is in invalid format")
	}
	return t, nil
}

// of computes a server's usage in the period; false for a server that did not exist then.
func (p period) of(v *nova.Server) (serverUsage, bool) {
	ended := v.Terminated
	if ended.IsZero() {
		ended = v.DeletedAt
	}
	if v.Launched.IsZero() || v.Launched.After(p.end) || !ended.IsZero() && ended.Before(p.start) {
		return serverUsage{}, false
	}
	from, to := v.Launched, p.end
	if from.Before(p.start) {
		from = p.start
	}
	if !ended.IsZero() && ended.Before(to) {
		to = ended
	}
	u := serverUsage{ID: v.ID, Name: v.Name, Project: v.Project, Flavor: v.Flavor.Name, State: string(v.VM),
		Hours:  to.Sub(from).Hours(),
		Memory: v.Flavor.RAM, VCPUs: v.Flavor.VCPUs, Disk: v.Flavor.Disk +
			v.Flavor.Ephemeral, Started: v.Launched, Ended: ended}
	last := p.now
	if !ended.IsZero() {
		u.State, last = "terminated", ended
	}
	u.Uptime = int64(last.Sub(v.Launched).Seconds())
	return u, true
}

// usageBatch is how many servers are read at once.
const usageBatch = 1000

// usage sums up servers by project, in order of project and server. limit counts servers; 0 is all. The marker is a
// server's id.
func (a *usageAPI) usage(ctx context.Context, project string, p period, marker string,
	limit int) (found []usageView, last string, err error) {
	q := servers.Query{Project: project, Marker: marker, Limit: usageBatch, Sort: []db.SortKey{{Column: "project_id"},
		{Column: "uuid"}}}
	n := 0
	for {
		vs, err := a.Servers.List(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for i := range vs {
			u, ok := p.of(&vs[i])
			if !ok {
				continue
			}
			found = add(found, p, u)
			if n++; n == limit {
				return found, u.ID, nil
			}
		}
		if len(vs) < usageBatch {
			return found, "", nil
		}
		q.Marker = vs[len(vs)-1].ID
	}
}

func add(to []usageView, p period, u serverUsage) []usageView {
	if len(to) == 0 || to[len(to)-1].Project != u.Project {
		to = append(to, usageView{Project: u.Project, Start: p.start, Stop: p.end, Servers: opt.Some([]serverUsage{})})
	}
	v := &to[len(to)-1]
	v.Hours += u.Hours
	v.Memory += float64(u.Memory) * u.Hours
	v.VCPUs += float64(u.VCPUs) * u.Hours
	v.Disk += float64(u.Disk) * u.Hours
	v.Servers.Value = append(v.Servers.Value, u)
	return to
}

func (a *usageAPI) list(ctx context.Context, _ *api.Request, q *usageQuery) (api.Page[usageView], error) {
	p, err := a.period(q)
	if err != nil {
		return api.Page[usageView]{}, err
	}
	found, last, err := a.usage(ctx, "", p, q.Marker, q.Limit)
	if q.Detailed != "1" {
		for i := range found {
			found[i].Servers = opt.Of[[]serverUsage]{}
		}
	}
	return api.Page[usageView]{Items: found, Next: last}, err
}

type usageShown struct {
	Usage any         `wire:"tenant_usage"`
	Links []wire.Link `wire:"tenant_usage_links" omit:"empty"`
}

func (a *usageAPI) show(ctx context.Context, r *api.Request, project wire.ProjectID,
	_ *usageQuery) (usageShown, error) {
	q := api.QueryOf[usageQuery](r)
	p, err := a.period(q)
	if err != nil {
		return usageShown{}, err
	}
	found, last, err := a.usage(ctx, string(project), p, q.Marker, q.Limit)
	if err != nil || len(found) == 0 {
		return usageShown{Usage: map[string]string{}}, err
	}
	out := usageShown{Usage: found[0]}
	if last != "" {
		values := r.HTTP.URL.Query()
		values.Set("marker", last)
		out.Links = wire.Links("next", r.URL("/os-simple-tenant-usage/"+string(project)+"?"+values.Encode()))
	}
	return out, nil
}
