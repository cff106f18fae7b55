package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// membersAPI is the resource of an image's members.
type membersAPI struct {
	imageLoader
}

var memberOps = api.Resource[*membersAPI]{Name: "member", Plural: "members", Ops: api.Ops[*membersAPI]{
	api.On("GET /images/{image_id}/members", policies.GetMembers, http.StatusOK, (*membersAPI).load, (*membersAPI).list,
		api.Bare()),
	api.On("POST /images/{image_id}/members", policies.AddMember, http.StatusOK, (*membersAPI).load, (*membersAPI).add,
		api.Bare()),
	api.On("GET /images/{image_id}/members/{member_id}", policies.GetMember, http.StatusOK, (*membersAPI).load,
		(*membersAPI).show, api.Bare(), api.Hidden()),
	api.On("PUT /images/{image_id}/members/{member_id}", policies.ModifyMember, http.StatusOK, (*membersAPI).load,
		(*membersAPI).answer, api.Bare()),
	api.On("DELETE /images/{image_id}/members/{member_id}", policies.DeleteMember, http.StatusNoContent,
		(*membersAPI).load, (*membersAPI).remove, api.Bare()),
}}

type memberView struct {
	Member  string    `wire:"member_id"`
	Image   string    `wire:"image_id"`
	Status  string    `wire:"status"`
	Created time.Time `wire:"created_at"`
	Updated time.Time `wire:"updated_at"`
	Schema  string    `wire:"schema"`
}

func viewMember(m glance.Member) memberView {
	return memberView{m.ProjectID, m.ImageID, m.Status, m.Created, m.Updated, "/v2/schemas/member"}
}

type memberList struct {
	Members []memberView `wire:"members"`
	Schema  string       `wire:"schema"`
}

// onlyShared returns an error for images that cannot have members.
func onlyShared(i images.Image) error {
	if i.Visibility != glance.Shared {
		return fault.Forbiddenf("Only shared images have members.")
	}
	return nil
}

func (a *membersAPI) list(ctx context.Context, _ *api.Request, i images.Image, _ *api.None) (memberList, error) {
	out := memberList{Members: []memberView{}, Schema: "/v2/schemas/members"}
	if err := onlyShared(i); err != nil {
		return out, err
	}
	ms, err := a.Images.Members.List(ctx, i.ID)
	for _, m := range ms {
		out.Members = append(out.Members, viewMember(m))
	}
	return out, err
}

func (a *membersAPI) show(ctx context.Context, r *api.Request, i images.Image, _ *api.None) (memberView, error) {
	if err := onlyShared(i); err != nil {
		return memberView{}, fault.NotFoundf("%s", fault.Message(err))
	}
	m, err := a.Images.Members.Get(ctx, i.ID, r.Param("member_id"))
	return viewMember(m), err
}

type memberCreate struct {
	Member string                     `wire:"member" is:"required,minlen=1,maxlen=255"`
	Others map[string]json.RawMessage `wire:"*"` // passed over, as glance does
}

func (a *membersAPI) add(ctx context.Context, _ *api.Request, i images.Image, in *memberCreate) (memberView, error) {
	m, err := a.Images.Members.Add(ctx, i.ID, in.Member)
	return viewMember(m), err
}

type memberUpdate struct {
	Status string                     `wire:"status" is:"required"`
	Others map[string]json.RawMessage `wire:"*"` // passed over, as glance does; openstacksdk repeats the member
}

func (a *membersAPI) answer(ctx context.Context, r *api.Request, i images.Image, in *memberUpdate) (memberView, error) {
	if err := onlyShared(i); err != nil {
		return memberView{}, err
	}
	project := r.Param("member_id")
	if i.Member != project && !r.Caller.Admin() {
		return memberView{}, fault.NotFoundf("%s not found in the member list of the image %s.", project, i.ID)
	}
	m, err := a.Images.Members.Answer(ctx, i.ID, project, in.Status)
	return viewMember(m), err
}

func (a *membersAPI) remove(ctx context.Context, r *api.Request, i images.Image, _ *api.None) (api.None, error) {
	if err := onlyShared(i); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Images.Members.Remove(ctx, i.ID, r.Param("member_id"))
}
