package servers

import (
	"context"
	"slices"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// tagsAPI reads and changes the tags of a server.
type tagsAPI struct{ wire.ServerLoader }

var tagOps = api.Resource[*tagsAPI]{Name: "tags", Plural: "tags", Ops: api.Ops[*tagsAPI]{
	api.On("GET /servers/{server_id}/tags", policies.ServerTagsIndex, 200, (*tagsAPI).Server, (*tagsAPI).list,
		api.Span("2.26-"), api.LooseQuery()),
	api.On("PUT /servers/{server_id}/tags", policies.ServerTagsUpdateAll, 200, (*tagsAPI).Server, (*tagsAPI).replace,
		api.Span("2.26-"), api.EnvelopeIn("")),
	api.On("DELETE /servers/{server_id}/tags", policies.ServerTagsDeleteAll, 204, (*tagsAPI).Server, (*tagsAPI).deleteAll,
		api.Span("2.26-")),
	api.On("GET /servers/{server_id}/tags/{tag}", policies.ServerTagsShow, 204, (*tagsAPI).Server, (*tagsAPI).show,
		api.Span("2.26-"), api.LooseQuery()),
	api.On("PUT /servers/{server_id}/tags/{tag}", policies.ServerTagsUpdate, 201, (*tagsAPI).Server, (*tagsAPI).add,
		api.Span("2.26-")),
	api.On("DELETE /servers/{server_id}/tags/{tag}", policies.ServerTagsDelete, 204, (*tagsAPI).Server, (*tagsAPI).delete,
		api.Span("2.26-")),
}}

type tagList struct {
	Tags []string `wire:"tags" is:"required,maxitems=50,each(minlen=1,maxlen=60,pattern=^[^,/]*$)"`
}

func (a *tagsAPI) list(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) ([]string, error) {
	return v.Tags, nil
}

func (a *tagsAPI) replace(ctx context.Context, _ *api.Request, v *nova.Server, in *tagList) ([]string, error) {
	tags := slices.Clone(in.Tags)
	slices.Sort(tags)
	return slices.Compact(tags), a.Servers.SetTags(ctx, v.ID, in.Tags)
}

func (a *tagsAPI) deleteAll(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.SetTags(ctx, v.ID, nil)
}

func (a *tagsAPI) show(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	if !slices.Contains(v.Tags, r.Param("tag")) {
		return api.None{}, fault.NotFoundf("Server %s has no tag '%s'", v.ID, r.Param("tag"))
	}
	return api.None{}, nil
}

func (a *tagsAPI) add(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	if n := len([]rune(tag)); n > 60 {
		return api.None{}, fault.Invalidf("Tag '%s' is too long: at most 60 characters.", tag)
	}
	if slices.ContainsFunc([]rune(tag), func(c rune) bool { return c == ',' || c == '/' }) {
		return api.None{}, fault.Invalidf("Tag '%s' must not contain a comma or a slash.", tag)
	}
	added, err := a.Servers.AddTag(ctx, v.ID, tag)
	if err == nil && !added {
		r.SetStatus(204)
	}
	if err == nil && added {
		r.SetHeader("Location", r.URL("/servers/%s/tags/%s", v.ID, tag))
	}
	return api.None{}, err
}

func (a *tagsAPI) delete(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.DeleteTag(ctx, v.ID, r.Param("tag"))
}
