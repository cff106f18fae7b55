package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// traitsAPI answers what is asked about traits.
type traitsAPI struct{ s *resources.Service }

// names are the traits that exist.
var names = api.Resource[*traitsAPI]{Name: "trait", Plural: "traits", Ops: api.Ops[*traitsAPI]{
	api.Do("GET /traits", policies.TraitsList, 200, (*traitsAPI).list, api.Bare(), api.Span("1.6-")),
	api.Do("GET /traits/{name}", policies.TraitsShow, 204, (*traitsAPI).show, api.Span("1.6-")),
	api.Do("PUT /traits/{name}", policies.TraitsUpdate, 204, (*traitsAPI).put, api.Span("1.6-")),
	api.Do("DELETE /traits/{name}", policies.TraitsDelete, 204, (*traitsAPI).delete, api.Span("1.6-")),
}}

type traitsQuery struct {
	Name       *string `wire:"name"`
	Associated *string `wire:"associated"`
}

type traitsView struct {
	Traits []string `wire:"traits"`
}

func (a *traitsAPI) list(ctx context.Context, r *api.Request, q *traitsQuery) (traitsView, error) {
	keep := func(string) bool { return true }
	if q.Name != nil {
		op, value, ok := strings.Cut(*q.Name, ":")
		switch {
		case ok && op == "in":
			keep = func(s string) bool { return slices.Contains(strings.Split(value, ","), s) }
		case ok && op == "startswith":
			keep = func(s string) bool { return strings.HasPrefix(s, value) }
		case !ok:
			return traitsView{}, fault.Invalidf(
				"Badly formatted name parameter. Expected ?name=[in|startswith]:[name1,name2|prefix]. Got: %q", *q.Name)
		}
	}
	all, err := a.s.Names.Traits(ctx)
	if err != nil {
		return traitsView{}, err
	}
	if q.Associated != nil {
		used, err := a.s.Names.UsedTraits(ctx)
		if err != nil {
			return traitsView{}, err
		}
		switch strings.ToLower(*q.Associated) {
		case "true":
			all = used
		case "false":
			all = slices.DeleteFunc(all, func(s string) bool { return slices.Contains(used, s) })
		default:
			return traitsView{}, fault.Invalidf(`The query parameter "associated" only accepts "true" or "false"`)
		}
	}
	fresh(r, time.Time{})
	return traitsView{list(slices.DeleteFunc(all, func(s string) bool { return !keep(s) }))}, nil
}

func (a *traitsAPI) show(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	ok, err := a.s.Names.HasTrait(ctx, r.Param("name"))
	if err == nil && !ok {
		err = fault.NotFoundf("No such trait(s): %s.", r.Param("name"))
	}
	fresh(r, time.Time{})
	return api.None{}, err
}

func (a *traitsAPI) put(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	made, err := a.s.Names.AddTrait(ctx, r.Param("name"))
	if err != nil {
		return api.None{}, err
	}
	if made {
		r.SetStatus(http.StatusCreated)
	}
	r.SetHeader("Location", r.URL("/traits/"+r.Param("name")))
	fresh(r, time.Time{})
	return api.None{}, nil
}

func (a *traitsAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.s.Names.DeleteTrait(ctx, r.Param("name"))
}

// classesAPI answers what is asked about resource classes.
type classesAPI struct{ s *resources.Service }

var resourceClasses = api.Resource[*classesAPI]{Name: "resource_class", Plural: "resource_classes",
	Ops: api.Ops[*classesAPI]{
		api.List("GET /resource_classes", policies.ResourceClassesList, (*classesAPI).list, api.Span("1.2-")),
		api.Do("POST /resource_classes", policies.ResourceClassesCreate, 201, (*classesAPI).create, api.Bare(),
			api.Span("1.2-")),
		api.Do("GET /resource_classes/{name}", policies.ResourceClassesShow, 200, (*classesAPI).show, api.Bare(),
			api.Span("1.2-")),
		api.Do("PUT /resource_classes/{name}", policies.ResourceClassesUpdate, 200, (*classesAPI).rename, api.Bare(),
			api.Span("1.2-1.6")),
		api.Do("PUT /resource_classes/{name}", policies.ResourceClassesUpdate, 204, (*classesAPI).put, api.Span("1.7-")),
		api.Do("DELETE /resource_classes/{name}", policies.ResourceClassesDelete, 204, (*classesAPI).delete,
			api.Span("1.2-")),
	}}

type classBody struct {
	Name string `wire:"name" is:"required,maxlen=255,pattern=^CUSTOM_[A-Z0-9_]+$"`
}

type classView struct {
	Name  string `wire:"name"`
	Links []link `wire:"links"`
}

func classViewOf(name string) classView {
	return classView{name, []link{{"self", "/resource_classes/" + name}}}
}

func (a *classesAPI) list(ctx context.Context, r *api.Request, _ *api.None) (api.Page[classView], error) {
	all, err := a.s.Names.Classes(ctx)
	if err != nil {
		return api.Page[classView]{}, err
	}
	views := make([]classView, len(all))
	for i, n := range all {
		views[i] = classViewOf(n)
	}
	fresh(r, time.Time{})
	return api.Page[classView]{Items: views}, nil
}

func (a *classesAPI) create(ctx context.Context, r *api.Request, in *classBody) (api.None, error) {
	made, err := a.s.Names.AddClass(ctx, in.Name)
	if err == nil && !made {
		err = fault.Conflictf("Conflicting resource class already exists: %s", in.Name)
	}
	r.SetHeader("Location", r.URL("/resource_classes/"+in.Name))
	return api.None{}, err
}

func (a *classesAPI) show(ctx context.Context, r *api.Request, _ *api.None) (classView, error) {
	name := r.Param("name")
	ok, err := a.s.Names.HasClass(ctx, name)
	if err == nil && !ok {
		err = fault.NotFoundf("No such resource class %s.", name)
	}
	fresh(r, time.Time{})
	return classViewOf(name), err
}

func (a *classesAPI) rename(ctx context.Context, r *api.Request, in *classBody) (classView, error) {
	return classViewOf(in.Name), a.s.Names.RenameClass(ctx, r.Param("name"), in.Name)
}

func (a *classesAPI) put(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	made, err := a.s.Names.AddClass(ctx, r.Param("name"))
	if err != nil {
		return api.None{}, err
	}
	if made {
		r.SetStatus(http.StatusCreated)
	}
	r.SetHeader("Location", r.URL("/resource_classes/"+r.Param("name")))
	return api.None{}, nil
}

func (a *classesAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.s.Names.DeleteClass(ctx, r.Param("name"))
}
