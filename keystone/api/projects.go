package api

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/assignment"
	"hypernova/keystone/identity"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type domainView struct {
	ID          string                     `wire:"id"`
	Name        string                     `wire:"name"`
	Description string                     `wire:"description"`
	Enabled     bool                       `wire:"enabled"`
	Tags        []string                   `wire:"tags"`
	Options     map[string]any             `wire:"options"`
	Links       links                      `wire:"links"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

type projectView struct {
	ID          string                     `wire:"id"`
	Name        string                     `wire:"name"`
	DomainID    *string                    `wire:"domain_id"`
	ParentID    *string                    `wire:"parent_id"`
	Description string                     `wire:"description"`
	Enabled     bool                       `wire:"enabled"`
	IsDomain    bool                       `wire:"is_domain"`
	Tags        []string                   `wire:"tags"`
	Options     map[string]any             `wire:"options"`
	Links       links                      `wire:"links"`
	Parents     opt.Of[any]                `wire:"parents"`
	Subtree     opt.Of[any]                `wire:"subtree"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func projectViewer(r *api.Request) func(keystone.Project) projectView {
	return func(p keystone.Project) projectView {
		v := projectView{ID: p.ID, Name: p.Name, DomainID: nullable(p.DomainID), ParentID: nullable(p.ParentID),
			Description: p.Description,
			Enabled:     p.Enabled, IsDomain: p.IsDomain, Tags: tags(p.Tags), Options: object(p.Options),
			Links: links{r.URL("/projects/%s", p.ID)},
			Extra: p.Extra}
		if p.IsDomain {
			v.DomainID = nil
		}
		return v
	}
}

func domainViewer(r *api.Request) func(keystone.Project) domainView {
	return func(p keystone.Project) domainView {
		return domainView{p.ID, p.Name, p.Description, p.Enabled, tags(p.Tags), object(p.Options),
			links{r.URL("/domains/%s", p.ID)}, p.Extra}
	}
}

func tags(ts []string) []string {
	if ts == nil {
		return []string{}
	}
	return ts
}

func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

type projectCreate struct {
	Name        string                     `wire:"name" is:"required,stripped,name,maxlen=64"`
	DomainID    opt.Of[string]             `wire:"domain_id" is:"nullable,minlen=1,maxlen=64,pattern=^[a-zA-Z0-9-]+$"`
	ParentID    opt.Of[string]             `wire:"parent_id" is:"nullable,minlen=1,maxlen=64,pattern=^[a-zA-Z0-9-]+$"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled     opt.Of[bool]               `wire:"enabled"`
	IsDomain    opt.Of[bool]               `wire:"is_domain"`
	Tags        []string                   `wire:"tags" is:"maxitems=80,unique,each(stripped,minlen=1,maxlen=255,pattern=^[^,/]*$)"`
	Options     map[string]any             `wire:"options"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func (c *projectCreate) PolicyTarget() policy.Target {
	return policy.Target{"target.project.domain_id": c.DomainID.Or(""), "target.project.parent_id": c.ParentID.Or("")}
}

type projectUpdate struct {
	Name        opt.Of[string]             `wire:"name" is:"stripped,name,maxlen=64"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=65535"`
	Enabled     opt.Of[bool]               `wire:"enabled"`
	DomainID    opt.Of[string]             `wire:"domain_id" is:"nullable"`
	ParentID    opt.Of[string]             `wire:"parent_id" is:"nullable"`
	IsDomain    opt.Of[bool]               `wire:"is_domain"`
	Tags        opt.Of[[]string]           `wire:"tags" is:"maxitems=80,unique,each(stripped,minlen=1,maxlen=255,pattern=^[^,/]*$)"`
	Options     map[string]any             `wire:"options"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func (u *projectUpdate) change(p keystone.Project) (identity.ProjectChange, error) {
	var c identity.ProjectChange
	if err := immutable(p.Options, u.Options, "project", p.ID); err != nil {
		return c, err
	}
	if u.DomainID.Set && !p.IsDomain && u.DomainID.Or("") != p.DomainID || u.ParentID.Set &&
		u.ParentID.Or("") != p.ParentID ||
		u.IsDomain.Set && u.IsDomain.Value != p.IsDomain {
		return c, fault.Invalidf("Update of domain_id, parent_id and is_domain of a project is not allowed.")
	}
	c = identity.ProjectChange{Name: u.Name.Ptr(), Enabled: u.Enabled.Ptr(), Options: u.Options, Extra: u.Extra}
	if u.Tags.Has() {
		c.Tags = exactly(u.Tags.Value)
	}
	if u.Description.Set {
		d := u.Description.Or("")
		c.Description = &d
	}
	return c, nil
}

type projectQuery struct {
	api.PageQuery
	Name     *string `wire:"name" filter:"name"`
	DomainID *string `wire:"domain_id" filter:"domain_id"`
	ParentID *string `wire:"parent_id" filter:"parent_id"`
	Enabled  *string `wire:"enabled" filter:"enabled,flag"`
	IsDomain *string `wire:"is_domain" filter:"is_domain,flag"`
	Tags     *string `wire:"tags"`
	TagsAny  *string `wire:"tags-any"`
	NotTags  *string `wire:"not-tags"`
	NotAny   *string `wire:"not-tags-any"`
}

type projectShow struct {
	Parents     *string `wire:"parents_as_list"`
	ParentIDs   *string `wire:"parents_as_ids"`
	Subtree     *string `wire:"subtree_as_list"`
	SubtreeIDs  *string `wire:"subtree_as_ids"`
	IncludeLims *string `wire:"include_limits"`
}

// projectsAPI answers what is asked about projects and their tags.
type projectsAPI struct {
	directoryLoader

	Roles *assignment.Service
}

var projects = api.Resource[*projectsAPI]{Name: "project", Plural: "projects", Ops: api.Ops[*projectsAPI]{
	api.Do("POST /projects", policies.CreateProject, http.StatusCreated, (*projectsAPI).create),
	api.List("GET /projects", policies.ListProjects, (*projectsAPI).list),
	api.On("GET /projects/{project_id}", policies.GetProject, http.StatusOK, (*projectsAPI).loadProject,
		(*projectsAPI).show),
	api.On("PATCH /projects/{project_id}", policies.UpdateProject, http.StatusOK, (*projectsAPI).loadProject,
		(*projectsAPI).update),
	api.On("DELETE /projects/{project_id}", policies.DeleteProject, http.StatusNoContent, (*projectsAPI).loadProject,
		(*projectsAPI).delete),
	api.On("GET /projects/{project_id}/tags", policies.ListProjectTags, http.StatusOK, (*projectsAPI).loadProject,
		(*projectsAPI).listTags, api.Bare()),
	api.On("PUT /projects/{project_id}/tags", policies.UpdateProjectTags, http.StatusOK, (*projectsAPI).loadProject,
		(*projectsAPI).setTags, api.Bare()),
	api.On("DELETE /projects/{project_id}/tags", policies.DeleteProjectTags, http.StatusNoContent,
		(*projectsAPI).loadProject, (*projectsAPI).clearTags),
	api.On("GET /projects/{project_id}/tags/{value}", policies.GetProjectTag, http.StatusNoContent,
		(*projectsAPI).loadProject, (*projectsAPI).hasTag),
	api.On("PUT /projects/{project_id}/tags/{value}", policies.CreateProjectTag, http.StatusCreated,
		(*projectsAPI).loadProject, (*projectsAPI).addTag),
	api.On("DELETE /projects/{project_id}/tags/{value}", policies.DeleteProjectTag, http.StatusNoContent,
		(*projectsAPI).loadProject, (*projectsAPI).dropTag),
}}

// domainsAPI answers what is asked about domains.
type domainsAPI struct {
	directoryLoader
}

var domains = api.Resource[*domainsAPI]{Name: "domain", Plural: "domains", Ops: api.Ops[*domainsAPI]{
	api.Do("POST /domains", policies.CreateDomain, http.StatusCreated, (*domainsAPI).create),
	api.List("GET /domains", policies.ListDomains, (*domainsAPI).list),
	api.On("GET /domains/{domain_id}", policies.GetDomain, http.StatusOK, (*domainsAPI).loadDomain, (*domainsAPI).show),
	api.On("PATCH /domains/{domain_id}", policies.UpdateDomain, http.StatusOK, (*domainsAPI).loadDomain,
		(*domainsAPI).update, api.MissingShown(), api.NonEmpty()),
	api.On("DELETE /domains/{domain_id}", policies.DeleteDomain, http.StatusNoContent, (*domainsAPI).loadDomain,
		(*domainsAPI).delete),
}}

func (a *projectsAPI) create(ctx context.Context, r *api.Request, in *projectCreate) (projectView, error) {
	p := keystone.Project{Name: in.Name, DomainID: in.DomainID.Or(""), ParentID: in.ParentID.Or(""),
		Description: in.Description.Or(""),
		Enabled:     in.Enabled.Or(true), IsDomain: in.IsDomain.Or(false), Tags: distinct(in.Tags), Options: in.Options,
		Extra: in.Extra}
	if p.IsDomain && p.ParentID != "" {
		return projectView{}, fault.Invalidf("A project acting as a domain cannot have a parent.")
	}
	if p.DomainID == "" && p.ParentID == "" && !p.IsDomain {
		p.DomainID = ownDomain(r)
	}
	p, err := a.Identity.Projects.Create(ctx, p)
	return projectViewer(r)(p), err
}

// ownDomain is where things go whose domain a client did not name: that of its token.
func ownDomain(r *api.Request) string {
	switch {
	case r.Caller.DomainID != "":
		return r.Caller.DomainID
	case r.Caller.ProjectDomainID != "":
		return r.Caller.ProjectDomainID
	}
	return keystone.DefaultDomainID
}

// within keeps a token for a domain to what is in that domain.
func within(r *api.Request, where []db.Cond) []db.Cond {
	if r.Caller.DomainID != "" && !r.Caller.Admin() {
		where = append(where, db.EqTo("domain_id", r.Caller.DomainID))
	}
	return where
}

// outside says the same of one thing in a domain.
func outside(r *api.Request, domain string) bool {
	return r.Caller.DomainID != "" && !r.Caller.Admin() && r.Caller.DomainID != domain
}

func (a *projectsAPI) list(ctx context.Context, r *api.Request, q *projectQuery) (api.Page[projectView], error) {
	where := within(r, api.Where(r, q))
	if q.IsDomain == nil {
		where = append(where, db.EqTo("is_domain", false))
	}
	where = like(append(where, q.tagged()...), r, "name", "domain_id", "parent_id")
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.Project, error) {
		return a.Identity.Projects.List(ctx,
			la)
	},
		func(p keystone.Project) string { return p.ID }, projectViewer(r))
}

// tagged are the conditions on tags: all of them, any of them, and their negations.
func (q *projectQuery) tagged() []db.Cond {
	var out []db.Cond
	if q.Tags != nil {
		out = append(out, db.All(withTags(*q.Tags)...))
	}
	if q.TagsAny != nil {
		out = append(out, db.Any(withTags(*q.TagsAny)...))
	}
	if q.NotTags != nil {
		out = append(out, db.Not(db.All(withTags(*q.NotTags)...)))
	}
	if q.NotAny != nil {
		out = append(out, db.Not(db.Any(withTags(*q.NotAny)...)))
	}
	return out
}

// withTags finds each tag as a quoted word in the row's JSON list.
func withTags(list string) []db.Cond {
	var out []db.Cond
	for _, t := range strings.Split(list, ",") {
		word, err := json.Marshal(t)
		if err == nil {
			out = append(out, db.Cond{Column: "tags", Op: db.Regexp, Values: []any{regexp.QuoteMeta(string(word))}})
		}
	}
	return out
}

func (a *projectsAPI) show(ctx context.Context, r *api.Request, p keystone.Project,
	q *projectShow) (projectView, error) {
	v := projectViewer(r)(p)
	if q.Parents != nil && q.ParentIDs != nil || q.Subtree != nil && q.SubtreeIDs != nil {
		return v, fault.Invalidf("A tree can be shown as a list or as ids, not as both.")
	}
	if q.Parents != nil || q.ParentIDs != nil {
		up, err := a.Identity.Projects.Parents(ctx, p)
		if err != nil {
			return v, err
		}
		v.Parents = opt.Some[any](a.asList(ctx, r, up))
		if q.ParentIDs != nil {
			v.Parents = opt.Some(chain(up))
		}
	}
	if q.Subtree != nil || q.SubtreeIDs != nil {
		down, err := a.Identity.Projects.Subtree(ctx, p.ID)
		if err != nil {
			return v, err
		}
		v.Subtree = opt.Some[any](a.asList(ctx, r, down))
		if q.SubtreeIDs != nil {
			v.Subtree = opt.Some(tree(p.ID, down))
		}
	}
	return v, nil
}

type wrapped struct {
	Project projectView `wire:"project"`
}

// asList shows of a tree only the projects the caller has a role on, unless it may see all.
func (a *projectsAPI) asList(ctx context.Context, r *api.Request, ps []keystone.Project) []wrapped {
	out := []wrapped{}
	for _, p := range ps {
		held, err := a.Roles.Effective(ctx, r.Caller.UserID, keystone.OnProject, p.ID)
		if err == nil && len(held) > 0 || r.Allowed(policies.GetProject, p.PolicyTarget()) {
			out = append(out, wrapped{projectViewer(r)(p)})
		}
	}
	return out
}

func chain(up []keystone.Project) any {
	var out any
	for _, p := range slices.Backward(up) {
		out = map[string]any{p.ID: out}
	}
	return out
}

func tree(root string, down []keystone.Project) any {
	var out map[string]any
	for _, p := range down {
		if p.ParentID == root {
			if out == nil {
				out = map[string]any{}
			}
			out[p.ID] = tree(p.ID, down)
		}
	}
	if out == nil {
		return nil
	}
	return out
}

func (a *projectsAPI) update(ctx context.Context, r *api.Request, p keystone.Project,
	in *projectUpdate) (projectView, error) {
	c, err := in.change(p)
	if err != nil {
		return projectView{}, err
	}
	p, err = a.Identity.Projects.Update(ctx, p.ID, c)
	return projectViewer(r)(p), err
}

func (a *projectsAPI) delete(ctx context.Context, _ *api.Request, p keystone.Project, _ *api.None) (api.None, error) {
	if err := immutable(p.Options, nil, "project", p.ID); err != nil {
		return api.None{}, err
	}
	if p.IsDomain {
		return api.None{}, a.Identity.Projects.DeleteDomain(ctx, p.ID)
	}
	return api.None{}, a.Identity.Projects.Delete(ctx, p.ID)
}

type tagList struct {
	Tags  []string `wire:"tags" is:"required,maxitems=80,unique,each(stripped,minlen=1,maxlen=255,pattern=^[^,/]*$)"`
	Links *links   `wire:"links" omit:"empty"`
}

func (a *projectsAPI) listTags(_ context.Context, r *api.Request, p keystone.Project, _ *api.None) (tagList, error) {
	return tagList{tags(p.Tags), &links{r.URL("/projects/%s/tags", p.ID)}}, nil
}

func (a *projectsAPI) writeTags(ctx context.Context, p keystone.Project, change func([]string) ([]string,
	error)) (keystone.Project, error) {
	return a.Identity.Projects.Update(ctx, p.ID, identity.ProjectChange{Tags: change})
}

// distinct keeps the first of equal tags: two that were given apart may be one without the blanks around them.
func distinct(ts []string) []string {
	var out []string
	for _, t := range ts {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// exactly is a change to these tags, whatever there are.
func exactly(ts []string) func([]string) ([]string, error) {
	return func([]string) ([]string, error) { return ts, nil }
}

func (a *projectsAPI) setTags(ctx context.Context, r *api.Request, p keystone.Project, in *tagList) (tagList, error) {
	p, err := a.writeTags(ctx, p, exactly(distinct(in.Tags)))
	return tagList{tags(p.Tags), &links{r.URL("/projects/%s/tags", p.ID)}}, err
}

func (a *projectsAPI) clearTags(ctx context.Context, _ *api.Request, p keystone.Project,
	_ *api.None) (api.None, error) {
	_, err := a.writeTags(ctx, p, exactly(nil))
	return api.None{}, err
}

func noTag(p keystone.Project, t string) error {
	return fault.NotFoundf("Could not find project tag: %s on project %s.", t, p.ID)
}

func (a *projectsAPI) hasTag(_ context.Context, r *api.Request, p keystone.Project, _ *api.None) (api.None, error) {
	if t := r.Param("value"); !slices.Contains(p.Tags, t) {
		return api.None{}, noTag(p, t)
	}
	return api.None{}, nil
}

func (a *projectsAPI) addTag(ctx context.Context, r *api.Request, p keystone.Project, _ *api.None) (api.None, error) {
	t := strings.TrimSpace(r.Param("value"))
	if slices.Contains(p.Tags, t) {
		return api.None{}, nil
	}
	if t == "" || len(t) > 255 {
		return api.None{}, fault.Invalidf("A tag has 1 to 255 characters.")
	}
	_, err := a.writeTags(ctx, p, func(ts []string) ([]string, error) {
		if slices.Contains(ts, t) {
			return ts, nil
		}
		return append(slices.Clone(ts), t), nil
	})
	r.SetHeader("Location", r.URL("/projects/%s/tags/%s", p.ID, t))
	return api.None{}, err
}

func (a *projectsAPI) dropTag(ctx context.Context, r *api.Request, p keystone.Project, _ *api.None) (api.None, error) {
	t := r.Param("value")
	if !slices.Contains(p.Tags, t) {
		return api.None{}, noTag(p, t)
	}
	_, err := a.writeTags(ctx, p, func(ts []string) ([]string, error) {
		if !slices.Contains(ts, t) {
			return nil, noTag(p, t)
		}
		return slices.DeleteFunc(slices.Clone(ts), func(s string) bool { return s == t }), nil
	})
	return api.None{}, err
}

type domainCreateBody struct {
	Name        string                     `wire:"name" is:"required,stripped,name,maxlen=64"`
	Explicit    string                     `wire:"explicit_domain_id" is:"pattern=^[a-zA-Z0-9]{1,64}$"`
	Description opt.Of[string]             `wire:"description" is:"nullable,maxlen=255"`
	Enabled     opt.Of[bool]               `wire:"enabled"`
	Tags        []string                   `wire:"tags" is:"maxitems=80,unique,each(stripped,minlen=1,maxlen=255,pattern=^[^,/]*$)"`
	Options     map[string]any             `wire:"options"`
	Extra       map[string]json.RawMessage `wire:"*"`
}

func (a *domainsAPI) create(ctx context.Context, r *api.Request, in *domainCreateBody) (domainView, error) {
	p, err := a.Identity.Projects.Create(ctx, keystone.Project{ID: in.Explicit, Name: in.Name,
		Description: in.Description.Or(""),
		Enabled:     in.Enabled.Or(true), IsDomain: true, Tags: distinct(in.Tags), Options: in.Options, Extra: in.Extra})
	return domainViewer(r)(p), err
}

type domainQuery struct {
	api.PageQuery
	Name    *string `wire:"name" filter:"name"`
	Enabled *string `wire:"enabled" filter:"enabled,flag"`
}

func (a *domainsAPI) list(ctx context.Context, r *api.Request, q *domainQuery) (api.Page[domainView], error) {
	where := like(api.Where(r, q, db.EqTo("is_domain", true)), r, "name")
	if r.Caller.DomainID != "" && !r.Caller.Admin() {
		where = append(where, db.EqTo("id", r.Caller.DomainID))
	}
	return page(q.PageQuery, where, func(la db.ListArgs) ([]keystone.Project, error) {
		return a.Identity.Projects.List(ctx,
			la)
	},
		func(p keystone.Project) string { return p.ID }, domainViewer(r))
}

func (a *domainsAPI) show(_ context.Context, r *api.Request, p keystone.Project, _ *api.None) (domainView, error) {
	return domainViewer(r)(p), nil
}

func (a *domainsAPI) update(ctx context.Context, r *api.Request, p keystone.Project,
	in *projectUpdate) (domainView, error) {
	c, err := in.change(p)
	if err == nil && utf8.RuneCountInString(in.Description.Or("")) > 255 { // a project's may be longer
		err = fault.Invalidf("Invalid input for field 'description': it has at most 255 characters.")
	}
	if err != nil {
		return domainView{}, err
	}
	p, err = a.Identity.Projects.Update(ctx, p.ID, c)
	return domainViewer(r)(p), err
}

func (a *domainsAPI) delete(ctx context.Context, _ *api.Request, p keystone.Project, _ *api.None) (api.None, error) {
	if err := immutable(p.Options, nil, "domain", p.ID); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Identity.Projects.DeleteDomain(ctx, p.ID)
}
