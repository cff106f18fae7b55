package hosts

import (
	"context"
	"slices"
	"strconv"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// aggregatesAPI lists, creates, shows, changes and deletes aggregates.
type aggregatesAPI struct{ Hosts *hosts.Hosts }

var aggregateOps = api.Resource[*aggregatesAPI]{Name: "aggregate", Plural: "aggregates", Ops: api.Ops[*aggregatesAPI]{
	api.List("GET /os-aggregates", policies.AggregatesIndex, (*aggregatesAPI).list),
	api.Do("POST /os-aggregates", policies.AggregatesCreate, 200, (*aggregatesAPI).create),
	api.Do("GET /os-aggregates/{aggregate_id}", policies.AggregatesShow, 200, (*aggregatesAPI).show),
	api.Do("PUT /os-aggregates/{aggregate_id}", policies.AggregatesUpdate, 200, (*aggregatesAPI).update),
	api.Do("DELETE /os-aggregates/{aggregate_id}", policies.AggregatesDelete, 200, (*aggregatesAPI).delete),
	api.Act("POST /os-aggregates/{aggregate_id}/action", "add_host", policies.AggregatesAddHost, 200,
		api.Nothing[*aggregatesAPI], (*aggregatesAPI).addHost),
	api.Act("POST /os-aggregates/{aggregate_id}/action", "remove_host", policies.AggregatesRemoveHost, 200,
		api.Nothing[*aggregatesAPI], (*aggregatesAPI).removeHost),
	api.Act("POST /os-aggregates/{aggregate_id}/action", "set_metadata", policies.AggregatesSetMetadata, 200,
		api.Nothing[*aggregatesAPI], (*aggregatesAPI).setMetadata),
	api.Do("POST /os-aggregates/{aggregate_id}/images", policies.AggregatesImages, 202, (*aggregatesAPI).images,
		api.EnvelopeIn(""), api.Span("2.81-")),
}}

type aggregateView struct {
	ID       int64             `wire:"id"`
	UUID     string            `wire:"uuid" mv:"2.41-"`
	Name     string            `wire:"name"`
	Zone     *string           `wire:"availability_zone"`
	Hosts    []string          `wire:"hosts"`
	Metadata map[string]string `wire:"metadata"`
	Created  time.Time         `wire:"created_at" time:"micro"`
	Updated  time.Time         `wire:"updated_at" time:"micro"`
	Deleted  bool              `wire:"deleted"`
	Gone     time.Time         `wire:"deleted_at" time:"micro"`
}

func viewOfAggregate(v *nova.Aggregate) aggregateView {
	out := aggregateView{ID: v.ID, UUID: v.UUID, Name: v.Name, Zone: wire.OrNull(v.Zone()), Hosts: v.Hosts,
		Metadata: v.Metadata, Created: v.Created}
	if !v.Updated.Equal(v.Created) {
		out.Updated = v.Updated
	}
	return out
}

func aggregateID(r *api.Request) (int64, error) {
	id, err := strconv.ParseInt(r.Param("aggregate_id"), 10, 64)
	if err != nil {
		return 0, fault.Invalidf("id must be an integer")
	}
	return id, nil
}

func (a *aggregatesAPI) list(ctx context.Context, _ *api.Request, _ *api.None) (api.Page[aggregateView], error) {
	as, err := a.Hosts.Aggregates(ctx)
	p := api.Page[aggregateView]{}
	for i := range as {
		p.Items = append(p.Items, viewOfAggregate(&as[i]))
	}
	return p, err
}

type aggregateCreate struct {
	Name string         `wire:"name" is:"required,name,narrow"`
	Zone opt.Of[string] `wire:"availability_zone" is:"nullable,name,narrow,pattern=^[^:]*$"`
}

type aggregateUpdate struct {
	Name string         `wire:"name" is:"stripped,name,narrow"`
	Zone opt.Of[string] `wire:"availability_zone" is:"nullable,name,narrow,pattern=^[^:]*$"`
}

// Validate requires at least one change.
func (u *aggregateUpdate) Validate(api.Version) error {
	if u.Name == "" && !u.Zone.Set {
		return fault.Invalidf("Invalid input for field/attribute aggregate: it must have name or availability_zone.")
	}
	return nil
}

// create answers without hosts and metadata, as nova does.
func (a *aggregatesAPI) create(ctx context.Context, r *api.Request, in *aggregateCreate) (aggregateCreated, error) {
	v, err := a.Hosts.CreateAggregate(ctx, in.Name, in.Zone.Or(""))
	out := viewOfAggregate(&v)
	return aggregateCreated{out.ID, out.UUID, out.Name, out.Zone, out.Created, out.Updated, false, time.Time{}}, err
}

type aggregateCreated struct {
	ID      int64     `wire:"id"`
	UUID    string    `wire:"uuid" mv:"2.41-"`
	Name    string    `wire:"name"`
	Zone    *string   `wire:"availability_zone"`
	Created time.Time `wire:"created_at" time:"micro"`
	Updated time.Time `wire:"updated_at" time:"micro"`
	Deleted bool      `wire:"deleted"`
	Gone    time.Time `wire:"deleted_at" time:"micro"`
}

// edited runs an operation on the aggregate of the path and shows the result.
func edited(r *api.Request, fn func(id int64) (nova.Aggregate, error)) (aggregateView, error) {
	id, err := aggregateID(r)
	if err != nil {
		return aggregateView{}, err
	}
	v, err := fn(id)
	return viewOfAggregate(&v), err
}

func (a *aggregatesAPI) show(ctx context.Context, r *api.Request, _ *api.None) (aggregateView, error) {
	return edited(r, func(id int64) (nova.Aggregate, error) { return a.Hosts.Aggregate(ctx, id) })
}

func (a *aggregatesAPI) update(ctx context.Context, r *api.Request, in *aggregateUpdate) (aggregateView, error) {
	return edited(r, func(id int64) (nova.Aggregate, error) {
		return a.Hosts.UpdateAggregate(ctx, id, in.Name, in.Zone)
	})
}

func (a *aggregatesAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	id, err := aggregateID(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Hosts.DeleteAggregate(ctx, id)
}

type hostBody struct {
	Host string `wire:"host" is:"required,minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
}

func (a *aggregatesAPI) addHost(ctx context.Context, r *api.Request, _ api.None, in *hostBody) (aggregateView, error) {
	return edited(r, func(id int64) (nova.Aggregate, error) { return a.Hosts.AddHost(ctx, id, in.Host) })
}

func (a *aggregatesAPI) removeHost(ctx context.Context, r *api.Request, _ api.None,
	in *hostBody) (aggregateView, error) {
	return edited(r, func(id int64) (nova.Aggregate, error) { return a.Hosts.RemoveHost(ctx, id, in.Host) })
}

type metadataBody struct {
	Metadata map[string]*string `wire:"metadata" is:"required,keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(nullable,maxlen=255)"`
}

func (a *aggregatesAPI) setMetadata(ctx context.Context, r *api.Request, _ api.None,
	in *metadataBody) (aggregateView, error) {
	return edited(r, func(id int64) (nova.Aggregate, error) {
		return a.Hosts.SetAggregateMetadata(ctx, id, in.Metadata)
	})
}

type imagesBody struct {
	Cache []imageToCache `wire:"cache" is:"required,minitems=1"`
}

type imageToCache struct {
	ID string `wire:"id" is:"required,uuid"`
}

func (a *aggregatesAPI) images(ctx context.Context, r *api.Request, in *imagesBody) (api.None, error) {
	id, err := aggregateID(r)
	if err != nil {
		return api.None{}, err
	}
	var names []string
	for _, i := range in.Cache {
		if slices.Contains(names, i.ID) {
			return api.None{}, fault.Invalidf("Duplicate images in request")
		}
		names = append(names, i.ID)
	}
	return api.None{}, a.Hosts.CacheImages(ctx, id, names)
}
