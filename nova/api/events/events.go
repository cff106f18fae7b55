// Package events is the operation by which other services notify compute: os-server-external-events.
package events

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Resources are the operation with its receiver.
func Resources(s *servers.Servers) []api.Bound { return api.Bind(&eventsAPI{s}, eventOps) }

// eventsAPI passes external events on to the servers' hosts.
type eventsAPI struct{ Servers *servers.Servers }

var eventOps = api.Resource[*eventsAPI]{Name: "event", Plural: "events", Ops: api.Ops[*eventsAPI]{
	api.Do("POST /os-server-external-events", policies.ServerExternalEventsCreate, 200, (*eventsAPI).create, api.Bare()),
}}

type eventsBody struct {
	Events []eventBody `wire:"events" is:"required,minitems=1"`
}

type eventBody struct {
	Name   string         `wire:"name" is:"required"`
	Server string         `wire:"server_uuid" is:"required,uuid"`
	Status string         `wire:"status" is:"enum=failed|completed|in-progress"`
	Tag    opt.Of[string] `wire:"tag" is:"text,maxlen=255"`
}

// eventNames are the events and the version since which they are known.
var eventNames = map[string]int{"network-changed": 1, "network-vif-plugged": 1, "network-vif-unplugged": 1,
	"network-vif-deleted": 1,
	"volume-extended":     51, "power-update": 76, "accelerator-request-bound": 82, "volume-reimaged": 93}

// tagged are the events that are useless without a tag.
var tagged = []string{"volume-extended", "power-update", "accelerator-request-bound"}

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

func (a *eventsAPI) create(ctx context.Context, r *api.Request, in *eventsBody) (eventsView, error) {
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
		if code != http.StatusNotFound && slices.Contains(tagged, e.Name) && !e.Tag.Set {
			code = http.StatusBadRequest
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

// reach is the status code of an event for a server: 404 for an unknown server, 422 for one without a host.
func (a *eventsAPI) reach(ctx context.Context, server string) (int, error) {
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
