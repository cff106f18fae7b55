package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/secgroups"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
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
	return groupView{ID: g.ID, Name: g.Name, Stateful: g.Stateful, Tenant: g.Project, Project: g.Project, Description: g.Description, Rules: views(g.Rules, viewRule),
		stamps: stampsOf(g.Meta)}
}

// group is a loaded security group.
type group struct{ neutron.SecurityGroup }

// PolicyTarget is what rules know of a security group.
func (g group) PolicyTarget() policy.Target {
	return policy.Target{"project_id": g.Project, "tenant_id": g.Project, "security_group:tenant_id": g.Project}
}

func groupResource() api.Resource[*API] {
	tags := tagged[group]{path: "/security-groups/{security_group_id}/tags", rules: groupTags, load: (*API).group, tags: func(g group) []string { return g.Tags },
		write: func(a *API, ctx context.Context, g group, tags neutron.TagChange) ([]string, error) {
			u, err := a.n.Groups.Update(ctx, g.ID, secgroups.Patch{Tags: tags})
			return u.Tags, err
		}}
	return api.Resource[*API]{Name: "security_group", Plural: "security_groups", Ops: append(api.Ops[*API]{
		api.Bulk("POST /security-groups", createGroup, http.StatusCreated, (*API).createGroups),
		api.List("GET /security-groups", nil, (*API).listGroups),
		api.On("GET /security-groups/{security_group_id}", getGroup, http.StatusOK, (*API).group, (*API).showGroup),
		api.On("PUT /security-groups/{security_group_id}", updateGroup, http.StatusOK, (*API).group, (*API).updateGroup),
		api.On("DELETE /security-groups/{security_group_id}", deleteGroup, http.StatusNoContent, (*API).group, (*API).deleteGroup),
	}, tags.ops()...)}
}

// group loads the security group of the path for a caller who may see it.
func (a *API) group(ctx context.Context, r *api.Request) (group, error) {
	g, err := a.n.Groups.Show(ctx, r.Param("security_group_id"))
	if err == nil && !r.Allowed(getGroup, group{g}.PolicyTarget()) {
		err = neutron.Missing("SecurityGroup", r.Param("security_group_id"))
	}
	return group{g}, err
}

func (a *API) createGroups(ctx context.Context, r *api.Request, ins []*groupBody) ([]groupView, error) {
	wanted := make([]neutron.SecurityGroup, len(ins))
	for i, in := range ins {
		project, err := in.project(r)
		if err != nil {
			return nil, err
		}
		g := neutron.SecurityGroup{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""), Stateful: in.Stateful.Or(true)}
		if err := r.Require(createGroup, group{g}.PolicyTarget()); err != nil {
			return nil, err
		}
		wanted[i] = g
	}
	made, err := a.n.Groups.Create(ctx, wanted)
	return views(made, viewGroup), err
}

func (a *API) listGroups(ctx context.Context, r *api.Request, q *listQuery) (api.Page[groupView], error) {
	args, err := q.args(r, listing{known: filters{}.with(filters{"stateful": truth})})
	if err != nil {
		return api.Page[groupView]{}, err
	}
	if err := a.ensureDefault(ctx, r, q); err != nil {
		return api.Page[groupView]{}, err
	}
	if !all(r) {
		args.Scope = []db.Cond{db.EqTo("project_id", r.Caller.ProjectID)}
	}
	gs, err := whole(args.ListArgs, func(a2 db.ListArgs) ([]neutron.SecurityGroup, error) { return a.n.Groups.List(ctx, a2) })
	gs = seen(r, gs, getGroup, args.guarded, func(g neutron.SecurityGroup) policy.Target { return group{g}.PolicyTarget() })
	return page(q, gs, func(g neutron.SecurityGroup) string { return g.ID }, viewGroup), err
}

// ensureDefault makes the default group of the project that a list is about: the one that it is filtered by, or the
// caller's. A caller who does not see that project's groups would not see this one either, so for him none is made.
func (a *API) ensureDefault(ctx context.Context, r *api.Request, q *listQuery) error {
	project := r.Caller.ProjectID
	for _, name := range []string{"tenant_id", "project_id"} {
		if vs := q.Filters[name]; len(vs) > 0 && vs[0] != "" {
			project = vs[0]
		}
	}
	if r.Caller.ProjectID == "" || project != r.Caller.ProjectID && !r.Allowed(ruleAdmin, nil) {
		return nil
	}
	_, err := a.n.Groups.EnsureDefault(ctx, project)
	return err
}

// whole reads a list whose marker counts for nothing where the caller sees no such thing, as neutron does with security
// groups and rules.
func whole[N any](a db.ListArgs, list func(db.ListArgs) ([]N, error)) ([]N, error) {
	ns, err := list(a)
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound {
		a.Marker = ""
		return list(a)
	}
	return ns, err
}

func (a *API) showGroup(_ context.Context, _ *api.Request, g group, _ *api.None) (groupView, error) {
	return viewGroup(g.SecurityGroup), nil
}

func (a *API) updateGroup(ctx context.Context, r *api.Request, g group, in *groupChange) (groupView, error) {
	match, err := ifMatch(r)
	if err != nil {
		return groupView{}, err
	}
	u, err := a.n.Groups.Update(ctx, g.ID, secgroups.Patch{Name: in.Name, Description: in.Description, Stateful: in.Stateful, IfRevision: match})
	return viewGroup(u), failed(err)
}

func (a *API) deleteGroup(ctx context.Context, r *api.Request, g group, _ *api.None) (api.None, error) {
	match, err := ifMatch(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, failed(a.n.Groups.Delete(ctx, g.ID, all(r), match))
}

type ruleBody struct {
	owners
	Group        string         `wire:"security_group_id" is:"required,maxlen=36"`
	Direction    string         `wire:"direction" is:"required,enum=ingress|egress"`
	EtherType    opt.Of[scalar] `wire:"ethertype" is:"nullable"`
	Protocol     opt.Of[scalar] `wire:"protocol" is:"nullable"`
	PortMin      opt.Of[scalar] `wire:"port_range_min" is:"nullable"`
	PortMax      opt.Of[scalar] `wire:"port_range_max" is:"nullable"`
	RemoteGroup  opt.Of[string] `wire:"remote_group_id" is:"nullable"`
	RemotePrefix opt.Of[string] `wire:"remote_ip_prefix" is:"nullable"`
	Description  opt.Of[string] `wire:"description" is:"maxlen=255"`
}

// scalar is a text or a number, as text.
type scalar string

// UnmarshalJSON reads either form.
func (p *scalar) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	if len(s) > 40 {
		return neutron.BadInput("'%s' is too long", strings.ToValidUTF8(s[:40], ""))
	}
	*p = scalar(s)
	return nil
}

// rule is what a create asks for, in the form that is kept.
func (in *ruleBody) rule(project string) (neutron.SecurityGroupRule, error) {
	n := neutron.SecurityGroupRule{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Group: in.Group, Ingress: in.Direction == "ingress",
		Ether: 4, RemoteGroup: in.RemoteGroup.Or("")}
	var err error
	if in.Protocol.Has() {
		if n.Protocol, err = secgroups.Protocol(string(in.Protocol.Value)); err != nil {
			return n, err
		}
	}
	for _, end := range []struct {
		in  opt.Of[scalar]
		out **int
	}{{in.PortMin, &n.PortMin}, {in.PortMax, &n.PortMax}} {
		if end.in.Has() {
			v, err := secgroups.Port(string(end.in.Value))
			if err != nil {
				return n, err
			}
			*end.out = &v
		}
	}
	if in.EtherType.Set {
		ether := string(in.EtherType.Value)
		if in.EtherType.Null {
			ether = "None"
		}
		if n.Ether, err = secgroups.Ether(ether); err != nil {
			return n, err
		}
	}
	n.RemotePrefix, err = secgroups.Prefix(in.RemotePrefix.Or(""))
	return n, err
}

type ruleView struct {
	ID           string  `wire:"id"`
	Tenant       string  `wire:"tenant_id"`
	Group        string  `wire:"security_group_id"`
	EtherType    string  `wire:"ethertype"`
	Direction    string  `wire:"direction"`
	Protocol     *string `wire:"protocol"`
	PortMin      *int    `wire:"port_range_min"`
	PortMax      *int    `wire:"port_range_max"`
	RemotePrefix *string `wire:"remote_ip_prefix"`
	Normalized   *string `wire:"normalized_cidr"`
	RemoteGroup  *string `wire:"remote_group_id"`
	Description  string  `wire:"description"`
	Project      string  `wire:"project_id"`
	stamps
}

func viewRule(r neutron.SecurityGroupRule) ruleView {
	v := ruleView{ID: r.ID, Tenant: r.Project, Project: r.Project, Group: r.Group, EtherType: "IPv" + strconv.Itoa(r.Ether), Direction: "egress", Protocol: orNil(r.Protocol),
		PortMin: r.PortMin, PortMax: r.PortMax, RemotePrefix: orNil(r.RemotePrefix), RemoteGroup: orNil(r.RemoteGroup), Description: r.Description, stamps: stampsOf(r.Meta)}
	if r.Ingress {
		v.Direction = "ingress"
	}
	if p, err := netip.ParsePrefix(r.RemotePrefix); err == nil {
		v.Normalized = orNil(p.Masked().String())
	}
	return v
}

// secRule is a loaded rule with its group's owner.
type secRule struct {
	neutron.SecurityGroupRule
	owner string
}

// PolicyTarget is what rules know of a security group rule.
func (s secRule) PolicyTarget() policy.Target {
	return policy.Target{"project_id": s.Project, "tenant_id": s.Project, "security_group:tenant_id": s.owner}
}

func ruleResource() api.Resource[*API] {
	return api.Resource[*API]{Name: "security_group_rule", Plural: "security_group_rules", Ops: api.Ops[*API]{
		api.Bulk("POST /security-group-rules", nil, http.StatusCreated, (*API).createRules),
		api.List("GET /security-group-rules", nil, (*API).listRules),
		api.On("GET /security-group-rules/{rule_id}", getRule, http.StatusOK, (*API).rule, (*API).showRule),
		api.On("DELETE /security-group-rules/{rule_id}", deleteRule, http.StatusNoContent, (*API).rule, (*API).deleteRule),
	}}
}

// rule loads the rule of the path for a caller who may see it.
func (a *API) rule(ctx context.Context, r *api.Request) (secRule, error) {
	s, err := a.n.Groups.Rule(ctx, r.Param("rule_id"))
	if err != nil {
		return secRule{}, err
	}
	g, err := a.n.Groups.Show(ctx, s.Group)
	if err != nil {
		return secRule{}, err
	}
	out := secRule{s, g.Project}
	if !r.Allowed(getRule, out.PolicyTarget()) {
		return out, neutron.Missing("SecurityGroupRule", r.Param("rule_id"))
	}
	return out, nil
}

func (a *API) createRules(ctx context.Context, r *api.Request, ins []*ruleBody) ([]ruleView, error) {
	wanted := make([]neutron.SecurityGroupRule, len(ins))
	for i, in := range ins {
		project, err := in.project(r)
		if err != nil {
			return nil, err
		}
		n, err := in.rule(project)
		if err != nil {
			return nil, err
		}
		if err := r.Require(createRule, secRule{n, project}.PolicyTarget()); err != nil {
			return nil, err
		}
		wanted[i] = n
	}
	made, err := a.n.Groups.CreateRules(ctx, wanted, func(g neutron.SecurityGroup) bool { return r.Allowed(getGroup, group{g}.PolicyTarget()) })
	return views(made, viewRule), err
}

func (a *API) listRules(ctx context.Context, r *api.Request, q *listQuery) (api.Page[ruleView], error) {
	known := filters{"id": text, "description": text, "project_id": text, "tenant_id": text, "revision_number": number, "created_at": text, "updated_at": text,
		"security_group_id": text, "direction": text, "ethertype": family, "protocol": proto, "port_range_min": number, "port_range_max": number,
		"remote_group_id": nullableText, "remote_ip_prefix": remote, "changed_since": text}
	args, err := q.args(r, listing{known: known})
	if err != nil {
		return api.Page[ruleView]{}, err
	}
	if err := a.ensureDefault(ctx, r, q); err != nil {
		return api.Page[ruleView]{}, err
	}
	if !all(r) {
		args.Scope = []db.Cond{db.Any(db.EqTo("project_id", r.Caller.ProjectID), db.EqTo("group_project", r.Caller.ProjectID))}
	}
	rs, err := whole(args.ListArgs, func(a2 db.ListArgs) ([]neutron.SecurityGroupRule, error) { return a.n.Groups.Rules(ctx, a2) })
	if err != nil {
		return api.Page[ruleView]{}, err
	}
	owners, err := a.n.Groups.Owners(ctx, rs)
	rs = seen(r, rs, getRule, args.guarded, func(s neutron.SecurityGroupRule) policy.Target { return secRule{s, owners[s.Group]}.PolicyTarget() })
	return page(q, rs, func(s neutron.SecurityGroupRule) string { return s.ID }, viewRule), err
}

func (a *API) showRule(_ context.Context, _ *api.Request, s secRule, _ *api.None) (ruleView, error) {
	return viewRule(s.SecurityGroupRule), nil
}

func (a *API) deleteRule(ctx context.Context, r *api.Request, s secRule, _ *api.None) (api.None, error) {
	match, err := ifMatch(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, failed(a.n.Groups.DeleteRule(ctx, s.ID, match))
}
