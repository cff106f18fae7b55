package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type groupRow struct {
	ID          string `db:"id" list:"id"`
	Name        string `db:"name" list:"name"`
	DomainID    string `db:"domain_id,once" list:"domain_id"`
	Description string `db:"description"`
	Extra       extra  `db:"extra"`
}

type memberRow struct {
	GroupID string `db:"group_id"`
	UserID  string `db:"user_id"`
}

var (
	groups       = db.NewTable[groupRow](Statements, "user_groups", "id")
	groupUpdate  = groups.Update("")
	groupDelete  = groups.Delete("")
	groupList    = groups.List()
	groupsOf     = db.NewExec(Statements, `DELETE FROM user_groups WHERE domain_id = ?`)
	groupsOfUser = groups.Query("id IN (SELECT group_id FROM group_members WHERE user_id = ?) ORDER BY id")

	members      = db.NewTable[memberRow](Statements, "group_members", "group_id", "user_id")
	memberDelete = members.Delete("")
	memberCount  = db.NewQuery[int64](Statements,
		`SELECT COUNT(*) FROM group_members WHERE group_id = ? AND user_id = ?`)
)

func group(r groupRow) keystone.Group {
	return keystone.Group{ID: r.ID, Name: r.Name, DomainID: r.DomainID, Description: r.Description, Extra: r.Extra.V}
}

func groupRowOf(g keystone.Group) groupRow {
	return groupRow{g.ID, g.Name, g.DomainID, g.Description, extra{V: g.Extra}}
}

// Group returns a group; fault.NotFound.
func Group(ctx context.Context, q db.Querier, id string) (keystone.Group, error) {
	r, err := groups.Get(ctx, q, id)
	return group(r), err
}

// Groups returns one page.
func Groups(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Group, error) {
	rs, err := groupList.Page(ctx, q, a)
	return convert(rs, group), err
}

// GroupsOf returns the groups that a user is in.
func GroupsOf(ctx context.Context, q db.Querier, user string) ([]keystone.Group, error) {
	rs, err := groupsOfUser.All(ctx, q, user)
	return convert(rs, group), err
}

// InsertGroup inserts a group; fault.Conflict for a taken name.
func InsertGroup(ctx context.Context, tx *db.Tx, g keystone.Group) error {
	return groups.Insert(ctx, tx, groupRowOf(g))
}

// UpdateGroup writes every attribute of a group but its domain; fault.Conflict for a taken name.
func UpdateGroup(ctx context.Context, tx *db.Tx, g keystone.Group) error {
	_, err := groupUpdate.Do(ctx, tx, groupRowOf(g))
	return err
}

// DeleteGroup deletes a group, its memberships and grants.
func DeleteGroup(ctx context.Context, tx *db.Tx, id string) error {
	if err := deleteGrantsOf(ctx, tx, keystone.OfGroup, id); err != nil {
		return err
	}
	return gone(groupDelete.Do(ctx, tx, id))
}

// DeleteGroupsOf deletes all groups of a domain, and what was granted to users and groups of its directory.
func DeleteGroupsOf(ctx context.Context, tx *db.Tx, domain string) error {
	for _, grants := range []*db.Exec{grantsOfGroupsIn, grantsElsewhere} {
		if _, err := grants.Do(ctx, tx, domain); err != nil {
			return err
		}
	}
	_, err := groupsOf.Do(ctx, tx, domain)
	return err
}

// AddMember puts a user into a group; already in is no error.
func AddMember(ctx context.Context, tx *db.Tx, group, user string) error {
	if in, err := IsMember(ctx, tx, group, user); err != nil || in {
		return err
	}
	return members.Insert(ctx, tx, memberRow{group, user})
}

// RemoveMember takes a user out of a group and reports whether it was in.
func RemoveMember(ctx context.Context, tx *db.Tx, group, user string) (bool, error) {
	n, err := memberDelete.Do(ctx, tx, group, user)
	return n > 0, err
}

// IsMember reports whether the user is in the group.
func IsMember(ctx context.Context, q db.Querier, group, user string) (bool, error) {
	n, err := memberCount.One(ctx, q, group, user)
	return n > 0, err
}
