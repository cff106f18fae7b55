// Package instanceactions is the operations of the Compute API on the actions of a server: os-instance-actions.
package instanceactions

import (
	"context"
	"net/url"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receiver.
func Resources(s *servers.Servers) []api.Bound {
	return api.Bind(&instanceActionsAPI{wire.ServerLoader{Servers: s}}, instanceActionOps)
}

// instanceActionsAPI lists and shows the actions of a server.
type instanceActionsAPI struct{ wire.ServerLoader }

var instanceActionOps = api.Resource[*instanceActionsAPI]{Name: "instanceAction", Plural: "instanceActions",
	Ops: api.Ops[*instanceActionsAPI]{
		api.ListOf("GET /servers/{server_id}/os-instance-actions", policies.InstanceActionsList,
			(*instanceActionsAPI).AnyServer, (*instanceActionsAPI).list,
			api.StrictFrom("2.58")),
		api.On("GET /servers/{server_id}/os-instance-actions/{request_id}", policies.InstanceActionsShow, 200,
			(*instanceActionsAPI).AnyServer,
			(*instanceActionsAPI).show),
	}}

type actionQuery struct {
	api.Paging `mv:"2.58-"`
	Since      time.Time `wire:"changes-since" mv:"2.58-"`
	Before     time.Time `wire:"changes-before" mv:"2.66-"`
}

type actionBrief struct {
	Action  string    `wire:"action"`
	Server  string    `wire:"instance_uuid"`
	Request string    `wire:"request_id"`
	User    *string   `wire:"user_id"`
	Project *string   `wire:"project_id"`
	Started time.Time `wire:"start_time" time:"micro"`
	Message *string   `wire:"message"`
	Updated time.Time `wire:"updated_at" mv:"2.58-" time:"micro"`
}

type actionView struct {
	actionBrief
	Events opt.Of[[]eventView] `wire:"events"`
}

type eventView struct {
	Event     string         `wire:"event"`
	Started   time.Time      `wire:"start_time" time:"micro"`
	Finished  time.Time      `wire:"finish_time" time:"micro"`
	Result    *string        `wire:"result"`
	Traceback opt.Of[string] `wire:"traceback"`
	HostID    string         `wire:"hostId" mv:"2.62-"`
	Host      opt.Of[string] `wire:"host" mv:"2.62-"`
	Details   opt.Of[string] `wire:"details" mv:"2.84-"`
}

func briefAction(x *nova.Action) actionBrief {
	return actionBrief{x.Name, x.Server, x.Request, wire.OrNull(x.User), wire.OrNull(x.Project), x.Started,
		wire.OrNull(x.Message),
		x.Updated}
}

func (a *instanceActionsAPI) list(ctx context.Context, r *api.Request, v *nova.Server,
	q *actionQuery) (api.Page[actionBrief], error) {
	if !q.Since.IsZero() && !q.Before.IsZero() && q.Before.Before(q.Since) {
		return api.Page[actionBrief]{}, fault.Invalidf(
			"The value of changes-since must be less than or equal to changes-before.")
	}
	as, err := a.Servers.Actions(ctx, v.ID, servers.ActionQuery{Since: q.Since, Before: q.Before, Marker: q.Marker,
		Limit: q.Rows()})
	if err != nil {
		return api.Page[actionBrief]{}, err
	}
	p := api.PageOf(q.Window, as, func(x nova.Action) string { return x.Request },
		func(x nova.Action) actionBrief { return briefAction(&x) })
	if p.Next != "" {
		// Unlike those of other lists, this list's links are named "links".
		values := r.HTTP.URL.Query()
		values.Set("marker", p.Next)
		p.Next = ""
		p.Extra = map[string]any{"links": wire.Links("next",
			r.URL("/servers/"+url.PathEscape(v.ID)+"/os-instance-actions?"+values.Encode()))}
	}
	return p, nil
}

func (a *instanceActionsAPI) show(ctx context.Context, r *api.Request, v *nova.Server,
	_ *api.None) (actionView, error) {
	x, err := a.Servers.Action(ctx, v.ID, r.Param("request_id"))
	if err != nil {
		return actionView{}, err
	}
	out := actionView{actionBrief: briefAction(&x)}
	operator := r.Allowed(policies.InstanceActionsEvents, v.PolicyTarget())
	if !operator && !r.AtLeast(51) {
		return out, nil
	}
	details := r.AtLeast(84) && r.Allowed(policies.InstanceActionsEventsDetails, v.PolicyTarget())
	events := make([]eventView, len(x.Events))
	for i, e := range x.Events {
		events[i] = eventView{Event: e.Name, Started: e.Started, Finished: e.Finished, Result: wire.OrNull(e.Result),
			HostID: wire.HostID(v.Project, e.Host)}
		if operator {
			events[i].Traceback = wire.OrNullShown(e.Traceback)
			events[i].Host = opt.Some(e.Host)
		}
		if details {
			events[i].Details = wire.OrNullShown(e.Details)
		}
	}
	out.Events = opt.Some(events)
	return out, nil
}
