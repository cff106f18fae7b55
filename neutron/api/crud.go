package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// resource is one of networking's resources as the API serves it.
type resource struct {
	bound      []api.Bound
	rules      []*policy.Rule
	tags       tagRules
	extensions []extension
}

// crud is a resource that is created, listed, shown, changed and deleted as all of neutron's are. T is the resource,
// C the body of a create, U that of a change, V the view. The fields say what differs.
//
// A resource that the caller may not see answers 404; one that he sees but may not change answers 403. A create
// takes one resource or several, all or none. A change and a delete honour If-Match: revision_number=N.
type crud[T, C, U, V any] struct {
	name  string // of the envelope, "security_group"; the path and the names of its rules derive from it
	what  string // in errors, "SecurityGroup"
	param string // of the path; empty: name and "_id"

	rules rules
	// asked is the rule of a create that is asked about the caller before the body is looked at; nil: none.
	asked *policy.Rule
	// target is what rules know of a resource; nil: its project.
	target func(T) policy.Target
	id     func(T) string
	meta   func(T) neutron.Meta
	view   func(T) V

	show   func(ctx context.Context, id string) (T, error)
	list   func(ctx context.Context, r *api.Request, a db.ListArgs) ([]T, error)
	create func(ctx context.Context, r *api.Request, ins []*C) ([]T, error)
	update func(ctx context.Context, r *api.Request, of T, in *U, ifRevision opt.Of[int64]) (T, error) // nil: no PUT
	delete func(ctx context.Context, r *api.Request, of T, ifRevision opt.Of[int64]) error
	// retag changes the tags of a resource; nil: it has none.
	retag func(ctx context.Context, of T, tags neutron.TagChange) (T, error)
	tags  tagRules // where retag is set

	listing listing
	// scope bounds what a list reads for a caller who is neither an administrator nor a service; nil: the own
	// project.
	scope func(r *api.Request) []db.Cond
	// before runs before a list is read.
	before func(ctx context.Context, r *api.Request, q *listQuery) error
	// anyMarker ignores a marker that does not exist or that the caller does not see, where others answer 404.
	anyMarker bool

	extensions []extension
}

// rules guard the operations on a resource.
type rules struct{ create, get, update, delete *policy.Rule }

// all are the rules in the order of declaration.
func (s rules) all() []*policy.Rule {
	all := []*policy.Rule{s.create, s.get, s.update, s.delete}
	return slices.DeleteFunc(all, func(r *policy.Rule) bool { return r == nil })
}

// loaded is the resource of a path.
type loaded[T any] struct {
	of     T
	target policy.Target
}

// PolicyTarget is what rules know of the resource.
func (l loaded[T]) PolicyTarget() policy.Target { return l.target }

// resource declares the operations. own are its rules in the order of the documentation, except those of its tags;
// without them they are those of c.rules.
func (c *crud[T, C, U, V]) resource(own ...*policy.Rule) resource {
	if c.param == "" {
		c.param = c.name + "_id"
	}
	plural := c.name + "s"
	all := "/" + strings.ReplaceAll(plural, "_", "-")
	one := all + "/{" + c.param + "}"
	type self = *crud[T, C, U, V]
	ops := api.Ops[self]{
		api.Bulk("POST "+all, c.asked, http.StatusCreated, self.createAll),
		api.List("GET "+all, nil, self.page),
		api.On("GET "+one, c.rules.get, http.StatusOK, self.load, self.showOne),
		api.On("DELETE "+one, c.rules.delete, http.StatusNoContent, self.load, self.remove),
	}
	if c.update != nil {
		ops = append(ops, api.On("PUT "+one, c.rules.update, http.StatusOK, self.load, self.change))
	}
	if c.retag != nil {
		ops = append(ops, tagOps[self](one+"/tags", c.tags, self.load, c.tagged())...)
	}
	if own == nil {
		own = c.rules.all()
	}
	return resource{
		bound:      api.Bind(c, api.Resource[self]{Name: c.name, Plural: plural, Ops: ops}),
		rules:      own,
		tags:       c.tags,
		extensions: c.extensions,
	}
}

func (c *crud[T, C, U, V]) targetOf(t T) policy.Target {
	if c.target != nil {
		return c.target(t)
	}
	return projectTarget(c.meta(t).Project)
}

func projectTarget(project string) policy.Target {
	return policy.Target{"project_id": project, "tenant_id": project}
}

// load reads the resource of the path for a caller who may see it.
func (c *crud[T, C, U, V]) load(ctx context.Context, r *api.Request) (loaded[T], error) {
	t, err := c.seen(ctx, r, r.Param(c.param))
	if err != nil {
		return loaded[T]{}, err
	}
	return loaded[T]{t, c.targetOf(t)}, nil
}

// seen reads a resource that the caller may see.
func (c *crud[T, C, U, V]) seen(ctx context.Context, r *api.Request, id string) (T, error) {
	t, err := c.show(ctx, id)
	if err == nil && !r.Allowed(c.rules.get, c.targetOf(t)) {
		err = neutron.Missing(c.what, id)
	}
	return t, err
}

func (c *crud[T, C, U, V]) createAll(ctx context.Context, r *api.Request, ins []*C) ([]V, error) {
	made, err := c.create(ctx, r, ins)
	return views(made, c.view), err
}

// each is the create of a resource of which one body says all: read makes the resource that a body of a project asks
// for, insert makes all of them.
func (c *crud[T, C, U, V]) each(read func(r *api.Request, project string, in *C) (T, error),
	insert func(context.Context, []T) ([]T, error)) func(context.Context, *api.Request, []*C) ([]T, error) {
	return func(ctx context.Context, r *api.Request, ins []*C) ([]T, error) {
		wanted := make([]T, len(ins))
		for i, in := range ins {
			project, err := ownerOf(in, r)
			if err != nil {
				return nil, err
			}
			t, err := read(r, project, in)
			if err != nil {
				return nil, err
			}
			if err := r.Require(c.rules.create, c.targetOf(t)); err != nil {
				return nil, err
			}
			wanted[i] = t
		}
		return insert(ctx, wanted)
	}
}

// ownerOf is the project of a body that embeds owners, else the caller's.
func ownerOf(in any, r *api.Request) (string, error) {
	if o, ok := in.(interface {
		project(*api.Request) (string, error)
	}); ok {
		return o.project(r)
	}
	return owners{}.project(r)
}

func (c *crud[T, C, U, V]) page(ctx context.Context, r *api.Request, q *listQuery) (api.Page[V], error) {
	args, err := q.args(ctx, r, c.listing)
	if err == nil && c.before != nil {
		err = c.before(ctx, r, q)
	}
	if err != nil {
		return api.Page[V]{}, err
	}
	if !all(r) {
		args.Scope = []db.Cond{db.EqTo("project_id", r.Caller.ProjectID)}
		if c.scope != nil {
			args.Scope = c.scope(r)
		}
	}
	ts, err := c.list(ctx, r, args.ListArgs)
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound {
		if !c.anyMarker {
			return api.Page[V]{}, neutron.Missing(c.what, q.Marker)
		}
		args.Marker = ""
		ts, err = c.list(ctx, r, args.ListArgs)
	}
	if err != nil {
		return api.Page[V]{}, err
	}
	// A list never answers 403: it leaves out what the caller may not see, and what he may not filter by.
	ts = slices.DeleteFunc(ts, func(t T) bool {
		target := c.targetOf(t)
		return !r.Allowed(c.rules.get, target) ||
			slices.ContainsFunc(args.guarded, func(g *policy.Rule) bool { return !r.Allowed(g, target) })
	})
	return api.PageOf(q.Window, ts, c.id, c.view), nil
}

func (c *crud[T, C, U, V]) showOne(_ context.Context, _ *api.Request, l loaded[T], _ *api.None) (V, error) {
	return c.view(l.of), nil
}

func (c *crud[T, C, U, V]) change(ctx context.Context, r *api.Request, l loaded[T], in *U) (V, error) {
	var none V
	match, err := ifMatch(r)
	if err != nil {
		return none, err
	}
	t, err := c.update(ctx, r, l.of, in, match)
	if err != nil {
		return none, failed(err)
	}
	return c.view(t), nil
}

func (c *crud[T, C, U, V]) remove(ctx context.Context, r *api.Request, l loaded[T], _ *api.None) (api.None, error) {
	match, err := ifMatch(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, failed(c.delete(ctx, r, l.of, match))
}

// tagged says how the tags of a loaded resource are read and written.
func (c *crud[T, C, U, V]) tagged() tagged[loaded[T]] {
	return tagged[loaded[T]]{
		tags: func(l loaded[T]) []string { return c.meta(l.of).Tags },
		write: func(ctx context.Context, l loaded[T], change neutron.TagChange) ([]string, error) {
			t, err := c.retag(ctx, l.of, change)
			if err != nil {
				return nil, err
			}
			return c.meta(t).Tags, nil
		},
	}
}

func views[N, V any](ns []N, view func(N) V) []V {
	out := make([]V, len(ns))
	for i, n := range ns {
		out[i] = view(n)
	}
	return out
}
