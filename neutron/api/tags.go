package api

import (
	"context"
	"net/http"
	"slices"
	"unicode/utf8"

	"hypernova/neutron"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

type tagsBody struct {
	Tags []string `wire:"tags" is:"required,unique,each(minlen=1,maxlen=255)"`
}

type tagsView struct {
	Tags []string `wire:"tags"`
}

// tagged is how the tags of one kind of resource are read and written.
type tagged[T api.Targeter] struct {
	path  string // "/networks/{network_id}/tags"
	rules tagRules
	load  func(*API, context.Context, *api.Request) (T, error)
	tags  func(T) []string
	write func(a *API, ctx context.Context, t T, change neutron.TagChange) ([]string, error)
}

// ops are the operations on tags.
func (g tagged[T]) ops() api.Ops[*API] {
	return api.Ops[*API]{
		api.On("GET "+g.path, g.rules.get, http.StatusOK, g.load, g.list, api.Bare()),
		api.On("PUT "+g.path, g.rules.update, http.StatusOK, g.load, g.replace, api.Bare()),
		api.On("DELETE "+g.path, g.rules.delete, http.StatusNoContent, g.load, g.clear),
		api.On("GET "+g.path+"/{tag}", g.rules.get, http.StatusNoContent, g.load, g.check),
		api.On("PUT "+g.path+"/{tag}", g.rules.update, http.StatusCreated, g.load, g.add, api.Query[api.None]()),
		api.On("DELETE "+g.path+"/{tag}", g.rules.delete, http.StatusNoContent, g.load, g.remove),
	}
}

func (g tagged[T]) list(_ *API, _ context.Context, _ *api.Request, t T, _ *api.None) (tagsView, error) {
	return tagsView{orEmpty(g.tags(t))}, nil
}

func (g tagged[T]) replace(a *API, ctx context.Context, _ *api.Request, t T, in *tagsBody) (tagsView, error) {
	tags, err := g.write(a, ctx, t, func([]string) ([]string, error) { return in.Tags, nil })
	return tagsView{orEmpty(tags)}, err
}

func (g tagged[T]) clear(a *API, ctx context.Context, _ *api.Request, t T, _ *api.None) (api.None, error) {
	_, err := g.write(a, ctx, t, func([]string) ([]string, error) { return []string{}, nil })
	return api.None{}, err
}

func (g tagged[T]) check(_ *API, _ context.Context, r *api.Request, t T, _ *api.None) (api.None, error) {
	return api.None{}, has(g.tags(t), r.Param("tag"))
}

func has(tags []string, tag string) error {
	if !slices.Contains(tags, tag) {
		return fault.NotFoundf("Tag %s could not be found.", tag).Coded("TagNotFound")
	}
	return nil
}

func (g tagged[T]) add(a *API, ctx context.Context, r *api.Request, t T, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	if tag == "" || utf8.RuneCountInString(tag) > 255 {
		return api.None{}, neutron.BadInput("'%s' exceeds maximum length of 255", tag)
	}
	if slices.Contains(g.tags(t), tag) {
		return api.None{}, nil
	}
	_, err := g.write(a, ctx, t, func(tags []string) ([]string, error) {
		if slices.Contains(tags, tag) { // another request was quicker
			return tags, nil
		}
		return append(slices.Clone(tags), tag), nil
	})
	return api.None{}, err
}

func (g tagged[T]) remove(a *API, ctx context.Context, r *api.Request, t T, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	_, err := g.write(a, ctx, t, func(tags []string) ([]string, error) {
		if err := has(tags, tag); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(tags), func(s string) bool { return s == tag }), nil
	})
	return api.None{}, err
}
