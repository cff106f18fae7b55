package hosts

import (
	"context"
	"strconv"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// servicesAPI lists, changes and deletes compute services.
type servicesAPI struct{ Hosts *hosts.Hosts }

var serviceOps = api.Resource[*servicesAPI]{Name: "service", Plural: "services", Ops: api.Ops[*servicesAPI]{
	api.List("GET /os-services", policies.ServicesList, (*servicesAPI).list, api.StrictFrom("2.75")),
	api.Do("PUT /os-services/{service_id}", policies.ServicesUpdate, 200, (*servicesAPI).decideByHost, api.EnvelopeIn(""),
		api.Span("-2.52")),
	api.Do("PUT /os-services/{service_id}", policies.ServicesUpdate, 200, (*servicesAPI).decideByID, api.EnvelopeIn(""),
		api.Span("2.53-")),
	api.Do("DELETE /os-services/{service_id}", policies.ServicesDelete, 204, (*servicesAPI).delete),
}}

type serviceQuery struct {
	Host   string `wire:"host"`
	Binary string `wire:"binary"`
}

type serviceView struct {
	Number     int64     `wire:"id" mv:"-2.52"`
	ID         string    `wire:"id" mv:"2.53-"`
	Binary     string    `wire:"binary"`
	Host       string    `wire:"host"`
	Zone       string    `wire:"zone"`
	Status     string    `wire:"status"`
	State      string    `wire:"state"`
	Updated    time.Time `wire:"updated_at" time:"micro"`
	Reason     *string   `wire:"disabled_reason"`
	ForcedDown bool      `wire:"forced_down" mv:"2.11-"`
}

// seen is the time of a service's last heartbeat, or of its last change if it never sent one.
func seen(s *nova.Service) time.Time {
	if s.Seen.IsZero() {
		return s.Updated
	}
	return s.Seen
}

func viewOfService(s *hosts.Service) serviceView {
	return serviceView{s.Number, s.ID, s.Binary, s.Host, s.Zone, enabledOrNot(s.Disabled), upOrDown(s.Up),
		seen(&s.Service),
		wire.OrNull(s.Why(s.Up)), s.ForcedDown}
}

func (a *servicesAPI) list(ctx context.Context, _ *api.Request, q *serviceQuery) (api.Page[serviceView], error) {
	ss, err := a.Hosts.Services(ctx, q.Host, q.Binary)
	p := api.Page[serviceView]{}
	for i := range ss {
		p.Items = append(p.Items, viewOfService(&ss[i]))
	}
	return p, err
}

type serviceDecision struct {
	Host       string       `wire:"host" is:"required,minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
	Binary     string       `wire:"binary" is:"required,minlen=1,maxlen=255"`
	Reason     string       `wire:"disabled_reason" is:"minlen=1,maxlen=255"`
	ForcedDown opt.Of[bool] `wire:"forced_down" mv:"2.11-" is:"boolword"`
}

type decidedView struct {
	Host       string         `wire:"host"`
	Binary     string         `wire:"binary"`
	Status     string         `wire:"status" omit:"empty"`
	Reason     opt.Of[string] `wire:"disabled_reason"`
	ForcedDown opt.Of[bool]   `wire:"forced_down"`
}

// decideByHost is the update before 2.53: the path has the action, the body the host and binary.
func (a *servicesAPI) decideByHost(ctx context.Context, r *api.Request, in *serviceDecision) (decidedView, error) {
	s, err := a.Hosts.ServiceOf(ctx, in.Host, in.Binary)
	out := decidedView{Host: in.Host, Binary: in.Binary}
	switch r.Param("service_id") {
	case "enable":
		s.Disabled, out.Status = false, "enabled"
	case "disable":
		s.Disabled, s.DisabledReason, out.Status = true, "", "disabled"
	case "disable-log-reason":
		if in.Reason == "" {
			return out, fault.Invalidf("Missing disabled reason field")
		}
		s.Disabled, s.DisabledReason, out.Status = true, in.Reason, "disabled"
		out.Reason = opt.Some(in.Reason)
	case "force-down":
		if !r.AtLeast(11) {
			return out, fault.NotFoundf("Unknown action")
		}
		if !in.ForcedDown.Set {
			return out, fault.Invalidf("Missing forced_down field")
		}
		s.ForcedDown, out.ForcedDown = in.ForcedDown.Value, in.ForcedDown
	default:
		return out, fault.NotFoundf("Unknown action")
	}
	if in.Binary != nova.BinaryCompute {
		return out, notCompute(in.Binary)
	}
	if err != nil {
		return out, err
	}
	_, err = a.Hosts.Decide(ctx, s)
	return out, err
}

// notCompute refuses to change a service that runs no servers.
func notCompute(binary string) error {
	return fault.Invalidf("Updating a %s service is not supported. Only nova-compute services can be updated.", binary)
}

type serviceUpdate struct {
	Status     string       `wire:"status" is:"enum=enabled|disabled"`
	Reason     string       `wire:"disabled_reason" is:"minlen=1,maxlen=255"`
	ForcedDown opt.Of[bool] `wire:"forced_down" is:"boolword"`
}

func (a *servicesAPI) decideByID(ctx context.Context, r *api.Request, in *serviceUpdate) (serviceView, error) {
	id := r.Param("service_id")
	if !ids.IsUUID(id) {
		return serviceView{}, fault.Invalidf("Invalid uuid %s", id)
	}
	s, err := a.Hosts.Service(ctx, id)
	switch {
	case err != nil:
		return serviceView{}, err
	case s.Binary != nova.BinaryCompute:
		return serviceView{}, notCompute(s.Binary)
	case in.Status == "" && !in.ForcedDown.Set:
		return serviceView{}, fault.Invalidf(
			"No updates were requested. Fields 'status' or 'forced_down' should be specified.")
	case in.Reason != "" && in.Status != "disabled":
		return serviceView{}, fault.Invalidf("Specifying 'disabled_reason' when status is 'enabled' is invalid.")
	}
	if in.Status != "" {
		s.Disabled, s.DisabledReason = in.Status == "disabled", in.Reason
	}
	s.ForcedDown = in.ForcedDown.Or(s.ForcedDown)
	s, err = a.Hosts.Decide(ctx, s)
	return viewOfService(&s), err
}

func (a *servicesAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	id := r.Param("service_id")
	if _, err := strconv.ParseInt(id, 10, 64); !r.AtLeast(53) && err != nil {
		return api.None{}, fault.Invalidf("Invalid service id %s", id)
	}
	if r.AtLeast(53) && !ids.IsUUID(id) {
		return api.None{}, fault.Invalidf("Invalid uuid %s", id)
	}
	return api.None{}, a.Hosts.DeleteService(ctx, id)
}
