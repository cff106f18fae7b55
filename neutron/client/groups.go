package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"hypernova/neutron"
)

type group struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Project     string      `json:"project_id"`
	Stateful    bool        `json:"stateful"`
	Tags        []string    `json:"tags"`
	Revision    int64       `json:"revision_number"`
	Created     time.Time   `json:"created_at"`
	Updated     time.Time   `json:"updated_at"`
	Rules       []groupRule `json:"security_group_rules"`
}

type groupRule struct {
	ID           string    `json:"id"`
	Group        string    `json:"security_group_id"`
	Description  string    `json:"description"`
	Project      string    `json:"project_id"`
	EtherType    string    `json:"ethertype"`
	Direction    string    `json:"direction"`
	Protocol     string    `json:"protocol"`
	PortMin      *int      `json:"port_range_min"`
	PortMax      *int      `json:"port_range_max"`
	RemoteGroup  string    `json:"remote_group_id"`
	RemotePrefix string    `json:"remote_ip_prefix"`
	Revision     int64     `json:"revision_number"`
	Created      time.Time `json:"created_at"`
	Updated      time.Time `json:"updated_at"`
}

// Show reads a security group with its rules, whose project's it may be; fault.NotFound. Whether it is a project's
// default group is not told.
func (c *Client) Show(ctx context.Context, id string) (neutron.SecurityGroup, error) {
	doc, err := do[struct {
		Group group `json:"security_group"`
	}](ctx, c, http.MethodGet, "/security-groups/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return neutron.SecurityGroup{}, err
	}
	g := doc.Group
	out := neutron.SecurityGroup{ID: g.ID, Name: g.Name, Stateful: g.Stateful,
		Meta: neutron.Meta{Project: g.Project, Description: g.Description, Tags: g.Tags, Revision: g.Revision,
			Created: g.Created, Updated: g.Updated}}
	for _, r := range g.Rules {
		ether := 4
		if r.EtherType == "IPv6" {
			ether = 6
		}
		out.Rules = append(out.Rules, neutron.SecurityGroupRule{ID: r.ID, Group: r.Group, Ingress: r.Direction == "ingress",
			Ether:    ether,
			Protocol: r.Protocol, PortMin: r.PortMin, PortMax: r.PortMax, RemoteGroup: r.RemoteGroup,
			RemotePrefix: r.RemotePrefix,
			Meta: neutron.Meta{Project: r.Project, Description: r.Description, Revision: r.Revision, Created: r.Created,
				Updated: r.Updated}})
	}
	return out, nil
}
