package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type groupRow struct {
	ID          string `db:"id"`
	Name        string `db:"name"`
	DomainID    string `db:"domain_id"`
	Description string `db:"description"`
	Extra       extra  `db:"extra"`
}

type memberRow struct {
	GroupID string `db:"group_id"`
	UserID  string `db:"user_id"`
}

const groupColumns = `id, name, domain_id, description, extra`

var (
	groupByID   = db.NewQuery[groupRow](Statements, `SELECT `+groupColumns+` FROM user_groups WHERE id = ?`)
	groupInsert = db.NewInsert[groupRow](Statements, "user_groups")
	groupUpdate = db.NewExec(Statements, `UPDATE user_groups SET name = ?, description = ?, extra = ? WHERE id = ?`)
	groupDelete = db.NewExec(Statements, `DELETE FROM user_groups WHERE id = ?`)
	groupsOf    = db.NewExec(Statements, `DELETE FROM user_groups WHERE domain_id = ?`)
	groupList   = db.NewList[groupRow](Statements, `SELECT `+groupColumns+` FROM user_groups`, map[string]string{
		"id": "id", "name": "name", "domain_id": "domain_id",
	}, "id")
	groupsOfUser = db.NewQuery[groupRow](Statements, `SELECT `+groupColumns+` FROM user_groups
		WHERE id IN (SELECT group_id FROM group_members WHERE user_id = ?) ORDER BY id`)
	memberInsert = db.NewInsert[memberRow](Statements, "group_members")
	memberDelete = db.NewExec(Statements, `DELETE FROM group_members WHERE group_id = ? AND user_id = ?`)
	memberCount  = db.NewQuery[int64](Statements, `SELECT COUNT(*) FROM group_members WHERE group_id = ? AND user_id = ?`)
)

func group(r groupRow) keystone.Group {
	return keystone.Group{ID: r.ID, Name: r.Name, DomainID: r.DomainID, Description: r.Description, Extra: r.Extra.V}
}

// Group finds a group; fault.NotFound.
func Group(ctx context.Context, q db.Querier, id string) (keystone.Group, error) {
	r, err := groupByID.One(ctx, q, id)
	return group(r), err
}

// Groups lists one page; GroupsOf the groups of a user.
func Groups(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Group, error) {
	rs, err := groupList.Page(ctx, q, a)
	return convert(rs, group), err
}

// GroupsOf are the groups that a user is in.
func GroupsOf(ctx context.Context, q db.Querier, user string) ([]keystone.Group, error) {
	rs, err := groupsOfUser.All(ctx, q, user)
	return convert(rs, group), err
}

// InsertGroup writes a new group; fault.Conflict for a taken name.
func InsertGroup(ctx context.Context, tx *db.Tx, g keystone.Group) error {
	return groupInsert.Do(ctx, tx, groupRow{g.ID, g.Name, g.DomainID, g.Description, extra{V: g.Extra}})
}

// UpdateGroup writes what may change of a group.
func UpdateGroup(ctx context.Context, tx *db.Tx, g keystone.Group) error {
	_, err := groupUpdate.Do(ctx, tx, g.Name, g.Description, extra{V: g.Extra}, g.ID)
	return err
}

// DeleteGroup removes a group, its memberships and grants.
func DeleteGroup(ctx context.Context, tx *db.Tx, id string) error {
	if err := deleteGrantsOf(ctx, tx, keystone.OfGroup, id); err != nil {
		return err
	}
	return gone(groupDelete.Do(ctx, tx, id))
}

// DeleteGroupsOf removes all groups of a domain, and what was granted to users and groups of its directory.
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
	return memberInsert.Do(ctx, tx, memberRow{group, user})
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
