package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

var serverActions = api.Resource[*API]{Name: "instanceAction", Plural: "instanceActions", Ops: api.Ops[*API]{
	api.ListOf("GET /servers/{server_id}/os-instance-actions", policyActions, (*API).anyServer, (*API).listActions),
	api.On("GET /servers/{server_id}/os-instance-actions/{request_id}", policyAction, 200, (*API).anyServer,
		(*API).showAction),
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
	return actionBrief{x.Name, x.Server, x.Request, orNull(x.User), orNull(x.Project), x.Started, orNull(x.Message),
		x.Updated}
}

func (a *API) listActions(ctx context.Context, r *api.Request, v *nova.Server,
	q *actionQuery) (api.Page[actionBrief], error) {
	if !q.Since.IsZero() && !q.Before.IsZero() && q.Before.Before(q.Since) {
		return api.Page[actionBrief]{}, fault.Invalidf("The value of changes-since must be less than or equal to changes-before.")
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
		p.Extra = map[string]any{"links": []link{{"next", r.URL("/servers/" + url.PathEscape(v.ID) + "/os-instance-actions?" +
			values.Encode())}}}
	}
	return p, nil
}

func (a *API) showAction(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (actionView, error) {
	x, err := a.Servers.Action(ctx, v.ID, r.Param("request_id"))
	if err != nil {
		return actionView{}, err
	}
	out := actionView{actionBrief: briefAction(&x)}
	operator := r.Allowed(policyActionEvents, v.PolicyTarget())
	if !operator && !r.AtLeast(51) {
		return out, nil
	}
	details := r.AtLeast(84) && r.Allowed(policyActionDetails, v.PolicyTarget())
	events := make([]eventView, len(x.Events))
	for i, e := range x.Events {
		events[i] = eventView{Event: e.Name, Started: e.Started, Finished: e.Finished, Result: orNull(e.Result),
			HostID: hashedHost(v.Project, e.Host)}
		if operator {
			events[i].Traceback = orNullShown(e.Traceback)
			events[i].Host = opt.Some(e.Host)
		}
		if details {
			events[i].Details = orNullShown(e.Details)
		}
	}
	out.Events = opt.Some(events)
	return out, nil
}

var externalEvents = api.Resource[*API]{Name: "event", Plural: "events", Ops: api.Ops[*API]{
	api.Do("POST /os-server-external-events", policyExternalEvents, 200, (*API).takeEvents, api.Bare()),
}}

type eventsBody struct {
	Events []eventBody `wire:"events" is:"required,minitems=1"`
}

type eventBody struct {
	Name   string         `wire:"name" is:"required"`
	Server string         `wire:"server_uuid" is:"required,uuid"`
	Status string         `wire:"status" is:"enum=failed|completed|in-progress"`
	Tag    opt.Of[string] `wire:"tag" is:"text"`
}

// eventNames are the events and the version since which they are known.
var eventNames = map[string]int{"network-changed": 1, "network-vif-plugged": 1, "network-vif-unplugged": 1,
	"network-vif-deleted": 1,
	"volume-extended":     51, "power-update": 76, "accelerator-request-bound": 82, "volume-reimaged": 93}

// Validate checks the names, which depend on the version.
func (b *eventsBody) Validate(v api.Version) error {
	for i, e := range b.Events {
		since, ok := eventNames[e.Name]
		if !ok || v.Minor < since {
			return fault.Invalidf("Invalid input for field/attribute events[%s].name: '%s' is not an event.", strconv.Itoa(i),
				e.Name)
		}
	}
	return nil
}

type eventsView struct {
	Events []eventResult `wire:"events"`
}

type eventResult struct {
	Name   string         `wire:"name"`
	Server string         `wire:"server_uuid"`
	Status string         `wire:"status"`
	Tag    opt.Of[string] `wire:"tag"`
	Code   int            `wire:"code"`
}

func (a *API) takeEvents(ctx context.Context, r *api.Request, in *eventsBody) (eventsView, error) {
	out := eventsView{}
	var pass []nova.ExternalEvent
	found := map[string]int{}
	for _, e := range in.Events {
		code, seen := found[e.Server]
		if !seen {
			var err error
			if code, err = a.reach(ctx, e.Server); err != nil {
				return out, err
			}
			found[e.Server] = code
		}
		if e.Status == "" {
			e.Status = "completed"
		}
		if code != http.StatusNotFound && eventNames[e.Name] > 1 && !e.Tag.Set {
			code = http.StatusBadRequest // volumes and power are told of by their tag
		}
		result := eventResult{e.Name, e.Server, "completed", e.Tag, code}
		if code == http.StatusOK {
			pass = append(pass, nova.ExternalEvent{Name: e.Name, Server: e.Server, Tag: e.Tag.Value, Status: e.Status})
		} else {
			result.Status = "failed"
		}
		out.Events = append(out.Events, result)
	}
	if len(pass) < len(in.Events) {
		r.SetStatus(http.StatusMultiStatus)
	}
	return out, a.Servers.ExternalEvents(ctx, pass)
}

// reach is the code of an event for a server: whether it is there, and on a host.
func (a *API) reach(ctx context.Context, server string) (int, error) {
	v, err := a.Servers.Server(ctx, server)
	switch {
	case fault.Is(err, fault.NotFound):
		return http.StatusNotFound, nil
	case err != nil:
		return 0, err
	case v.Host == "":
		return http.StatusUnprocessableEntity, nil
	}
	return http.StatusOK, nil
}
