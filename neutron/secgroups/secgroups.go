// Package secgroups implements the operations on security groups and their rules. Each project has a default group,
// which is created when the project's groups are first used or listed. Callers check the policy first; see
// neutron/api.
package secgroups

import (
	"context"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Groups are the operations.
type Groups struct {
	change *change.Writer
	quota  *quota.Quotas
}

// New makes them.
func New(w *change.Writer, q *quota.Quotas) *Groups {
	return &Groups{change: w, quota: q}
}

// defaultName is the name of the default groups.
const defaultName = "default"

// EnsureDefault returns the id of a project's default group, which it creates if it does not exist.
func (g *Groups) EnsureDefault(ctx context.Context, project string) (string, error) {
	if id, err := store.DefaultGroup(ctx, g.change.DB, project); err != nil || id != "" {
		return id, err
	}
	var id string
	err := g.change.Do(ctx, func(tx *change.Tx) error {
		var err error
		id, err = g.Default(ctx, tx, project)
		return err
	})
	return id, err
}

// Default is EnsureDefault within a transaction.
func (g *Groups) Default(ctx context.Context, tx *change.Tx, project string) (string, error) {
	id, err := store.DefaultGroup(ctx, tx, project)
	if err != nil || id != "" {
		return id, err
	}
	id = ids.UUID()
	taken, err := store.TakeDefault(ctx, tx, project, id)
	if err != nil {
		return "", err
	}
	if !taken {
		return store.DefaultGroup(ctx, tx, project)
	}
	group := neutron.SecurityGroup{ID: id, Name: defaultName, Stateful: true, Default: true,
		Meta: neutron.Meta{Project: project, Description: "Default security group"}}
	_, err = g.insert(ctx, tx, group, []neutron.SecurityGroupRule{
		{Ether: 4}, {Ether: 6}, {Ether: 4, Ingress: true, RemoteGroup: id}, {Ether: 6, Ingress: true, RemoteGroup: id},
	})
	return id, err
}

func (g *Groups) insert(ctx context.Context, tx *change.Tx, group neutron.SecurityGroup,
	rules []neutron.SecurityGroupRule) (neutron.SecurityGroup, error) {
	now := tx.Now()
	group.Revision, group.Created, group.Updated = 1, now, now
	if err := store.InsertGroup(ctx, tx, group); err != nil {
		return group, err
	}
	for _, r := range rules {
		r.ID, r.Group, r.Meta = ids.UUID(), group.ID, neutron.Meta{Project: group.Project, Created: now, Updated: now}
		if err := store.InsertRule(ctx, tx, r, meaning(r)); err != nil {
			return group, err
		}
		group.Rules = append(group.Rules, r)
	}
	return group, nil
}

// Create makes groups that let everything out and nothing in, all or none. Only project, name, description,
// statefulness and tags count.
func (g *Groups) Create(ctx context.Context, groups []neutron.SecurityGroup) ([]neutron.SecurityGroup, error) {
	want := map[string]int{}
	for _, group := range groups {
		if reserved(group.Name) {
			return nil, nameTaken()
		}
		want[group.Project]++
	}
	var out []neutron.SecurityGroup
	err := g.change.Do(ctx, func(tx *change.Tx) error {
		out = nil
		for project, n := range want {
			if _, err := g.Default(ctx, tx, project); err != nil {
				return err
			}
			if err := g.quota.Take(ctx, tx, project, map[string]int{quota.SecurityGroup: n,
				quota.SecurityGroupRule: 2 * n}); err != nil {
				return err
			}
		}
		for _, made := range groups {
			made.ID, made.Default, made.Rules = ids.UUID(), false, nil
			made, err := g.insert(ctx, tx, made, []neutron.SecurityGroupRule{{Ether: 4}, {Ether: 6}})
			if err != nil {
				return err
			}
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

// reserved reports whether a name is that of the default groups, in any case.
func reserved(name string) bool { return strings.ToLower(name) == defaultName }

func nameTaken() error {
	return fault.Conflictf("Default security group already exists.").Coded("SecurityGroupDefaultAlreadyExists")
}

// Show reads a group with its rules.
func (g *Groups) Show(ctx context.Context, id string) (neutron.SecurityGroup, error) {
	return store.Group(ctx, g.change.DB, id)
}

// List lists groups with their rules.
func (g *Groups) List(ctx context.Context, a db.ListArgs) ([]neutron.SecurityGroup, error) {
	return store.Groups(ctx, g.change.DB, a)
}

// Find returns the id of a project's group with that id or name; fault.NotFound, or fault.Conflict if several have
// the name.
func (g *Groups) Find(ctx context.Context, project, idOrName string) (string, error) {
	if idOrName == defaultName {
		return g.EnsureDefault(ctx, project)
	}
	named, err := store.GroupsNamed(ctx, g.change.DB, project, idOrName)
	if err != nil {
		return "", err
	}
	if len(named) > 1 {
		return "", fault.Conflictf("Multiple security groups found matching '%s'. Use an ID to be more specific.",
			idOrName).Coded("NoUniqueMatch")
	}
	if len(named) == 1 {
		return named[0].ID, nil
	}
	group, err := store.Group(ctx, g.change.DB, idOrName)
	if err != nil {
		return "", err
	}
	if group.Project != project {
		return "", neutron.Missing("SecurityGroup", idOrName)
	}
	return group.ID, nil
}

// Patch is a change of a group. Attributes that are not set stay.
type Patch struct {
	Name, Description opt.Of[string]
	Stateful          opt.Of[bool]
	Tags              neutron.TagChange
	IfRevision        opt.Of[int64] // refuse if the revision is another
}

// Update changes a group. The default one keeps its name.
func (g *Groups) Update(ctx context.Context, id string, p Patch) (neutron.SecurityGroup, error) {
	if p.Name.Has() && reserved(p.Name.Value) {
		return neutron.SecurityGroup{}, nameTaken()
	}
	var out neutron.SecurityGroup
	err := g.change.Do(ctx, func(tx *change.Tx) error {
		group, err := store.Group(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, group.Revision); err != nil {
			return err
		}
		if p.Name.Has() && group.Default {
			return fault.Conflictf("Updating default security group not allowed.").Coded("SecurityGroupCannotUpdateDefault")
		}
		if p.Stateful.Has() && p.Stateful.Value != group.Stateful {
			if err := g.unused(ctx, tx, id); err != nil {
				return err
			}
			tx.Group(id)
		}
		if group.Tags, err = p.Tags.Of(group.Tags); err != nil {
			return err
		}
		group.Name, group.Description = p.Name.Or(group.Name), p.Description.Or(group.Description)
		group.Stateful = p.Stateful.Or(group.Stateful)
		if out, err = store.UpdateGroup(ctx, tx, group, tx.Now()); err != nil {
			return err
		}
		return nil
	})
	return out, err
}

func (g *Groups) unused(ctx context.Context, tx *change.Tx, id string) error {
	n, err := store.GroupUsers(ctx, tx, id)
	if err == nil && n > 0 {
		return fault.Conflictf("Security Group %s in use.", id).Coded("SecurityGroupInUse")
	}
	return err
}

// Delete removes a group that no port uses. The default group goes only where admin says that the caller administers
// the cloud.
func (g *Groups) Delete(ctx context.Context, id string, admin bool, ifRevision opt.Of[int64]) error {
	return g.change.Do(ctx, func(tx *change.Tx) error {
		group, err := store.Group(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, group.Revision); err != nil {
			return err
		}
		if group.Default && !admin {
			return fault.Conflictf("Insufficient rights for removing default security group.").Coded(
				"SecurityGroupCannotRemoveDefault")
		}
		if err := g.unused(ctx, tx, id); err != nil {
			return err
		}
		naming, err := store.GroupsNaming(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, other := range naming {
			tx.Group(other)
		}
		if err := store.DeleteGroup(ctx, tx, id); err != nil {
			return err
		}
		return nil
	})
}

// CreateRules adds rules to groups, all or none. Only what a rule says, its group and project count; a group that
// seen refuses does not exist for the caller.
func (g *Groups) CreateRules(ctx context.Context, rules []neutron.SecurityGroupRule,
	seen func(neutron.SecurityGroup) bool) ([]neutron.SecurityGroupRule, error) {
	wanted := slices.Clone(rules)
	for i, r := range wanted {
		switch {
		case r.Group != wanted[0].Group:
			return nil, fault.Invalidf("Only allowed to update rules for one security profile at a time").Coded(
				"SecurityGroupNotSingleGroupRules")
		case r.Project != wanted[0].Project:
			return nil, fault.Invalidf("Multiple project_ids in bulk security group rule create not allowed").Coded(
				"SecurityGroupRulesNotSingleProject")
		}
		var err error
		if wanted[i], err = normalize(r); err != nil {
			return nil, err
		}
	}
	meanings := map[string]bool{}
	for _, r := range wanted {
		if m := meaning(r); meanings[m] {
			return nil, fault.Conflictf("Duplicate Security Group Rule in POST.").Coded("DuplicateSecurityGroupRuleInPost")
		} else {
			meanings[m] = true
		}
	}
	var out []neutron.SecurityGroupRule
	err := g.change.Do(ctx, func(tx *change.Tx) error {
		out = nil
		want := map[string]int{}
		for _, r := range wanted {
			want[r.Project]++
		}
		for project, n := range want {
			if err := g.quota.Take(ctx, tx, project, map[string]int{quota.SecurityGroupRule: n}); err != nil {
				return err
			}
		}
		for _, r := range wanted {
			made, err := g.createRule(ctx, tx, r, seen)
			if err != nil {
				return err
			}
			tx.Group(r.Group)
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

func (g *Groups) createRule(ctx context.Context, tx *change.Tx, r neutron.SecurityGroupRule,
	seen func(neutron.SecurityGroup) bool) (neutron.SecurityGroupRule, error) {
	for _, id := range []string{r.RemoteGroup, r.Group} {
		if id == "" {
			continue
		}
		group, err := store.Group(ctx, tx, id)
		if err != nil {
			return r, err
		}
		if !seen(group) {
			return r, neutron.Missing("SecurityGroup", id)
		}
		for _, same := range group.Rules {
			if id == r.Group && meaning(same) == meaning(r) {
				return r, fault.Conflictf("Security group rule already exists. Rule id is %s.",
					same.ID).Coded("SecurityGroupRuleExists")
			}
		}
	}
	now := tx.Now()
	r.ID, r.Revision, r.Created, r.Updated = ids.UUID(), 0, now, now
	if err := store.InsertRule(ctx, tx, r, meaning(r)); err != nil {
		return r, err
	}
	return r, g.touch(ctx, tx, r.Group)
}

// touch moves on a group's revision, as a change of its rules does.
func (g *Groups) touch(ctx context.Context, tx *change.Tx, id string) error {
	group, err := store.Group(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = store.UpdateGroup(ctx, tx, group, tx.Now())
	return err
}

// Rule reads one rule.
func (g *Groups) Rule(ctx context.Context, id string) (neutron.SecurityGroupRule, error) {
	return store.Rule(ctx, g.change.DB, id)
}

// Rules lists rules.
func (g *Groups) Rules(ctx context.Context, a db.ListArgs) ([]neutron.SecurityGroupRule, error) {
	return store.Rules(ctx, g.change.DB, a)
}

// Owners are the projects that own the groups of rules, by group.
func (g *Groups) Owners(ctx context.Context, rules []neutron.SecurityGroupRule) (map[string]string, error) {
	return store.GroupOwners(ctx, g.change.DB, rules)
}

// DeleteRule removes a rule.
func (g *Groups) DeleteRule(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return g.change.Do(ctx, func(tx *change.Tx) error {
		r, err := store.Rule(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, r.Revision); err != nil {
			return err
		}
		if err := store.DeleteRule(ctx, tx, id); err != nil {
			return err
		}
		if err := g.touch(ctx, tx, r.Group); err != nil {
			return err
		}
		tx.Group(r.Group)
		return nil
	})
}
