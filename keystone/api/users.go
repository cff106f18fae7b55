package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/identity"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type userView struct {
	ID             string                     `wire:"id"`
	Name           string                     `wire:"name"`
	DomainID       string                     `wire:"domain_id"`
	Enabled        bool                       `wire:"enabled"`
	Description    opt.Of[string]             `wire:"description"`
	DefaultProject opt.Of[string]             `wire:"default_project_id"`
	Expires        *time.Time                 `wire:"password_expires_at" time:"micro"`
	Options        map[string]any             `wire:"options"`
	Links          links                      `wire:"links"`
	Federated      []userProvider             `wire:"federated" omit:"empty"`
	Extra          map[string]json.RawMessage `wire:"*"`
}

// describes is the member of users that is not there, null or empty as it was given: keystone keeps it with the
// members that it does not know.
const describes = "description"

// undescribed adds to what a user has besides a description that says nothing, so that it is shown as it was given.
func undescribed(extra map[string]json.RawMessage, d opt.Of[string]) map[string]json.RawMessage {
	if !d.Set || d.Or("") != "" {
		return extra
	}
	extra = maps.Clone(extra)
	if extra == nil {
		extra = map[string]json.RawMessage{}
	}
	extra[describes] = json.RawMessage(`""`)
	if d.Null {
		extra[describes] = json.RawMessage("null")
	}
	return extra
}

func userViewer(r *api.Request) func(keystone.User) userView {
	return func(u keystone.User) userView {
		v := userView{ID: u.ID, Name: u.Name, DomainID: u.DomainID, Enabled: u.Enabled, Options: object(u.Options),
			Links: links{r.URL("/users/%s", u.ID)}, Federated: federatedViews(u.Federated), Extra: u.Extra}
		if u.Description != "" {
			v.Description, v.Extra = opt.Some(u.Description), maps.Clone(u.Extra)
			delete(v.Extra, describes)
		}
		if u.DefaultProjectID != "" {
			v.DefaultProject = opt.Some(u.DefaultProjectID)
		}
		if !u.PasswordExpires.IsZero() {
			v.Expires = &u.PasswordExpires
		}
		return v
	}
}

// userProvider is what a user is known by at an identity provider, by protocol.
type userProvider struct {
	ID        string         `wire:"idp_id" is:"required,minlen=1,maxlen=64"`
	Protocols []userProtocol `wire:"protocols" is:"required,minitems=1,maxitems=64"`
}

type userProtocol struct {
	ID       string `wire:"protocol_id" is:"required,minlen=1,maxlen=64"`
	UniqueID string `wire:"unique_id" is:"required,minlen=1,maxlen=255"`
}

func federatedViews(ids []keystone.FederatedID) []userProvider {
	var out []userProvider
	for _, f := range ids {
		if len(out) == 0 || out[len(out)-1].ID != f.ProviderID {
			out = append(out, userProvider{ID: f.ProviderID})
		}
		last := &out[len(out)-1]
		last.Protocols = append(last.Protocols, userProtocol{f.ProtocolID, f.UniqueID})
	}
	return out
}

func federatedIDs(ps []userProvider) []keystone.FederatedID {
	out := []keystone.FederatedID{}
	for _, p := range ps {
		for _, x := range p.Protocols {
			out = append(out, keystone.FederatedID{ProviderID: p.ID, ProtocolID: x.ID, UniqueID: x.UniqueID})
		}
	}
	return out
}

type userCreate struct {
	Name           string                     `wire:"name" is:"required,stripped,name"`
	DomainID       opt.Of[string]             `wire:"domain_id" is:"minlen=1,maxlen=64,pattern=^[a-zA-Z0-9-]+$"`
	DefaultProject opt.Of[string]             `wire:"default_project_id" is:"nullable,maxlen=64"`
	Description    opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled        opt.Of[bool]               `wire:"enabled"`
	Password       opt.Of[string]             `wire:"password" is:"nullable,maxlen=4096"`
	Options        map[string]any             `wire:"options"`
	Federated      []userProvider             `wire:"federated" is:"maxitems=64"`
	Extra          map[string]json.RawMessage `wire:"*"`
}

func (c *userCreate) PolicyTarget() policy.Target {
	return policy.Target{"target.user.domain_id": c.DomainID.Or("")}
}

type userUpdate struct {
	Name           opt.Of[string]             `wire:"name" is:"stripped,name"`
	DomainID       opt.Of[string]             `wire:"domain_id" is:"maxlen=64"`
	DefaultProject opt.Of[string]             `wire:"default_project_id" is:"nullable,maxlen=64"`
	Description    opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled        opt.Of[bool]               `wire:"enabled"`
	Password       opt.Of[string]             `wire:"password" is:"nullable,maxlen=4096"`
	Options        map[string]any             `wire:"options"`
	Federated      opt.Of[[]userProvider]     `wire:"federated" is:"nullable,maxitems=64"`
	Extra          map[string]json.RawMessage `wire:"*"`
}

type userQuery struct {
	api.PageQuery
	Provider *string `wire:"idp_id"`
	Protocol *string `wire:"protocol_id"`
	UniqueID *string `wire:"unique_id"`
	Name     *string `wire:"name" filter:"name"`
	DomainID *string `wire:"domain_id" filter:"domain_id"`
	Enabled  *string `wire:"enabled" filter:"enabled,flag"`
	Expires  *string `wire:"password_expires_at"`
}

// usersAPI answers what is asked about users.
type usersAPI struct {
	directoryLoader

	scopes scopeFinder
}

var users = api.Resource[*usersAPI]{Name: "user", Plural: "users", Ops: api.Ops[*usersAPI]{
	api.Do("POST /users", policies.CreateUser, http.StatusCreated, (*usersAPI).create),
	api.List("GET /users", policies.ListUsers, (*usersAPI).list),
	api.On("GET /users/{user_id}", policies.GetUser, http.StatusOK, (*usersAPI).loadUser, (*usersAPI).show),
	api.On("PATCH /users/{user_id}", policies.UpdateUser, http.StatusOK, (*usersAPI).loadUser, (*usersAPI).update,
		api.NonEmpty()),
	api.On("DELETE /users/{user_id}", policies.DeleteUser, http.StatusNoContent, (*usersAPI).loadUser, (*usersAPI).delete),
	api.On("POST /users/{user_id}/password", policies.ChangePassword, http.StatusNoContent, (*usersAPI).loadUser,
		(*usersAPI).changePassword, api.NoAuth()),
	api.ListOf("GET /users/{user_id}/projects", policies.ListUserProjects, (*usersAPI).loadUser, (*usersAPI).projects,
		api.EnvelopeOut("projects")),
	api.ListOf("GET /users/{user_id}/groups", policies.ListGroupsForUser, (*usersAPI).loadUser, (*usersAPI).groups,
		api.EnvelopeOut("groups")),
}}

func (a *usersAPI) create(ctx context.Context, r *api.Request, in *userCreate) (userView, error) {
	domain := in.DomainID.Or("")
	if domain == "" {
		domain = ownDomain(r)
	}
	in.Extra = undescribed(in.Extra, in.Description)
	u, err := a.Identity.Users.Create(ctx, keystone.User{Name: in.Name, DomainID: domain,
		DefaultProjectID: in.DefaultProject.Or(""),
		Description:      in.Description.Or(""), Enabled: in.Enabled.Or(true), Options: in.Options, Extra: in.Extra,
		Federated: federatedIDs(in.Federated)},
		in.Password.Or(""))
	return userViewer(r)(u), err
}

func (a *usersAPI) list(ctx context.Context, r *api.Request, q *userQuery) (api.Page[userView], error) {
	where := like(within(r, api.Where(r, q)), r, "name", "domain_id")
	var known []db.Cond
	for column, v := range map[string]*string{"idp_id": q.Provider, "protocol_id": q.Protocol, "unique_id": q.UniqueID} {
		if v != nil {
			known = append(known, db.EqTo(column, *v))
		}
	}
	if len(known) > 0 {
		ids, err := a.Identity.Users.IDsByFederation(ctx, known)
		if err != nil {
			return api.Page[userView]{}, err
		}
		where = append(where, db.InList("id", ids))
	}
	if q.Expires != nil {
		c, err := expiryFilter(*q.Expires)
		if err != nil {
			return api.Page[userView]{}, err
		}
		where = append(where, c)
	}
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.User, error) {
		return a.Identity.Users.List(ctx,
			la)
	},
		func(u keystone.User) string { return u.ID }, userViewer(r))
}

// expiryFilter reads "lt:2026-01-02T15:04:05Z" and its like.
func expiryFilter(s string) (db.Cond, error) {
	op, text, ok := strings.Cut(s, ":")
	ops := map[string]db.Op{"lt": db.Lt, "lte": db.Le, "gt": db.Gt, "gte": db.Ge, "eq": db.Eq, "neq": db.Ne}
	at, err := time.Parse("2006-01-02T15:04:05Z", text)
	cmp, known := ops[op]
	if !ok || !known || err != nil {
		return db.Cond{}, fault.Invalidf(
			"password_expires_at must be an operator (lt, lte, gt, gte, eq, neq), a colon and a time YYYY-MM-DDTHH:MM:SSZ.")
	}
	return db.Cond{Column: "password_expires_at", Op: cmp, Values: []any{db.Time{Time: at}}}, nil
}

func (a *usersAPI) show(ctx context.Context, r *api.Request, u keystone.User, _ *api.None) (userView, error) {
	var err error
	u.Federated, err = a.Identity.Users.FederatedIDs(ctx, u.ID)
	return userViewer(r)(u), err
}

func (a *usersAPI) update(ctx context.Context, r *api.Request, u keystone.User, in *userUpdate) (userView, error) {
	if in.DomainID.Has() && in.DomainID.Value != u.DomainID {
		return userView{}, fault.Invalidf("A user cannot be moved to another domain.")
	}
	in.Extra = undescribed(in.Extra, in.Description)
	c := identity.UserChange{Name: in.Name.Ptr(), Enabled: in.Enabled.Ptr(), Password: in.Password.Ptr(),
		Options: in.Options, Extra: in.Extra}
	if in.Federated.Set {
		ids := federatedIDs(in.Federated.Or(nil))
		c.Federated = &ids
	}
	if in.Description.Set {
		d := in.Description.Or("")
		c.Description = &d
	}
	if in.DefaultProject.Set {
		d := in.DefaultProject.Or("")
		c.DefaultProjectID = &d
	}
	u, err := a.Identity.Users.Update(ctx, u.ID, c)
	if err != nil {
		return userView{}, err
	}
	return a.show(ctx, r, u, nil)
}

func (a *usersAPI) delete(ctx context.Context, _ *api.Request, u keystone.User, _ *api.None) (api.None, error) {
	return api.None{}, a.Identity.Users.Delete(ctx, u.ID)
}

type passwordChange struct {
	Original string `wire:"original_password" is:"required,maxlen=4096"`
	Password string `wire:"password" is:"required,minlen=1,maxlen=4096"`
}

func (a *usersAPI) changePassword(ctx context.Context, _ *api.Request, u keystone.User,
	in *passwordChange) (api.None, error) {
	return api.None{}, a.Identity.Users.ChangePassword(ctx, u.ID, in.Original, in.Password)
}

func (a *usersAPI) projects(ctx context.Context, r *api.Request, u keystone.User,
	_ *api.None) (api.Page[projectView], error) {
	ps, err := a.scopes.scopesOf(ctx, u.ID, keystone.OnProject)
	return api.Page[projectView]{Items: views(ps, projectViewer(r))}, err
}

func (a *usersAPI) groups(ctx context.Context, r *api.Request, u keystone.User,
	_ *api.None) (api.Page[groupView], error) {
	gs, err := a.Identity.Groups.OfUser(ctx, u.ID)
	gs = slices.DeleteFunc(gs, func(g keystone.Group) bool { return outside(r, g.DomainID) })
	return api.Page[groupView]{Items: views(gs, groupViewer(r))}, err
}
