package store

import (
	"context"
	"time"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type federatedRow struct {
	Provider string `db:"idp_id"`
	Protocol string `db:"protocol_id"`
	UniqueID string `db:"unique_id"`
	UserID   string `db:"user_id"`
}

type expiringRow struct {
	UserID   string  `db:"user_id"`
	GroupID  string  `db:"group_id"`
	Provider string  `db:"idp_id"`
	Expires  db.Time `db:"expires_at"`
}

const federatedColumns = `idp_id, protocol_id, unique_id, user_id`

var (
	federatedByID   = db.NewQuery[federatedRow](Statements, `SELECT `+federatedColumns+` FROM federated_users WHERE idp_id = ? AND protocol_id = ? AND unique_id = ?`)
	federatedOf     = db.NewQuery[federatedRow](Statements, `SELECT `+federatedColumns+` FROM federated_users WHERE user_id = ? ORDER BY idp_id, protocol_id`)
	federatedDelete = db.NewExec(Statements, `DELETE FROM federated_users WHERE user_id = ?`)
	federatedList   = db.NewList[federatedRow](Statements, `SELECT `+federatedColumns+` FROM federated_users`, map[string]string{
		"idp_id": "idp_id NOT NULL", "protocol_id": "protocol_id NOT NULL", "unique_id": "unique_id NOT NULL",
	}, "user_id")
	federatedInsert = db.NewInsert[federatedRow](Statements, "federated_users")

	expiringOf     = db.NewQuery[expiringRow](Statements, `SELECT user_id, group_id, idp_id, expires_at FROM expiring_members WHERE user_id = ? AND idp_id = ? ORDER BY group_id`)
	expiringInsert = db.NewInsert[expiringRow](Statements, "expiring_members")
	// Served by the primary key, which begins with the user.
	expiringNext   = db.NewQuery[db.Time](Statements, `SELECT expires_at FROM expiring_members WHERE user_id = ? AND expires_at > ? ORDER BY expires_at LIMIT 1`)
	expiringDelete = db.NewExec(Statements, `DELETE FROM expiring_members WHERE user_id = ? AND idp_id = ?`)
	expiringDrop   = db.NewExec(Statements, `DELETE FROM expiring_members WHERE idp_id = ?`)
	grantsExpiring = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants
		WHERE actor = 'group' AND actor_id IN (SELECT group_id FROM expiring_members WHERE user_id = ? AND expires_at > ?)`)
	// The primary key begins with actor_id.
	grantsOfGroup = db.NewQuery[grantRow](Statements, `SELECT `+grantColumns+` FROM grants WHERE actor_id = ? AND actor = 'group'`)
	groupNamed    = db.NewQuery[groupRow](Statements, `SELECT `+groupColumns+` FROM user_groups WHERE domain_id = ? AND name = ?`)
)

// FederatedUser finds whom a provider's protocol knows by a unique id; fault.NotFound.
func FederatedUser(ctx context.Context, q db.Querier, f keystone.FederatedID) (keystone.FederatedID, error) {
	r, err := federatedByID.One(ctx, q, f.ProviderID, f.ProtocolID, f.UniqueID)
	return keystone.FederatedID{ProviderID: r.Provider, ProtocolID: r.Protocol, UniqueID: r.UniqueID, UserID: r.UserID}, err
}

// FederatedIDs are what a user is known by elsewhere.
func FederatedIDs(ctx context.Context, q db.Querier, user string) ([]keystone.FederatedID, error) {
	rs, err := federatedOf.All(ctx, q, user)
	return convert(rs, func(r federatedRow) keystone.FederatedID {
		return keystone.FederatedID{ProviderID: r.Provider, ProtocolID: r.Protocol, UniqueID: r.UniqueID, UserID: r.UserID}
	}), err
}

// FederatedMatches are the ids of the users who are known elsewhere by what the conditions ask for.
func FederatedMatches(ctx context.Context, q db.Querier, where []db.Cond) ([]string, error) {
	rs, err := federatedList.Page(ctx, q, db.ListArgs{Where: where})
	return convert(rs, func(r federatedRow) string { return r.UserID }), err
}

// DeleteFederatedIDs forgets what a user is known by.
func DeleteFederatedIDs(ctx context.Context, tx *db.Tx, user string) error {
	_, err := federatedDelete.Do(ctx, tx, user)
	return err
}

// InsertFederatedID notes what a user is known by; fault.Conflict where somebody is known by it.
func InsertFederatedID(ctx context.Context, tx *db.Tx, f keystone.FederatedID) error {
	return federatedInsert.Do(ctx, tx, federatedRow{f.ProviderID, f.ProtocolID, f.UniqueID, f.UserID})
}

// NextExpiry is when the first of a user's expiring memberships ends; ok is false for a user without one.
func NextExpiry(ctx context.Context, q db.Querier, user string, now time.Time) (at time.Time, ok bool, err error) {
	t, err := expiringNext.One(ctx, q, user, db.At(now))
	if fault.Is(err, fault.NotFound) {
		return at, false, nil
	}
	return t.Time, err == nil, err
}

// SetExpiringMembers makes groups all that a user is in by a provider's word, until expires. It reports whether a
// membership went.
func SetExpiringMembers(ctx context.Context, tx *db.Tx, user, provider string, groups []string, expires time.Time) (lost bool, err error) {
	old, err := expiringOf.All(ctx, tx, user, provider)
	if err != nil {
		return false, err
	}
	kept := map[string]bool{}
	for _, g := range groups {
		kept[g] = true
	}
	for _, o := range old {
		lost = lost || !kept[o.GroupID]
	}
	if _, err := expiringDelete.Do(ctx, tx, user, provider); err != nil {
		return lost, err
	}
	for _, g := range groups {
		if err := expiringInsert.Do(ctx, tx, expiringRow{user, g, provider, db.At(expires)}); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// ForgetProvider ends all memberships by a provider's word.
func ForgetProvider(ctx context.Context, tx *db.Tx, provider string) error {
	_, err := expiringDrop.Do(ctx, tx, provider)
	return err
}

// ExpiringGrants are the grants of the groups that a user is in for a while.
func ExpiringGrants(ctx context.Context, q db.Querier, user string, now time.Time) ([]keystone.Grant, error) {
	rs, err := grantsExpiring.All(ctx, q, user, db.At(now))
	return convert(rs, grant), err
}

// GroupGrants are the grants of a group.
func GroupGrants(ctx context.Context, q db.Querier, group string) ([]keystone.Grant, error) {
	rs, err := grantsOfGroup.All(ctx, q, group)
	return convert(rs, grant), err
}

// GroupNamed finds a group by domain and name; fault.NotFound.
func GroupNamed(ctx context.Context, q db.Querier, domain, name string) (keystone.Group, error) {
	r, err := groupNamed.One(ctx, q, domain, name)
	return group(r), err
}
