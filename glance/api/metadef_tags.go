package api

import (
	"context"
	"net/http"
	"time"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/metadefs"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// definedTagsAPI is the resource of a namespace's tags.
type definedTagsAPI struct {
	namespaceLoader
}

var definedTagOps = api.Resource[*definedTagsAPI]{Name: "tag", Plural: "tags", Ops: api.Ops[*definedTagsAPI]{
	api.On("GET /metadefs/namespaces/{namespace}/tags", policies.GetMetadefTags, http.StatusOK,
		(*definedTagsAPI).namespace, (*definedTagsAPI).list, api.Bare()),
	api.On("POST /metadefs/namespaces/{namespace}/tags", policies.AddMetadefTags, http.StatusCreated,
		(*definedTagsAPI).namespace, (*definedTagsAPI).createAll, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/tags", policies.DeleteMetadefNamespace, http.StatusNoContent,
		(*definedTagsAPI).namespace, (*definedTagsAPI).deleteAll, api.Bare()),
	api.On("POST /metadefs/namespaces/{namespace}/tags/{tag}", policies.AddMetadefTag, http.StatusCreated,
		(*definedTagsAPI).namespace, (*definedTagsAPI).create, api.Bare()),
	api.On("GET /metadefs/namespaces/{namespace}/tags/{tag}", policies.GetMetadefTag, http.StatusOK,
		(*definedTagsAPI).namespace, (*definedTagsAPI).show, api.Bare()),
	api.On("PUT /metadefs/namespaces/{namespace}/tags/{tag}", policies.ModifyMetadefTag, http.StatusOK,
		(*definedTagsAPI).namespace, (*definedTagsAPI).update, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/tags/{tag}", policies.DeleteMetadefTag, http.StatusNoContent,
		(*definedTagsAPI).namespace, (*definedTagsAPI).delete, api.Bare()),
}}

type tagName struct {
	Name string `wire:"name"`
}

type tagView struct {
	Name    string    `wire:"name"`
	Created time.Time `wire:"created_at"`
	Updated time.Time `wire:"updated_at"`
}

func viewTag(t glance.Tag) tagView { return tagView{t.Name, t.Created, t.Updated} }

type tagQuery struct{ api.PageQuery }

type tagList struct {
	Tags []tagName `wire:"tags"`
}

// list returns all tags unless the request has a limit. It has no links.
func (a *definedTagsAPI) list(ctx context.Context, _ *api.Request, n metadefs.Namespace, q *tagQuery) (tagList, error) {
	out := tagList{Tags: []tagName{}}
	order, err := oneKey(q.PageQuery)
	if err != nil {
		return out, err
	}
	if q.Asked.Value < 0 {
		return out, fault.Invalidf("limit param must be positive")
	}
	ts, err := a.Metadefs.Tags.List(ctx, n, metadefs.TagQuery{Sort: order, Marker: q.Marker, Limit: min(q.Asked.Value,
		maxLimit)})
	for _, t := range ts {
		out.Tags = append(out.Tags, tagName{t.Name})
	}
	return out, err
}

type tagsBody struct {
	Tags []struct {
		Name string `wire:"name" is:"required,minlen=1,maxlen=80"`
	} `wire:"tags"`
	computedTimes
}

func (b *tagsBody) Validate(api.Version) error { return b.own() }

func (a *definedTagsAPI) createAll(ctx context.Context, r *api.Request, n metadefs.Namespace,
	in *tagsBody) (tagList, error) {
	out, names := tagList{Tags: []tagName{}}, []string(nil)
	for _, t := range in.Tags {
		out.Tags, names = append(out.Tags, tagName{t.Name}), append(names, t.Name)
	}
	return out, a.Metadefs.Tags.Set(ctx, n.Name, names, truth(r.HTTP.Header.Get("X-Openstack-Append")))
}

// truth parses a boolean header as OpenStack's strutils do: any word that is not a yes is false.
func truth(s string) bool {
	switch s {
	case "1", "t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES":
		return true
	}
	return false
}

func (a *definedTagsAPI) create(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (tagView, error) {
	name := r.Param("tag")
	if len([]rune(name)) > 80 {
		return tagView{}, fault.Invalidf("Provided object does not match schema 'tag': %s is too long.", name)
	}
	t, err := a.Metadefs.Tags.Add(ctx, n.Name, name)
	return viewTag(t), err
}

func (a *definedTagsAPI) show(ctx context.Context, r *api.Request, n metadefs.Namespace, _ *api.None) (tagView, error) {
	t, err := a.Metadefs.Tags.Get(ctx, n, r.Param("tag"))
	return viewTag(t), err
}

// tagUpdate is a tag in a request of its own.
type tagUpdate struct{ tagBody }

func (b *tagUpdate) Validate(api.Version) error { return b.own() }

func (a *definedTagsAPI) update(ctx context.Context, r *api.Request, n metadefs.Namespace,
	in *tagUpdate) (tagView, error) {
	t, err := a.Metadefs.Tags.Rename(ctx, n.Name, r.Param("tag"), in.Name)
	return viewTag(t), err
}

func (a *definedTagsAPI) delete(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Tags.Remove(ctx, n.Name, r.Param("tag"))
}

func (a *definedTagsAPI) deleteAll(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	if err := r.Require(policies.DeleteMetadefTags, n.PolicyTarget()); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Metadefs.Tags.RemoveAll(ctx, n.Name)
}
