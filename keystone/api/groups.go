package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type groupView struct {
	ID          string                     `wire:"id"`
	Name        string                     `wire:"name"`
	DomainID    string                     `wire:"domain_id"`
	Description string                     `wire:"description"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func groupViewer(r *api.Request) func(keystone.Group) groupView {
	return func(g keystone.Group) groupView {
		return groupView{g.ID, g.Name, g.DomainID, g.Description, links{r.URL("/groups/%s", g.ID)}, g.Extra}
	}
}

type groupCreateBody struct {
	Name        string                     `wire:"name" is:"required,stripped,name,maxlen=64"`
	DomainID    opt.Of[string]             `wire:"domain_id" is:"minlen=1,maxlen=64,pattern=^[a-zA-Z0-9-]+$"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func (c *groupCreateBody) PolicyTarget() policy.Target {
	return policy.Target{"target.group.domain_id": c.DomainID.Or("")}
}

type groupUpdateBody struct {
	Name        opt.Of[string]             `wire:"name" is:"stripped,name,maxlen=64"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	DomainID    opt.Of[string]             `wire:"domain_id" is:"maxlen=64"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type groupQuery struct {
	api.PageQuery
	Name     *string `wire:"name" filter:"name"`
	DomainID *string `wire:"domain_id" filter:"domain_id"`
}

// groupsAPI answers what is asked about groups and their members.
type groupsAPI struct {
	directoryLoader
}

var groups = api.Resource[*groupsAPI]{Name: "group", Plural: "groups", Ops: api.Ops[*groupsAPI]{
	api.Do("POST /groups", policies.CreateGroup, http.StatusCreated, (*groupsAPI).create),
	api.List("GET /groups", policies.ListGroups, (*groupsAPI).list),
	api.On("GET /groups/{group_id}", policies.GetGroup, http.StatusOK, (*groupsAPI).loadGroup, (*groupsAPI).show),
	api.On(
		"PATCH /groups/{group_id}",
		policies.UpdateGroup,
		http.StatusOK,
		(*groupsAPI).loadGroup,
		(*groupsAPI).update,
		api.NonEmpty(),
	),
	api.On(
		"DELETE /groups/{group_id}",
		policies.DeleteGroup,
		http.StatusNoContent,
		(*groupsAPI).loadGroup,
		(*groupsAPI).delete,
		api.MissingShown(),
	),
	api.ListOf(
		"GET /groups/{group_id}/users",
		policies.ListUsersInGroup,
		(*groupsAPI).loadGroup,
		(*groupsAPI).members,
		api.EnvelopeOut("users"),
	),
	api.On(
		"GET /groups/{group_id}/users/{user_id}",
		policies.CheckUserInGroup,
		http.StatusNoContent,
		(*groupsAPI).loadMember,
		(*groupsAPI).checkMember,
	),
	api.On(
		"PUT /groups/{group_id}/users/{user_id}",
		policies.AddUserToGroup,
		http.StatusNoContent,
		(*groupsAPI).loadMember,
		(*groupsAPI).addMember,
	),
	api.On(
		"DELETE /groups/{group_id}/users/{user_id}",
		policies.RemoveUserFromGroup,
		http.StatusNoContent,
		(*groupsAPI).loadMember,
		(*groupsAPI).removeMember,
	),
}}

func (a *groupsAPI) create(ctx context.Context, r *api.Request, in *groupCreateBody) (groupView, error) {
	domain := in.DomainID.Or("")
	if domain == "" {
		domain = ownDomain(r)
	}
	g, err := a.Identity.Groups.Create(
		ctx,
		keystone.Group{Name: in.Name, DomainID: domain, Description: in.Description.Or(""), Extra: in.Extra},
	)
	return groupViewer(r)(g), err
}

func (a *groupsAPI) list(ctx context.Context, r *api.Request, q *groupQuery) (api.Page[groupView], error) {
	where := like(within(r, api.Where(r, q)), r, "name", "domain_id")
	return page(
		q.PageQuery,
		where,
		func(la db.ListArgs) ([]keystone.Group, error) { return a.Identity.Groups.List(ctx, la) },
		func(g keystone.Group) string { return g.ID },
		groupViewer(r),
	)
}

func (a *groupsAPI) show(_ context.Context, r *api.Request, g keystone.Group, _ *api.None) (groupView, error) {
	return groupViewer(r)(g), nil
}

func (a *groupsAPI) update(
	ctx context.Context,
	r *api.Request,
	g keystone.Group,
	in *groupUpdateBody,
) (groupView, error) {
	if in.DomainID.Has() && in.DomainID.Value != g.DomainID {
		return groupView{}, fault.Invalidf("A group cannot be moved to another domain.")
	}
	var description *string
	if in.Description.Set {
		d := in.Description.Or("")
		description = &d
	}
	g, err := a.Identity.Groups.Update(ctx, g.ID, in.Name.Ptr(), description, in.Extra)
	return groupViewer(r)(g), err
}

func (a *groupsAPI) delete(ctx context.Context, _ *api.Request, g keystone.Group, _ *api.None) (api.None, error) {
	return api.None{}, a.Identity.Groups.Delete(ctx, g.ID)
}

func (a *groupsAPI) members(
	ctx context.Context,
	r *api.Request,
	g keystone.Group,
	q *userQuery,
) (api.Page[userView], error) {
	us, err := a.Identity.Groups.Members(ctx, g.ID)
	us = slices.DeleteFunc(us, func(u keystone.User) bool {
		return outside(r, u.DomainID) || q.DomainID != nil && u.DomainID != *q.DomainID ||
			q.Name != nil && u.Name != *q.Name ||
			q.Enabled != nil && u.Enabled != api.Lax(*q.Enabled)
	})
	return api.Page[userView]{Items: views(us, userViewer(r))}, err
}

// member is a user and a group that the path names together.
type member struct {
	group keystone.Group
	user  keystone.User
}

func (m member) PolicyTarget() policy.Target {
	t := m.group.PolicyTarget()
	maps.Copy(t, m.user.PolicyTarget())
	return t
}

func (a *groupsAPI) loadMember(ctx context.Context, r *api.Request) (member, error) {
	g, err := a.loadGroup(ctx, r)
	if err != nil {
		return member{}, err
	}
	u, err := a.loadUser(ctx, r)
	return member{g, u}, err
}

func (a *groupsAPI) checkMember(ctx context.Context, _ *api.Request, m member, _ *api.None) (api.None, error) {
	in, err := a.Identity.Groups.IsMember(ctx, m.group.ID, m.user.ID)
	if err == nil && !in {
		err = fault.NotFoundf("User %s is not in group %s.", m.user.ID, m.group.ID)
	}
	return api.None{}, err
}

func (a *groupsAPI) addMember(ctx context.Context, _ *api.Request, m member, _ *api.None) (api.None, error) {
	return api.None{}, a.Identity.Groups.AddMember(ctx, m.group.ID, m.user.ID)
}

func (a *groupsAPI) removeMember(ctx context.Context, _ *api.Request, m member, _ *api.None) (api.None, error) {
	return api.None{}, a.Identity.Groups.RemoveMember(ctx, m.group.ID, m.user.ID)
}
