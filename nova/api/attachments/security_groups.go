package attachments

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// SecurityGroups returns a security group with its rules; fault.NotFound. neutron/secgroups implements it.
type SecurityGroups interface {
	Show(ctx context.Context, id string) (neutron.SecurityGroup, error)
}

// groupsAPI shows the security groups of a server's ports.
type groupsAPI struct {
	wire.ServerLoader

	Networks neutron.API
	Groups   SecurityGroups
}

var groupOps = api.Resource[*groupsAPI]{Name: "security_group", Plural: "security_groups", Ops: api.Ops[*groupsAPI]{
	api.ListOf("GET /servers/{server_id}/os-security-groups", policies.SecurityGroupsList, (*groupsAPI).Server,
		(*groupsAPI).list),
}}

type groupView struct {
	ID          string          `wire:"id"`
	Name        string          `wire:"name"`
	Description string          `wire:"description"`
	Project     string          `wire:"tenant_id"`
	Rules       []groupRuleView `wire:"rules"`
}

// groupRuleView is an ingress rule in the form of nova-network.
type groupRuleView struct {
	ID       string            `wire:"id"`
	Parent   string            `wire:"parent_group_id"`
	Protocol *string           `wire:"ip_protocol"`
	From     *int              `wire:"from_port"`
	To       *int              `wire:"to_port"`
	Range    map[string]string `wire:"ip_range"`
	Group    map[string]string `wire:"group"`
}

func (a *groupsAPI) list(ctx context.Context, _ *api.Request, v *nova.Server,
	_ *api.None) (api.Page[groupView], error) {
	p := api.Page[groupView]{}
	if a.Groups == nil {
		return p, fault.New(fault.NotImplemented, "This compute API has no networking service to ask for security groups.")
	}
	ports, err := a.Networks.PortsOf(ctx, v.ID)
	if err != nil {
		return p, err
	}
	var ids []string
	for _, port := range ports {
		for _, id := range port.SecurityGroups {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range ids {
		g, err := a.Groups.Show(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue // it went away meanwhile
		}
		if err != nil {
			return p, err
		}
		p.Items = append(p.Items, a.view(ctx, g))
	}
	return p, nil
}

func (a *groupsAPI) view(ctx context.Context, g neutron.SecurityGroup) groupView {
	out := groupView{ID: g.ID, Name: g.Name, Description: g.Description, Project: g.Project}
	for _, rule := range g.Rules {
		if !rule.Ingress {
			continue
		}
		v := groupRuleView{ID: rule.ID, Parent: g.ID, Protocol: wire.OrNull(rule.Protocol), From: rule.PortMin,
			To:    rule.PortMax,
			Range: map[string]string{}, Group: map[string]string{}}
		if rule.RemotePrefix != "" {
			v.Range["cidr"] = rule.RemotePrefix
		}
		if rule.RemoteGroup != "" {
			v.Group["tenant_id"] = g.Project
			if other, err := a.Groups.Show(ctx, rule.RemoteGroup); err == nil &&
				other.Project == g.Project { // what is another project's stays its own
				v.Group["name"], v.Group["tenant_id"] = other.Name, other.Project
			}
		}
		out.Rules = append(out.Rules, v)
	}
	return out
}
