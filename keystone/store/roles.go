package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type roleRow struct {
	ID          string `db:"id"`
	Name        string `db:"name"`
	DomainID    string `db:"domain_id"`
	Description string `db:"description"`
	Options     object `db:"options"`
	Extra       extra  `db:"extra"`
}

// Implication says that who holds Prior holds Implied too.
type Implication struct {
	Prior   string `db:"prior_id"`
	Implied string `db:"implied_id"`
}

type grantRow struct {
	Actor     string `db:"actor"`
	ActorID   string `db:"actor_id"`
	Target    string `db:"target"`
	TargetID  string `db:"target_id"`
	RoleID    string `db:"role_id"`
	Inherited bool   `db:"inherited"`
}

const (
	roleColumns  = `id, name, domain_id, description, options, extra`
	grantColumns = `actor, actor_id, target, target_id, role_id, inherited`
)

var (
	roleByID   = db.NewQuery[roleRow](Statements, `SELECT `+roleColumns+` FROM roles WHERE id = ?`)
	roleAll    = db.NewQuery[roleRow](Statements, `SELECT `+roleColumns+` FROM roles ORDER BY id`)
	roleInsert = db.NewInsert[roleRow](Statements, "roles")
	roleUpdate = db.NewExec(Statements, `UPDATE roles SET name = ?, description = ?, options = ?, extra = ? WHERE id = ?`)
	roleDelete = db.NewExec(Statements, `DELETE FROM roles WHERE id = ?`)
	rolesOf    = db.NewExec(Statements, `DELETE FROM roles WHERE domain_id = ?`)
	roleList   = db.NewList[roleRow](Statements, `SELECT `+roleColumns+` FROM roles`, map[string]string{
		"id": "id", "name": "name", "domain_id": "domain_id",
	}, "id")

	implications = db.NewQuery[Implication](Statements, `SELECT prior_id, implied_id FROM implied_roles ORDER BY prior_id, implied_id`)
	implyInsert  = db.NewInsert[Implication](Statements, "implied_roles")
	implyDelete  = db.NewExec(Statements, `DELETE FROM implied_roles WHERE prior_id = ? AND implied_id = ?`)
	grantInsert  = db.NewInsert[grantRow](Statements, "grants")
	grantExists  = db.NewQuery[int64](Statements, `SELECT COUNT(*) FROM grants WHERE actor_id = ? AND target_id = ? AND role_id = ?
		AND actor = ? AND target = ? AND inherited = ?`)
	grantDelete = db.NewExec(Statements, `DELETE FROM grants WHERE actor_id = ? AND target_id = ? AND role_id = ?
		AND actor = ? AND target = ? AND inherited = ?`)
	grantsOn = db.NewExec(Statements, `DELETE FROM grants WHERE target_id = ?`)
	grantsBy = db.NewExec(Statements, `DELETE FROM grants WHERE actor_id = ? AND actor = ?`)
	grantAll = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants ORDER BY actor_id, target_id, role_id`)
	// The primary key begins with actor_id: a user's grants and those of the user's groups are two index lookups.
	grantsForUser = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants WHERE actor_id = ? AND actor = 'user'
		UNION ALL
		SELECT `+grantColumns+` FROM grants
		WHERE actor = 'group' AND actor_id IN (SELECT group_id FROM group_members WHERE user_id = ?)`)
	grantsOnTarget = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants WHERE target_id = ? ORDER BY actor_id, role_id`)
	grantsOfActor  = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants WHERE actor_id = ? ORDER BY target_id, role_id`)
	grantsInDomain = db.NewExec(Statements, `DELETE FROM grants WHERE target = 'project'
		AND target_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
	grantsOfUsersIn = db.NewExec(Statements, `DELETE FROM grants WHERE actor = 'user'
		AND actor_id IN (SELECT id FROM users WHERE domain_id = ?)`)
	grantsOfGroupsIn = db.NewExec(Statements, `DELETE FROM grants WHERE actor = 'group'
		AND actor_id IN (SELECT id FROM user_groups WHERE domain_id = ?)`)
)

func roleOf(r roleRow) keystone.Role {
	return keystone.Role{ID: r.ID, Name: r.Name, DomainID: r.DomainID, Description: r.Description, Options: r.Options.V, Extra: r.Extra.V}
}

func grant(r grantRow) keystone.Grant {
	return keystone.Grant{Actor: r.Actor, ActorID: r.ActorID, Target: r.Target, TargetID: r.TargetID, RoleID: r.RoleID, Inherited: r.Inherited}
}

// Role finds a role; fault.NotFound.
func Role(ctx context.Context, q db.Querier, id string) (keystone.Role, error) {
	r, err := roleByID.One(ctx, q, id)
	return roleOf(r), err
}

// AllRoles are all roles: there are few, and the verbs keep them in memory for the time of a question.
func AllRoles(ctx context.Context, q db.Querier) ([]keystone.Role, error) {
	rs, err := roleAll.All(ctx, q)
	return convert(rs, roleOf), err
}

// Roles lists one page.
func Roles(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Role, error) {
	rs, err := roleList.Page(ctx, q, a)
	return convert(rs, roleOf), err
}

// InsertRole writes a new role; fault.Conflict for a taken name.
func InsertRole(ctx context.Context, tx *db.Tx, r keystone.Role) error {
	return roleInsert.Do(ctx, tx, roleRow{r.ID, r.Name, r.DomainID, r.Description, object{V: r.Options}, extra{V: r.Extra}})
}

// UpdateRole writes what may change of a role.
func UpdateRole(ctx context.Context, tx *db.Tx, r keystone.Role) error {
	_, err := roleUpdate.Do(ctx, tx, r.Name, r.Description, object{V: r.Options}, extra{V: r.Extra}, r.ID)
	return err
}

// DeleteRole removes a role and every grant of it.
func DeleteRole(ctx context.Context, tx *db.Tx, id string) error {
	return gone(roleDelete.Do(ctx, tx, id))
}

// DeleteRolesOf removes the roles of a domain.
func DeleteRolesOf(ctx context.Context, tx *db.Tx, domain string) error {
	_, err := rolesOf.Do(ctx, tx, domain)
	return err
}

// Implications are all implications of roles.
func Implications(ctx context.Context, q db.Querier) ([]Implication, error) {
	return implications.All(ctx, q)
}

// Imply adds an implication; fault.Conflict when it is there.
func Imply(ctx context.Context, tx *db.Tx, i Implication) error { return implyInsert.Do(ctx, tx, i) }

// Unimply removes an implication and reports whether it was there.
func Unimply(ctx context.Context, tx *db.Tx, i Implication) (bool, error) {
	n, err := implyDelete.Do(ctx, tx, i.Prior, i.Implied)
	return n > 0, err
}

// Granted reports whether exactly this grant is there.
func Granted(ctx context.Context, q db.Querier, g keystone.Grant) (bool, error) {
	n, err := grantExists.One(ctx, q, g.ActorID, g.TargetID, g.RoleID, g.Actor, g.Target, g.Inherited)
	return n > 0, err
}

// InsertGrant adds a grant; there already is no error.
func InsertGrant(ctx context.Context, tx *db.Tx, g keystone.Grant) error {
	if there, err := Granted(ctx, tx, g); err != nil || there {
		return err
	}
	return grantInsert.Do(ctx, tx, grantRow{g.Actor, g.ActorID, g.Target, g.TargetID, g.RoleID, g.Inherited})
}

// DeleteGrant removes a grant and reports whether it was there.
func DeleteGrant(ctx context.Context, tx *db.Tx, g keystone.Grant) (bool, error) {
	n, err := grantDelete.Do(ctx, tx, g.ActorID, g.TargetID, g.RoleID, g.Actor, g.Target, g.Inherited)
	return n > 0, err
}

// GrantsFor are the grants of a user and of the groups the user is in.
func GrantsFor(ctx context.Context, q db.Querier, user string) ([]keystone.Grant, error) {
	rs, err := grantsForUser.All(ctx, q, user, user)
	return convert(rs, grant), err
}

// GrantsOn are the grants on a target; GrantsOf those of an actor.
func GrantsOn(ctx context.Context, q db.Querier, target string) ([]keystone.Grant, error) {
	rs, err := grantsOnTarget.All(ctx, q, target)
	return convert(rs, grant), err
}

// GrantsOf are the grants of an actor itself.
func GrantsOf(ctx context.Context, q db.Querier, actor string) ([]keystone.Grant, error) {
	rs, err := grantsOfActor.All(ctx, q, actor)
	return convert(rs, grant), err
}

// Grants are all grants.
func Grants(ctx context.Context, q db.Querier) ([]keystone.Grant, error) {
	rs, err := grantAll.All(ctx, q)
	return convert(rs, grant), err
}

func deleteGrantsOn(ctx context.Context, tx *db.Tx, target string) error {
	_, err := grantsOn.Do(ctx, tx, target)
	return err
}

func deleteGrantsOf(ctx context.Context, tx *db.Tx, actor, id string) error {
	_, err := grantsBy.Do(ctx, tx, id, actor)
	return err
}

// DeleteGrantsOn removes what was granted on a target.
func DeleteGrantsOn(ctx context.Context, tx *db.Tx, target string) error {
	return deleteGrantsOn(ctx, tx, target)
}
