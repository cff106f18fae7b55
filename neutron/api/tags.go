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

// tagged is how the tags of one type of resource are read and written. L is the loaded resource.
type tagged[L api.Targeter] struct {
	tags  func(L) []string
	write func(ctx context.Context, of L, change neutron.TagChange) ([]string, error)
}

// tagOps are the operations on the tags of a resource, below path.
func tagOps[A any, L api.Targeter](path string, rules tagRules, load func(A, context.Context, *api.Request) (L, error),
	g tagged[L]) api.Ops[A] {
	type ctx = context.Context
	return api.Ops[A]{
		api.On("GET "+path, rules.get, http.StatusOK, load,
			func(_ A, _ ctx, _ *api.Request, of L, _ *api.None) (tagsView, error) {
				return tagsView{orEmpty(g.tags(of))}, nil
			},
			api.Bare()),
		api.On("PUT "+path, rules.update, http.StatusOK, load,
			func(_ A, c ctx, _ *api.Request, of L, in *tagsBody) (tagsView, error) {
				tags, err := g.write(c, of, func([]string) ([]string, error) { return in.Tags, nil })
				return tagsView{orEmpty(tags)}, err
			}, api.Bare()),
		api.On("DELETE "+path, rules.delete, http.StatusNoContent, load,
			func(_ A, c ctx, _ *api.Request, of L, _ *api.None) (api.None, error) {
				_, err := g.write(c, of, func([]string) ([]string, error) { return []string{}, nil })
				return api.None{}, err
			}),
		api.On("GET "+path+"/{tag}", rules.get, http.StatusNoContent, load,
			func(_ A, _ ctx, r *api.Request, of L, _ *api.None) (api.None, error) {
				return api.None{}, has(g.tags(of), r.Param("tag"))
			}),
		api.On("PUT "+path+"/{tag}", rules.update, http.StatusCreated, load,
			func(_ A, c ctx, r *api.Request, of L, _ *api.None) (api.None, error) {
				return api.None{}, g.add(c, of, r.Param("tag"))
			}, api.Query[api.None]()),
		api.On("DELETE "+path+"/{tag}", rules.delete, http.StatusNoContent, load,
			func(_ A, c ctx, r *api.Request, of L, _ *api.None) (api.None, error) {
				return api.None{}, g.remove(c, of, r.Param("tag"))
			}),
	}
}

func has(tags []string, tag string) error {
	if !slices.Contains(tags, tag) {
		return fault.NotFoundf("Tag %s could not be found.", tag).Coded("TagNotFound")
	}
	return nil
}

// add adds a tag; one that is there stays.
func (g tagged[L]) add(ctx context.Context, of L, tag string) error {
	if tag == "" || utf8.RuneCountInString(tag) > 255 {
		return neutron.BadInput("'%s' exceeds maximum length of 255", tag)
	}
	if slices.Contains(g.tags(of), tag) {
		return nil
	}
	_, err := g.write(ctx, of, func(tags []string) ([]string, error) {
		if slices.Contains(tags, tag) { // a concurrent request added it
			return tags, nil
		}
		return append(slices.Clone(tags), tag), nil
	})
	return err
}

// remove removes a tag; fault TagNotFound.
func (g tagged[L]) remove(ctx context.Context, of L, tag string) error {
	_, err := g.write(ctx, of, func(tags []string) ([]string, error) {
		if err := has(tags, tag); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(tags), func(s string) bool { return s == tag }), nil
	})
	return err
}
