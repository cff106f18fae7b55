package api

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/plugin"
	"hypernova/neutron/secgroups"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type groupBody struct {
	owners
	groupChange
}

type groupChange struct {
	Name        opt.Of[string] `wire:"name" is:"maxlen=255"`
	Description opt.Of[string] `wire:"description" is:"maxlen=255"`
	Stateful    opt.Of[bool]   `wire:"stateful" is:"boolish"`
}

type groupView struct {
	ID          string     `wire:"id"`
	Name        string     `wire:"name"`
	Stateful    bool       `wire:"stateful"`
	Tenant      string     `wire:"tenant_id"`
	Description string     `wire:"description"`
	Rules       []ruleView `wire:"security_group_rules"`
	Project     string     `wire:"project_id"`
	stamps
}

func viewGroup(g neutron.SecurityGroup) groupView {
	return groupView{ID: g.ID, Name: g.Name, Stateful: g.Stateful, Tenant: g.Project, Project: g.Project,
		Description: g.Description, Rules: views(g.Rules, viewRule), stamps: stampsOf(g.Meta)}
}

func groupTarget(g neutron.SecurityGroup) policy.Target {
	return policy.Target{"project_id": g.Project, "tenant_id": g.Project, "security_group:tenant_id": g.Project}
}

type groupsAPI = crud[neutron.SecurityGroup, groupBody, groupChange, groupView]

func groupsOf(p *plugin.Plugin) *groupsAPI {
	c := &groupsAPI{
		name: "security_group", what: "SecurityGroup",
		rules:  rules{create: createGroup, get: getGroup, update: updateGroup, delete: deleteGroup},
		asked:  createGroup,
		target: groupTarget,
		id:     func(g neutron.SecurityGroup) string { return g.ID },
		meta:   func(g neutron.SecurityGroup) neutron.Meta { return g.Meta },
		view:   viewGroup,
		show:   p.Groups.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.SecurityGroup, error) {
			return p.Groups.List(ctx, a)
		},
		update: func(ctx context.Context, _ *api.Request, g neutron.SecurityGroup, in *groupChange,
			ifRevision opt.Of[int64]) (neutron.SecurityGroup, error) {
			return p.Groups.Update(ctx, g.ID, secgroups.Patch{Name: in.Name, Description: in.Description,
				Stateful: in.Stateful, IfRevision: ifRevision})
		},
		delete: func(ctx context.Context, r *api.Request, g neutron.SecurityGroup, ifRevision opt.Of[int64]) error {
			return p.Groups.Delete(ctx, g.ID, all(r), ifRevision)
		},
		retag: func(ctx context.Context, g neutron.SecurityGroup, tags neutron.TagChange) (neutron.SecurityGroup, error) {
			return p.Groups.Update(ctx, g.ID, secgroups.Patch{Tags: tags})
		},
		tags:      groupTags,
		listing:   listing{known: filters{}.with(filters{"stateful": truth})},
		before:    ensureDefault(p),
		anyMarker: true,
		extensions: []extension{
			{"security-group", "Security Groups", "Allowances for ports' traffic."},
			{"security-groups-normalized-cidr", "Normalized CIDR", "The prefix of a rule without host bits."},
			{"stateful-security-group", "Stateful Security Groups", "Groups that do not track connections."},
		},
	}
	c.create = c.each(func(_ *api.Request, project string, in *groupBody) (neutron.SecurityGroup, error) {
		return neutron.SecurityGroup{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")},
			Name: in.Name.Or(""), Stateful: in.Stateful.Or(true)}, nil
	}, p.Groups.Create)
	return c
}

// ensureDefault makes the default group of the project that a list is about: the one that it is filtered by, or the
// caller's. It makes none where the caller would not see it.
func ensureDefault(p *plugin.Plugin) func(context.Context, *api.Request, *listQuery) error {
	return func(ctx context.Context, r *api.Request, q *listQuery) error {
		project := r.Caller.ProjectID
		for _, name := range []string{"tenant_id", "project_id"} {
			if vs := q.Filters[name]; len(vs) > 0 && vs[0] != "" {
				project = vs[0]
			}
		}
		if r.Caller.ProjectID == "" || project != r.Caller.ProjectID && !r.Allowed(ruleAdmin, nil) {
			return nil
		}
		_, err := p.Groups.EnsureDefault(ctx, project)
		return err
	}
}
