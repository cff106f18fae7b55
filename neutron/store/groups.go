package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type groupRow struct {
	metaRow
	ID       string `db:"id" list:"id"`
	Name     string `db:"name" list:"name"`
	Stateful bool   `db:"stateful" list:"stateful"`
	Default  bool   `db:"is_default,once" list:"is_default"`
}

func (r groupRow) resource() neutron.SecurityGroup {
	return neutron.SecurityGroup{Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Stateful: r.Stateful,
		Default: r.Default}
}

func groupRowOf(g neutron.SecurityGroup) groupRow {
	return groupRow{metaRow: metaRowOf(g.Meta), ID: g.ID, Name: g.Name, Stateful: g.Stateful, Default: g.Default}
}

type ruleRow struct {
	ID           string  `db:"id" list:"id"`
	Group        string  `db:"security_group_id" list:"security_group_id"`
	Project      string  `db:"project_id" list:"project_id"`
	Description  string  `db:"description" list:"description"`
	Direction    string  `db:"direction" list:"direction"`
	EtherType    string  `db:"ethertype" list:"ethertype"`
	Protocol     *string `db:"protocol" list:"protocol"`
	PortMin      *int64  `db:"port_range_min" list:"port_range_min"`
	PortMax      *int64  `db:"port_range_max" list:"port_range_max"`
	RemoteGroup  *string `db:"remote_group_id" list:"remote_group_id"`
	RemotePrefix *string `db:"remote_ip_prefix" list:"remote_ip_prefix"`
	Revision     int64   `db:"revision_number" list:"revision_number"`
	Created      db.Time `db:"created_at,set" list:"created_at"`
	Updated      db.Time `db:"updated_at,set" list:"updated_at"`
}

type ruleInsertRow struct {
	ruleRow
	Meaning string `db:"meaning"` // what it allows, in one form: two rules of a group with one meaning are duplicates
}

func (r ruleRow) resource() neutron.SecurityGroupRule {
	ether := 4
	if r.EtherType == "IPv6" {
		ether = 6
	}
	return neutron.SecurityGroupRule{
		Meta: neutron.Meta{Project: r.Project, Description: r.Description, Revision: r.Revision, Created: r.Created.Time,
			Updated: r.Updated.Time},
		ID: r.ID, Group: r.Group, Ingress: r.Direction == "ingress", Ether: ether, Protocol: val(r.Protocol),
		PortMin: small(r.PortMin), PortMax: small(r.PortMax),
		RemoteGroup: val(r.RemoteGroup), RemotePrefix: val(r.RemotePrefix),
	}
}

func ruleRowOf(r neutron.SecurityGroupRule) ruleRow {
	row := ruleRow{
		ID: r.ID, Group: r.Group, Project: r.Project, Description: r.Description,
		Direction: "egress", EtherType: "IPv4", Protocol: opt(r.Protocol),
		PortMin: large(r.PortMin), PortMax: large(r.PortMax), RemoteGroup: opt(r.RemoteGroup),
		RemotePrefix: opt(r.RemotePrefix),
		Revision:     r.Revision, Created: db.At(r.Created), Updated: db.At(r.Updated),
	}
	if r.Ingress {
		row.Direction = "ingress"
	}
	if r.Ether == 6 {
		row.EtherType = "IPv6"
	}
	return row
}

func small(p *int64) *int {
	if p == nil {
		return nil
	}
	n := int(*p)
	return &n
}

func large(p *int) *int64 {
	if p == nil {
		return nil
	}
	n := int64(*p)
	return &n
}

var (
	groups = db.NewTable[groupRow](Stmts, "security_groups", "id")
	rules  = db.NewPart[ruleRow](Stmts, "security_group_rules", "id")
)

var (
	groupsNamed  = groups.Query("project_id = ? AND name = ?") // security_groups_project
	groupUpdate  = groups.Update("")
	groupDelete  = groups.Delete("")
	groupsNaming = db.NewQuery[string](Stmts,
		`SELECT DISTINCT security_group_id FROM security_group_rules WHERE remote_group_id = ?`)
	groupUsers = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM port_groups WHERE group_id = ?`)
	groupList  = groups.List()

	defaultTake = db.NewExec(Stmts, `
INSERT INTO default_groups (project_id, group_id) VALUES (?, ?)
ON CONFLICT (project_id) DO NOTHING`)
	defaultOf   = db.NewQuery[string](Stmts, `SELECT group_id FROM default_groups WHERE project_id = ?`)
	defaultDrop = db.NewExec(Stmts, `DELETE FROM default_groups WHERE group_id = ?`)

	ruleInsert = db.NewInsert[ruleInsertRow](Stmts, "security_group_rules")
	ruleDelete = rules.Delete("")
	rulesDrop  = db.NewExec(Stmts, `DELETE FROM security_group_rules WHERE security_group_id = ?`)
	rulesCut   = db.NewExec(Stmts, `DELETE FROM security_group_rules WHERE remote_group_id = ?`)
	ruleList   = db.NewList[ruleRow](Stmts, "SELECT "+rules.Columns("r")+`
FROM security_group_rules r
JOIN security_groups g ON g.id = r.security_group_id`,
		listColumns(rules.ListColumns("r"), map[string]string{"group_project": "g.project_id NOT NULL"}), "r.id")
)

// InsertGroup writes a new security group without its rules.
func InsertGroup(ctx context.Context, on db.Querier, g neutron.SecurityGroup) error {
	return groups.Insert(ctx, on, groupRowOf(g))
}

// Group reads a security group with its rules; fault SecurityGroupNotFound.
func Group(ctx context.Context, on db.Querier, id string) (neutron.SecurityGroup, error) {
	r, err := groups.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return neutron.SecurityGroup{}, neutron.Missing("SecurityGroup", id)
	}
	if err != nil {
		return neutron.SecurityGroup{}, err
	}
	gs, err := withRules(ctx, on, []neutron.SecurityGroup{r.resource()})
	if err != nil {
		return neutron.SecurityGroup{}, err
	}
	return gs[0], nil
}

// GroupsNamed are a project's groups of that name, without rules.
func GroupsNamed(ctx context.Context, on db.Querier, project, name string) ([]neutron.SecurityGroup, error) {
	rows, err := groupsNamed.All(ctx, on, project, name)
	return resources(rows, groupRow.resource), err
}

// Groups lists security groups with their rules.
func Groups(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.SecurityGroup, error) {
	gs, err := page(ctx, on, groupList, a, groupRow.resource)
	if err != nil {
		return nil, err
	}
	return withRules(ctx, on, gs)
}

// withRules reads the rules of groups, some hundred groups a statement.
func withRules(ctx context.Context, on db.Querier, gs []neutron.SecurityGroup) ([]neutron.SecurityGroup, error) {
	at := make(map[string]int, len(gs))
	ids := make([]string, len(gs))
	for i, g := range gs {
		at[g.ID], ids[i] = i, g.ID
	}
	for len(ids) > 0 {
		n := min(len(ids), 500)
		rules, err := Rules(ctx, on, db.ListArgs{Where: []db.Cond{db.InList("security_group_id", ids[:n])},
			Sort: []db.SortKey{{Column: "created_at"}}})
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			g := &gs[at[r.Group]]
			g.Rules = append(g.Rules, r)
		}
		ids = ids[n:]
	}
	return gs, nil
}

// UpdateGroup writes a group without its rules; see UpdateNetwork.
func UpdateGroup(ctx context.Context, on db.Querier, g neutron.SecurityGroup,
	now time.Time) (neutron.SecurityGroup, error) {
	r := groupRowOf(g)
	r.metaRow = r.touched(now)
	_, err := groupUpdate.Do(ctx, on, r)
	g.Meta = r.metaRow.resource()
	return g, err
}

// DeleteGroup removes a group that no port uses, with its rules and the rules of other groups that name it.
func DeleteGroup(ctx context.Context, on db.Querier, id string) error {
	for _, e := range []*db.Exec{rulesDrop, rulesCut, defaultDrop, groupDelete} {
		if _, err := e.Do(ctx, on, id); err != nil {
			return err
		}
	}
	return nil
}

// GroupUsers counts the ports that use a group.
func GroupUsers(ctx context.Context, on db.Querier, id string) (int64, error) {
	return groupUsers.One(ctx, on, id)
}

// GroupsNaming are the groups with a rule that names the group as the remote one.
func GroupsNaming(ctx context.Context, on db.Querier, id string) ([]string, error) {
	return groupsNaming.All(ctx, on, id)
}

// DefaultGroup is the id of a project's default group, empty where it has none yet.
func DefaultGroup(ctx context.Context, on db.Querier, project string) (string, error) {
	id, err := defaultOf.One(ctx, on, project)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return id, err
}

// TakeDefault makes a group the default one of its project; false if there is one already.
func TakeDefault(ctx context.Context, on db.Querier, project, group string) (bool, error) {
	n, err := defaultTake.Do(ctx, on, project, group)
	return n == 1, err
}

// InsertRule writes a new rule; meaning is what it allows in one form.
func InsertRule(ctx context.Context, on db.Querier, r neutron.SecurityGroupRule, meaning string) error {
	return ruleInsert.Do(ctx, on, ruleInsertRow{ruleRow: ruleRowOf(r), Meaning: meaning})
}

// GroupOwners are the projects of the groups that rules belong to, by group.
func GroupOwners(ctx context.Context, on db.Querier, rules []neutron.SecurityGroupRule) (map[string]string, error) {
	owners := map[string]string{}
	for _, r := range rules {
		owners[r.Group] = ""
	}
	groups := slices.Collect(maps.Keys(owners))
	for len(groups) > 0 {
		n := min(len(groups), 500)
		rows, err := groupList.Page(ctx, on, db.ListArgs{Where: []db.Cond{db.InList("id", groups[:n])}})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			owners[r.ID] = r.Project
		}
		groups = groups[n:]
	}
	return owners, nil
}

// Rule reads one rule; fault SecurityGroupRuleNotFound.
func Rule(ctx context.Context, on db.Querier, id string) (neutron.SecurityGroupRule, error) {
	r, err := rules.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return neutron.SecurityGroupRule{}, neutron.Missing("SecurityGroupRule", id)
	}
	if err != nil {
		return neutron.SecurityGroupRule{}, err
	}
	return r.resource(), nil
}

// DeleteRule removes a rule.
func DeleteRule(ctx context.Context, on db.Querier, id string) error {
	_, err := ruleDelete.Do(ctx, on, id)
	return err
}

// Rules lists rules.
func Rules(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.SecurityGroupRule, error) {
	return page(ctx, on, ruleList, a, ruleRow.resource)
}
