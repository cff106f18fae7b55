package api

import (
	"context"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
	"hypernova/placement"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// consumersAPI answers what consumers hold.
type consumersAPI struct{ s *resources.Service }

// consumers are what is held, by whom.
var consumers = api.Resource[*consumersAPI]{Name: "allocation", Plural: "allocations", Ops: api.Ops[*consumersAPI]{
	api.Do("GET /allocations/{consumer_uuid}", policies.AllocationsList, 200, (*consumersAPI).show, api.Bare()),
	api.Do("PUT /allocations/{consumer_uuid}", policies.AllocationsUpdate, 204, (*consumersAPI).putList, api.Bare(),
		api.Span("1.0-1.11")),
	api.Do("PUT /allocations/{consumer_uuid}", policies.AllocationsUpdate, 204, (*consumersAPI).put, api.Bare(),
		api.Span("1.12-")),
	api.Do("DELETE /allocations/{consumer_uuid}", policies.AllocationsDelete, 204, (*consumersAPI).delete),
	api.Do("POST /allocations", policies.AllocationsManage, 204, (*consumersAPI).post, api.Bare(), api.Span("1.13-")),
	api.Do("GET /usages", policies.Usages, 200, (*consumersAPI).usages, api.Bare(), api.Span("1.9-1.37")),
	api.Do("GET /usages", policies.Usages, 200, (*consumersAPI).usagesByType, api.Bare(), api.Span("1.38-")),
}}

// incomplete is the project and user of consumers written by versions that name none.
const incomplete = "00000000-0000-0000-0000-000000000000"

type heldOn struct {
	Generation opt.Of[int64]       `wire:"generation"` // what a listing shows may be sent back; it is not compared
	Resources  placement.Resources `wire:"resources" is:"required,minitems=1,keys(pattern=^[A-Z0-9_]+$),each(min=1)"`
}

type allocationsBody struct {
	Allocations map[string]heldOn   `wire:"allocations" is:"required,keys(uuid)"`
	Project     string              `wire:"project_id" is:"required,minlen=1,maxlen=255"`
	User        string              `wire:"user_id" is:"required,minlen=1,maxlen=255"`
	Generation  opt.Of[int64]       `wire:"consumer_generation" mv:"1.28-" is:"required,nullable"`
	Mappings    map[string][]string `wire:"mappings" mv:"1.34-" is:"minitems=1,each(minitems=1,each(uuid))"`
	Type        string              `wire:"consumer_type" mv:"1.38-" is:"required,minlen=1,maxlen=255,pattern=^[A-Z0-9_]+$"`
}

type listedAllocation struct {
	Provider struct {
		UUID string `wire:"uuid" is:"required,uuid"`
	} `wire:"resource_provider" is:"required"`
	Resources placement.Resources `wire:"resources" is:"required,minitems=1,keys(pattern=^[A-Z0-9_]+$),each(min=1)"`
}

type allocationsListBody struct {
	Allocations []listedAllocation `wire:"allocations" is:"required,minitems=1"`
	Project     string             `wire:"project_id" mv:"1.8-" is:"required,minlen=1,maxlen=255"`
	User        string             `wire:"user_id" mv:"1.8-" is:"required,minlen=1,maxlen=255"`
}

// consumersBody is a body whose members are consumers.
type consumersBody struct {
	Consumers map[string]allocationsBody `wire:"*"`
}

func consumerID(s string) (string, error) {
	if !ids.IsUUID(s) {
		return "", fault.Invalidf("Malformed consumer_uuid: %s", s)
	}
	return dashed(s), nil
}

// change is what one consumer's body asks for.
func (b allocationsBody) change(r *api.Request, consumer string) (resources.Change, error) {
	id, err := consumerID(consumer)
	if err != nil {
		return resources.Change{}, err
	}
	c := resources.Change{AnyGeneration: !r.AtLeast(28), Allocation: placement.Allocation{Consumer: id, Project: b.Project,
		User: b.User,
		Type: b.Type, Generation: b.Generation.Ptr(), Providers: map[string]placement.Resources{}}}
	for on, held := range b.Allocations {
		c.Providers[dashed(on)] = held.Resources
	}
	return c, nil
}

func (a *consumersAPI) put(ctx context.Context, r *api.Request, in *allocationsBody) (api.None, error) {
	if len(in.Allocations) == 0 && !r.AtLeast(28) {
		return api.None{}, fault.Invalidf("allocations must not be empty in this version.")
	}
	c, err := in.change(r, r.Param("consumer_uuid"))
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.s.Claims.Set(ctx, []resources.Change{c})
}

func (a *consumersAPI) putList(ctx context.Context, r *api.Request, in *allocationsListBody) (api.None, error) {
	b := allocationsBody{Allocations: map[string]heldOn{}, Project: in.Project, User: in.User}
	if b.Project == "" {
		b.Project, b.User = incomplete, incomplete
	}
	for _, l := range in.Allocations {
		b.Allocations[l.Provider.UUID] = heldOn{Resources: l.Resources}
	}
	c, err := b.change(r, r.Param("consumer_uuid"))
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.s.Claims.Set(ctx, []resources.Change{c})
}

func (a *consumersAPI) post(ctx context.Context, r *api.Request, in *consumersBody) (api.None, error) {
	if len(in.Consumers) == 0 {
		return api.None{}, fault.Invalidf("The body must name at least one consumer.")
	}
	changes, err := in.changes(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.s.Claims.Set(ctx, changes)
}

func (b *consumersBody) changes(r *api.Request) ([]resources.Change, error) {
	var all []resources.Change
	seen := map[string]bool{}
	for id, body := range b.Consumers {
		c, err := body.change(r, id)
		if err != nil {
			return nil, err
		}
		if seen[c.Consumer] {
			return nil, fault.Invalidf("Consumer %s is named twice.", c.Consumer)
		}
		seen[c.Consumer] = true
		all = append(all, c)
	}
	return all, nil
}

func (a *consumersAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.s.Claims.Delete(ctx, dashed(r.Param("consumer_uuid")))
}

type allocationsView struct {
	Allocations map[string]allocationView `wire:"allocations"`
	Project     string                    `wire:"project_id" mv:"1.12-" omit:"empty"`
	User        string                    `wire:"user_id" mv:"1.12-" omit:"empty"`
	Generation  *int64                    `wire:"consumer_generation" mv:"1.28-" omit:"empty"`
	Type        string                    `wire:"consumer_type" mv:"1.38-" omit:"empty"`
}

type allocationView struct {
	Generation int64               `wire:"generation"`
	Resources  placement.Resources `wire:"resources"`
}

func (a *consumersAPI) show(ctx context.Context, r *api.Request, _ *api.None) (allocationsView, error) {
	held, err := a.s.Allocations(ctx, dashed(r.Param("consumer_uuid")))
	if err != nil {
		return allocationsView{}, err
	}
	v := allocationsView{Allocations: map[string]allocationView{}, Project: held.Project, User: held.User,
		Generation: held.Generation, Type: held.Type}
	for id, res := range held.Providers {
		p, err := a.s.Providers.Get(ctx, id)
		if err != nil {
			return allocationsView{}, err
		}
		v.Allocations[id] = allocationView{p.Generation, res}
	}
	fresh(r, time.Time{})
	return v, nil
}

type usagesQuery struct {
	Project string `wire:"project_id" is:"required,minlen=1,maxlen=255"`
	User    string `wire:"user_id" is:"minlen=1,maxlen=255"`
	Type    string `wire:"consumer_type" mv:"1.38-" is:"minlen=1,maxlen=255,pattern=^[A-Z0-9_]+$|^all$|^unknown$"`
}

// PolicyTarget is the project that is asked about.
func (q *usagesQuery) PolicyTarget() policy.Target { return policy.Target{"project_id": q.Project} }

type sumView struct {
	Usages placement.Resources `wire:"usages"`
}

func (a *consumersAPI) usages(ctx context.Context, r *api.Request, q *usagesQuery) (sumView, error) {
	all, err := a.s.Claims.Usages(ctx, q.Project, q.User)
	fresh(r, time.Time{})
	return sumView{sum(all).Resources}, err
}

func sum(all map[string]resources.Usage) resources.Usage {
	total := resources.Usage{Resources: placement.Resources{}}
	for _, u := range all {
		total.Consumers += u.Consumers
		for class, n := range u.Resources {
			total.Resources[class] += n
		}
	}
	return total
}

type sumsView struct {
	Usages map[string]map[string]int64 `wire:"usages"`
}

func (a *consumersAPI) usagesByType(ctx context.Context, r *api.Request, q *usagesQuery) (sumsView, error) {
	all, err := a.s.Claims.Usages(ctx, q.Project, q.User)
	if err != nil {
		return sumsView{}, err
	}
	v := sumsView{map[string]map[string]int64{}}
	show := func(name string, u resources.Usage) {
		if len(u.Resources) == 0 {
			return
		}
		v.Usages[name] = map[string]int64{"consumer_count": u.Consumers}
		for class, n := range u.Resources {
			v.Usages[name][class] = n
		}
	}
	if q.Type == "all" {
		show("all", sum(all))
	}
	for name, u := range all {
		if q.Type == "" || q.Type == name {
			show(name, u)
		}
	}
	fresh(r, time.Time{})
	return v, nil
}
