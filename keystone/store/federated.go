package store

import (
	"context"
	"slices"
	"time"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type federatedRow struct {
	Provider string `db:"idp_id" list:"idp_id"`
	Protocol string `db:"protocol_id" list:"protocol_id"`
	UniqueID string `db:"unique_id" list:"unique_id"`
	UserID   string `db:"user_id"`
}

type expiringRow struct {
	UserID   string  `db:"user_id"`
	GroupID  string  `db:"group_id"`
	Provider string  `db:"idp_id"`
	Expires  db.Time `db:"expires_at"`
}

var (
	federated = db.NewTable[federatedRow](Statements, "federated_users", "idp_id", "protocol_id", "unique_id")
	// Served by federated_users_user.
	federatedOf     = federated.Query("user_id = ? ORDER BY idp_id, protocol_id")
	federatedDelete = db.NewExec(Statements, `DELETE FROM federated_users WHERE user_id = ?`)
	federatedList   = db.NewList[federatedRow](Statements, "SELECT "+federated.Columns("")+" FROM federated_users",
		federated.ListColumns(""), "user_id")

	expiring = db.NewTable[expiringRow](Statements, "expiring_members", "user_id", "group_id", "idp_id")
	// Served by the primary key, which begins with the user, as the next one.
	expiringOf   = expiring.Query("user_id = ? AND idp_id = ? ORDER BY group_id")
	expiringNext = db.NewQuery[db.Time](Statements, `SELECT expires_at FROM expiring_members
		WHERE user_id = ? AND expires_at > ? ORDER BY expires_at LIMIT 1`)
	expiringDelete = db.NewExec(Statements, `DELETE FROM expiring_members WHERE user_id = ? AND idp_id = ?`)
	expiringDrop   = db.NewExec(Statements, `DELETE FROM expiring_members WHERE idp_id = ?`)
	grantsExpiring = grants.Query(`actor = 'group'
  AND actor_id IN (SELECT group_id FROM expiring_members WHERE user_id = ? AND expires_at > ?)`)
	// The primary key begins with actor_id.
	grantsOfGroup = grants.Query("actor_id = ? AND actor = 'group'")
	groupNamed    = groups.Query("domain_id = ? AND name = ?")
)

func federatedID(r federatedRow) keystone.FederatedID {
	return keystone.FederatedID{ProviderID: r.Provider, ProtocolID: r.Protocol, UniqueID: r.UniqueID, UserID: r.UserID}
}

// FederatedUser returns the federated id with the user whom a provider's protocol has under a unique id;
// fault.NotFound.
func FederatedUser(ctx context.Context, q db.Querier, f keystone.FederatedID) (keystone.FederatedID, error) {
	r, err := federated.Get(ctx, q, f.ProviderID, f.ProtocolID, f.UniqueID)
	return federatedID(r), err
}

// FederatedIDs returns the federated ids of a user.
func FederatedIDs(ctx context.Context, q db.Querier, user string) ([]keystone.FederatedID, error) {
	rs, err := federatedOf.All(ctx, q, user)
	return convert(rs, federatedID), err
}

// FederatedMatches returns the ids of the users whose federated ids meet the conditions.
func FederatedMatches(ctx context.Context, q db.Querier, where []db.Cond) ([]string, error) {
	rs, err := federatedList.Page(ctx, q, db.ListArgs{Where: where})
	return convert(rs, func(r federatedRow) string { return r.UserID }), err
}

// DeleteFederatedIDs deletes the federated ids of a user.
func DeleteFederatedIDs(ctx context.Context, tx *db.Tx, user string) error {
	_, err := federatedDelete.Do(ctx, tx, user)
	return err
}

// InsertFederatedID inserts a federated id; fault.Conflict if a user has it.
func InsertFederatedID(ctx context.Context, tx *db.Tx, f keystone.FederatedID) error {
	return federated.Insert(ctx, tx, federatedRow{f.ProviderID, f.ProtocolID, f.UniqueID, f.UserID})
}

// NextExpiry returns when the first of a user's expiring memberships ends; ok is false for a user without one.
func NextExpiry(ctx context.Context, q db.Querier, user string, now time.Time) (ends time.Time, ok bool, err error) {
	t, err := expiringNext.One(ctx, q, user, db.At(now))
	if fault.Is(err, fault.NotFound) {
		return ends, false, nil
	}
	return t.Time, err == nil, err
}

// SetExpiringMembers makes the groups the only expiring memberships that a user has by a provider, until expires. It
// reports whether the user is in other groups than before.
func SetExpiringMembers(
	ctx context.Context,
	tx *db.Tx,
	user, provider string,
	groups []string,
	expires time.Time,
) (changed bool, err error) {
	old, err := expiringOf.All(ctx, tx, user, provider)
	if err != nil {
		return false, err
	}
	had := map[string]bool{}
	for _, o := range old {
		had[o.GroupID] = true
	}
	changed = len(old) != len(groups) || slices.ContainsFunc(groups, func(g string) bool { return !had[g] })
	if _, err := expiringDelete.Do(ctx, tx, user, provider); err != nil {
		return changed, err
	}
	for _, g := range groups {
		if err := expiring.Insert(ctx, tx, expiringRow{user, g, provider, db.At(expires)}); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// ForgetProvider deletes the expiring memberships of all users of an identity provider.
func ForgetProvider(ctx context.Context, tx *db.Tx, provider string) error {
	_, err := expiringDrop.Do(ctx, tx, provider)
	return err
}

// ExpiringGrants returns the grants of the groups of which a user has an expiring membership.
func ExpiringGrants(ctx context.Context, q db.Querier, user string, now time.Time) ([]keystone.Grant, error) {
	rs, err := grantsExpiring.All(ctx, q, user, db.At(now))
	return convert(rs, grant), err
}

// GroupGrants returns the grants of a group.
func GroupGrants(ctx context.Context, q db.Querier, group string) ([]keystone.Grant, error) {
	rs, err := grantsOfGroup.All(ctx, q, group)
	return convert(rs, grant), err
}

// GroupNamed returns a group by domain and name; fault.NotFound.
func GroupNamed(ctx context.Context, q db.Querier, domain, name string) (keystone.Group, error) {
	r, err := groupNamed.One(ctx, q, domain, name)
	return group(r), err
}
