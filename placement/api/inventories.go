package api

import (
	"context"
	"net/http"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/placement"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// inventoriesAPI answers what a provider has.
type inventoriesAPI struct{ providerLoader }

var inventories = api.Resource[*inventoriesAPI]{Name: "inventory", Plural: "inventories", Ops: api.Ops[*inventoriesAPI]{
	api.On("GET /resource_providers/{uuid}/inventories", policies.ResourceProvidersInventoriesList, 200,
		(*inventoriesAPI).load, (*inventoriesAPI).list, api.Bare()),
	api.On("POST /resource_providers/{uuid}/inventories", policies.ResourceProvidersInventoriesCreate, 201,
		(*inventoriesAPI).load, (*inventoriesAPI).add, api.Bare()),
	api.On("PUT /resource_providers/{uuid}/inventories", policies.ResourceProvidersInventoriesUpdate, 200,
		(*inventoriesAPI).load, (*inventoriesAPI).setAll, api.Bare()),
	api.On("DELETE /resource_providers/{uuid}/inventories", policies.ResourceProvidersInventoriesDelete, 204,
		(*inventoriesAPI).load, (*inventoriesAPI).deleteAll, api.Span("1.5-")),
	api.Do("DELETE /resource_providers/{uuid}/inventories", policies.ResourceProvidersInventoriesDelete, 204,
		(*inventoriesAPI).noDeleteAll, api.Span("1.0-1.4")),
	api.On("GET /resource_providers/{uuid}/inventories/{resource_class}", policies.ResourceProvidersInventoriesShow, 200,
		(*inventoriesAPI).load, (*inventoriesAPI).show, api.Bare()),
	api.On("PUT /resource_providers/{uuid}/inventories/{resource_class}", policies.ResourceProvidersInventoriesUpdate, 200,
		(*inventoriesAPI).load, (*inventoriesAPI).set, api.Bare()),
	api.On("DELETE /resource_providers/{uuid}/inventories/{resource_class}", policies.ResourceProvidersInventoriesDelete,
		204, (*inventoriesAPI).load, (*inventoriesAPI).delete),
}}

// amounts are the members of every inventory body.
type amounts struct {
	Generation opt.Of[int64]   `wire:"resource_provider_generation"`
	Total      int64           `wire:"total" is:"required,min=1,max=2147483647"`
	Reserved   opt.Of[int64]   `wire:"reserved" is:"min=0,max=2147483647"`
	MinUnit    opt.Of[int64]   `wire:"min_unit" is:"min=1,max=2147483647"`
	MaxUnit    opt.Of[int64]   `wire:"max_unit" is:"min=1,max=2147483647"`
	StepSize   opt.Of[int64]   `wire:"step_size" is:"min=1,max=2147483647"`
	Ratio      opt.Of[float64] `wire:"allocation_ratio" is:"min=0,max=3.40282e+38"`
}

type newInventory struct {
	amounts
	Class string `wire:"resource_class" is:"required,pattern=^[A-Z0-9_]+$"`
}

type inventoriesBody struct {
	Generation  int64              `wire:"resource_provider_generation" is:"required"`
	Inventories map[string]amounts `wire:"inventories" is:"required,keys(pattern=^[A-Z0-9_]+$)"`
}

// inventory checks what depends on the version: before 1.26 something had to be left.
func (b amounts) inventory(r *api.Request, p resources.Provider, class string) (placement.Inventory, error) {
	i := placement.Inventory{Total: b.Total, Reserved: b.Reserved.Or(0), MinUnit: b.MinUnit.Or(1),
		MaxUnit:  b.MaxUnit.Or(placement.MaxInt),
		StepSize: b.StepSize.Or(1), AllocationRatio: b.Ratio.Or(1)}
	if i.Capacity() < 0 || i.Capacity() == 0 && !r.AtLeast(26) {
		word := "greater than"
		if !r.AtLeast(26) {
			word = "greater than or equal to"
		}
		return i, fault.Invalidf("Invalid inventory for '%s' on resource provider '%s'. The reserved value is %s total.",
			class, p.ID, word)
	}
	return i, nil
}

type inventoryView struct {
	Total    int64   `wire:"total"`
	Reserved int64   `wire:"reserved"`
	MinUnit  int64   `wire:"min_unit"`
	MaxUnit  int64   `wire:"max_unit"`
	StepSize int64   `wire:"step_size"`
	Ratio    float64 `wire:"allocation_ratio"`
}

type oneInventory struct {
	inventoryView
	Generation int64 `wire:"resource_provider_generation"`
}

type inventoriesView struct {
	Generation  int64                    `wire:"resource_provider_generation"`
	Inventories map[string]inventoryView `wire:"inventories"`
}

func inventoryViewOf(i placement.Inventory) inventoryView {
	return inventoryView{i.Total, i.Reserved, i.MinUnit, i.MaxUnit, i.StepSize, i.AllocationRatio}
}

func (a *inventoriesAPI) list(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (inventoriesView, error) {
	return inventoriesOf(r, p), nil
}

func inventoriesOf(r *api.Request, p resources.Provider) inventoriesView {
	v := inventoriesView{p.Generation, map[string]inventoryView{}}
	for class, i := range p.Inventories {
		v.Inventories[class] = inventoryViewOf(i)
	}
	fresh(r, p.Updated)
	return v
}

func generationOf(g opt.Of[int64]) int64 {
	if g.Has() && g.Value >= 0 {
		return g.Value
	}
	return resources.Any
}

func (a *inventoriesAPI) add(ctx context.Context, r *api.Request, p resources.Provider,
	in *newInventory) (oneInventory, error) {
	i, err := in.inventory(r, p, in.Class)
	if err != nil {
		return oneInventory{}, err
	}
	next, err := a.s.Inventories.Put(ctx, p.ID, generationOf(in.Generation), in.Class, i, true)
	if err != nil {
		return oneInventory{}, err
	}
	r.SetHeader("Location", r.URL(path(p, "inventories", in.Class)))
	fresh(r, time.Time{})
	return oneInventory{inventoryViewOf(i), next}, nil
}

func (a *inventoriesAPI) setAll(ctx context.Context, r *api.Request, p resources.Provider,
	in *inventoriesBody) (inventoriesView, error) {
	all, err := inventoriesIn(r, p, in)
	if err != nil {
		return inventoriesView{}, err
	}
	if _, err := a.s.SetInventories(ctx, p.ID, max(in.Generation, 0), all); err != nil {
		return inventoriesView{}, err
	}
	p, err = a.s.Providers.Get(ctx, p.ID)
	return inventoriesOf(r, p), err
}

func inventoriesIn(r *api.Request, p resources.Provider, in *inventoriesBody) (map[string]placement.Inventory, error) {
	all := map[string]placement.Inventory{}
	for class, b := range in.Inventories {
		i, err := b.inventory(r, p, class)
		if err != nil {
			return nil, err
		}
		all[class] = i
	}
	return all, nil
}

func (a *inventoriesAPI) deleteAll(ctx context.Context, _ *api.Request, p resources.Provider,
	_ *api.None) (api.None, error) {
	_, err := a.s.SetInventories(ctx, p.ID, resources.Any, nil)
	return api.None{}, err
}

// noDeleteAll is what old versions answer: the path is there, the method is not.
func (a *inventoriesAPI) noDeleteAll(context.Context, *api.Request, *api.None) (api.None, error) {
	return api.None{}, api.WithStatus(http.StatusMethodNotAllowed,
		fault.Invalidf("The method DELETE is not allowed for this resource."))
}

func (a *inventoriesAPI) show(_ context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (oneInventory, error) {
	i, ok := p.Inventories[r.Param("resource_class")]
	if !ok {
		return oneInventory{}, fault.NotFoundf("No inventory of class %s for %s", r.Param("resource_class"), p.ID)
	}
	fresh(r, p.Updated)
	return oneInventory{inventoryViewOf(i), p.Generation}, nil
}

func (a *inventoriesAPI) set(ctx context.Context, r *api.Request, p resources.Provider,
	in *amounts) (oneInventory, error) {
	if !in.Generation.Has() {
		return oneInventory{}, fault.Invalidf("The body needs a resource_provider_generation.")
	}
	class := r.Param("resource_class")
	i, err := in.inventory(r, p, class)
	if err != nil {
		return oneInventory{}, err
	}
	next, err := a.s.Inventories.Put(ctx, p.ID, max(in.Generation.Value, 0), class, i, false)
	if err != nil {
		return oneInventory{}, err
	}
	fresh(r, time.Time{})
	return oneInventory{inventoryViewOf(i), next}, nil
}

func (a *inventoriesAPI) delete(ctx context.Context, r *api.Request, p resources.Provider,
	_ *api.None) (api.None, error) {
	return api.None{}, a.s.Inventories.Delete(ctx, p.ID, r.Param("resource_class"))
}
