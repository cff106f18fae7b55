package api

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/assignment"
	"hypernova/keystone/identity"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

type assignmentQuery struct {
	User      string  `wire:"user.id"`
	Group     string  `wire:"group.id"`
	Role      string  `wire:"role.id"`
	Project   string  `wire:"scope.project.id"`
	Domain    string  `wire:"scope.domain.id"`
	System    *string `wire:"scope.system"`
	Inherited string  `wire:"scope.OS-INHERIT:inherited_to"`
	Effective *string `wire:"effective"`
	Names     *string `wire:"include_names"`
	Subtree   *string `wire:"include_subtree"`
}

type assignmentView struct {
	Role  party        `wire:"role"`
	User  *party       `wire:"user" omit:"empty"`
	Group *party       `wire:"group" omit:"empty"`
	Scope assignScope  `wire:"scope"`
	Links assignOrigin `wire:"links"`
}

type party struct {
	ID     string `wire:"id"`
	Name   string `wire:"name" omit:"empty"`
	Domain *named `wire:"domain" omit:"empty"`
}

type named struct {
	ID   string `wire:"id"`
	Name string `wire:"name" omit:"empty"`
}

type assignScope struct {
	Project   *party          `wire:"project" omit:"empty"`
	Domain    *named          `wire:"domain" omit:"empty"`
	System    map[string]bool `wire:"system" omit:"empty"`
	Inherited string          `wire:"OS-INHERIT:inherited_to" omit:"empty"`
}

type assignOrigin struct {
	Assignment string `wire:"assignment"`
	Membership string `wire:"membership" omit:"empty"`
	Prior      string `wire:"prior_role" omit:"empty"`
}

// assignmentsAPI lists who has which role where.
type assignmentsAPI struct {
	Identity *identity.Service
	Roles    *assignment.Service
}

var assignments = api.Resource[*assignmentsAPI]{Name: "role_assignment", Plural: "role_assignments",
	Ops: api.Ops[*assignmentsAPI]{
		api.ListOf("GET /role_assignments", nil, api.Nothing[*assignmentsAPI], (*assignmentsAPI).list),
	}}

// list asks one of two rules, by what is asked for: a tree may be seen by who reads its root's domain.
func (a *assignmentsAPI) list(ctx context.Context, r *api.Request, _ api.None,
	q *assignmentQuery) (api.Page[assignmentView], error) {
	var out api.Page[assignmentView]
	asked, target := policies.ListRoleAssignments, policy.Target{"domain_id": r.Caller.DomainID}
	if set(q.Subtree) {
		if q.Project == "" {
			return out, fault.Invalidf("scope.project.id must be specified if include_subtree is also specified")
		}
		p, err := a.Identity.Projects.Get(ctx, q.Project)
		if err != nil {
			return out, err
		}
		asked, target = policies.ListRoleAssignmentsForTree, p.PolicyTarget()
	}
	if err := r.Require(asked, target); err != nil {
		return out, err
	}
	if q.User != "" && q.Group != "" || q.Project != "" && q.Domain != "" {
		return out, fault.Invalidf("Specify a user or group, a project or domain, not both")
	}
	if q.Group != "" && set(q.Effective) {
		return out, fault.Invalidf("Combining effective and group filter will always result in an empty list.")
	}
	entries, err := a.Roles.List(ctx, assignment.Filter{User: q.User, Group: q.Group, Role: q.Role, Project: q.Project,
		Domain: q.Domain,
		System: set(q.System), Effective: set(q.Effective), Subtree: set(q.Subtree)})
	if err != nil {
		return out, err
	}
	v := viewer{a: a, ctx: ctx, r: r, names: set(q.Names), found: map[string]party{}}
	out.Items = []assignmentView{}
	for _, e := range entries {
		if q.Inherited != "" && !e.Inherited || !a.visible(ctx, r, e) {
			continue
		}
		out.Items = append(out.Items, v.view(e))
	}
	return out, v.err
}

// visible keeps a token for a domain to what is granted in that domain.
func (a *assignmentsAPI) visible(ctx context.Context, r *api.Request, e assignment.Entry) bool {
	if r.Caller.DomainID == "" || r.Caller.Admin() {
		return true
	}
	switch e.Target {
	case keystone.OnDomain:
		return e.TargetID == r.Caller.DomainID
	case keystone.OnProject:
		p, err := a.Identity.Projects.Get(ctx, e.TargetID)
		return err == nil && p.DomainID == r.Caller.DomainID
	}
	return false
}

func set(q *string) bool { return q != nil && *q != "0" && *q != "false" && *q != "False" }

// viewer looks names up once each.
type viewer struct {
	a     *assignmentsAPI
	ctx   context.Context
	r     *api.Request
	names bool
	found map[string]party
	err   error
}

func (v *viewer) view(e assignment.Entry) assignmentView {
	out := assignmentView{Role: v.party("role", e.RoleID)}
	actor := v.party(e.Actor, e.ActorID)
	if e.Actor == keystone.OfUser {
		out.User = &actor
	} else {
		out.Group = &actor
	}
	switch e.Target {
	case keystone.OnProject:
		p := v.party("project", e.TargetID)
		out.Scope.Project = &p
	case keystone.OnDomain:
		p := v.party("domain", e.TargetID)
		out.Scope.Domain = &named{p.ID, p.Name}
	default:
		out.Scope.System = map[string]bool{"all": true}
	}
	if e.Inherited {
		out.Scope.Inherited = "projects"
	}
	out.Links = v.origin(e)
	return out
}

// origin is the link to the grant that an entry stems from, and to the membership or prior role it came by.
func (v *viewer) origin(e assignment.Entry) assignOrigin {
	actor, id, kind, target, role := e.Actor, e.ActorID, e.Target, e.TargetID, e.RoleID
	var o assignOrigin
	if e.ViaGroup != "" {
		o.Membership = v.r.URL("/groups/%s/users/%s", e.ViaGroup, e.ActorID)
		actor, id = keystone.OfGroup, e.ViaGroup
	}
	if e.ViaRole != "" {
		o.Prior = v.r.URL("/prior_role/%s/implies/%s", e.ViaRole, e.RoleID)
		role = e.ViaRole
	}
	head, tail := "", ""
	if e.ViaTarget != "" {
		kind, target = e.ViaTargetKind, e.ViaTarget
	}
	if e.ViaTarget != "" || e.Inherited {
		head, tail = "/OS-INHERIT", "/inherited_to_projects"
	}
	if kind == keystone.OnSystem {
		o.Assignment = v.r.URL("/system/%ss/%s/roles/%s", actor, id, role)
	} else {
		o.Assignment = v.r.URL("%s/%ss/%s/%ss/%s/roles/%s%s", head, kind, target, actor, id, role, tail)
	}
	return o
}

func (v *viewer) party(kind, id string) party {
	if !v.names {
		return party{ID: id}
	}
	if p, ok := v.found[kind+id]; ok {
		return p
	}
	p := party{ID: id}
	var domain string
	var err error
	switch kind {
	case "user":
		var n keystone.User
		n, err = v.a.Identity.Users.Get(v.ctx, id)
		p.Name, domain = n.Name, n.DomainID
	case "group":
		var n keystone.Group
		n, err = v.a.Identity.Groups.Get(v.ctx, id)
		p.Name, domain = n.Name, n.DomainID
	case "role":
		var n keystone.Role
		n, err = v.a.Roles.Role(v.ctx, id)
		p.Name, domain = n.Name, n.DomainID
	default:
		var n keystone.Project
		n, err = v.a.Identity.Projects.Get(v.ctx, id)
		p.Name, domain = n.Name, n.DomainID
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		v.err = err
	}
	if domain != "" {
		d := v.party("domain", domain)
		p.Domain = &named{d.ID, d.Name}
	}
	v.found[kind+id] = p
	return p
}
