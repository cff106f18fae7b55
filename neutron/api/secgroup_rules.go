package api

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/plugin"
	"hypernova/neutron/secgroups"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

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
	n := neutron.SecurityGroupRule{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")},
		Group: in.Group, Ingress: in.Direction == "ingress", Ether: 4, RemoteGroup: in.RemoteGroup.Or("")}
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
	v := ruleView{ID: r.ID, Tenant: r.Project, Project: r.Project, Group: r.Group,
		EtherType: "IPv" + strconv.Itoa(r.Ether),
		Direction: "egress", Protocol: orNil(r.Protocol), PortMin: r.PortMin, PortMax: r.PortMax,
		RemotePrefix: orNil(r.RemotePrefix), RemoteGroup: orNil(r.RemoteGroup), Description: r.Description,
		stamps: stampsOf(r.Meta)}
	if r.Ingress {
		v.Direction = "ingress"
	}
	if p, err := netip.ParsePrefix(r.RemotePrefix); err == nil {
		v.Normalized = orNil(p.Masked().String())
	}
	return v
}

// ownedRule is a rule with the project that owns its group.
type ownedRule struct {
	neutron.SecurityGroupRule
	owner string
}

func ruleTarget(s ownedRule) policy.Target {
	return policy.Target{"project_id": s.Project, "tenant_id": s.Project, "security_group:tenant_id": s.owner}
}

// noChange is the body of a change of a resource that has none.
type noChange struct{}

type rulesAPI = crud[ownedRule, ruleBody, noChange, ruleView]

func rulesOf(p *plugin.Plugin) *rulesAPI {
	c := &rulesAPI{
		name: "security_group_rule", what: "SecurityGroupRule", param: "rule_id",
		rules:  rules{create: createRule, get: getRule, delete: deleteRule},
		target: ruleTarget,
		id:     func(s ownedRule) string { return s.ID },
		meta:   func(s ownedRule) neutron.Meta { return s.Meta },
		view:   func(s ownedRule) ruleView { return viewRule(s.SecurityGroupRule) },
		show: func(ctx context.Context, id string) (ownedRule, error) {
			s, err := p.Groups.Rule(ctx, id)
			if err != nil {
				return ownedRule{}, err
			}
			g, err := p.Groups.Show(ctx, s.Group)
			return ownedRule{s, g.Project}, err
		},
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]ownedRule, error) {
			rs, err := p.Groups.Rules(ctx, a)
			if err != nil {
				return nil, err
			}
			owners, err := p.Groups.Owners(ctx, rs)
			return views(rs, func(s neutron.SecurityGroupRule) ownedRule { return ownedRule{s, owners[s.Group]} }), err
		},
		delete: func(ctx context.Context, _ *api.Request, s ownedRule, ifRevision opt.Of[int64]) error {
			return p.Groups.DeleteRule(ctx, s.ID, ifRevision)
		},
		listing: listing{known: filters{"id": nil, "description": nil, "project_id": nil, "tenant_id": nil,
			"revision_number": number, "created_at": nil, "updated_at": nil, "security_group_id": nil, "direction": nil,
			"ethertype": family, "protocol": protocol, "port_range_min": number, "port_range_max": number,
			"remote_group_id": nullableText, "remote_ip_prefix": remote, "changed_since": nil}},
		scope: func(r *api.Request) []db.Cond {
			own := r.Caller.ProjectID
			return []db.Cond{db.Any(db.EqTo("project_id", own), db.EqTo("group_project", own))}
		},
		before:    ensureDefault(p),
		anyMarker: true,
	}
	c.create = func(ctx context.Context, r *api.Request, ins []*ruleBody) ([]ownedRule, error) {
		insert := func(ctx context.Context, wanted []ownedRule) ([]ownedRule, error) {
			seen := func(g neutron.SecurityGroup) bool { return r.Allowed(getGroup, groupTarget(g)) }
			plain := views(wanted, func(s ownedRule) neutron.SecurityGroupRule { return s.SecurityGroupRule })
			made, err := p.Groups.CreateRules(ctx, plain, seen)
			return views(made, func(s neutron.SecurityGroupRule) ownedRule { return ownedRule{s, s.Project} }), err
		}
		return c.each(func(_ *api.Request, project string, in *ruleBody) (ownedRule, error) {
			s, err := in.rule(project)
			return ownedRule{s, project}, err
		}, insert)(ctx, r, ins)
	}
	return c
}
