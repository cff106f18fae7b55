package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type appCredentialRow struct {
	ID           string  `db:"id"`
	UserID       string  `db:"user_id"`
	ProjectID    string  `db:"project_id"`
	Name         string  `db:"name"`
	Description  string  `db:"description"`
	SecretHash   string  `db:"secret_hash"`
	Unrestricted bool    `db:"unrestricted"`
	Roles        words   `db:"roles"`
	Ruled        bool    `db:"ruled"`
	AccessRules  words   `db:"access_rules"`
	Expires      db.Time `db:"expires_at"`
	Order        int64   `db:"position"`
}

type accessRuleRow struct {
	ID      string `db:"id"`
	UserID  string `db:"user_id"`
	Service string `db:"service"`
	Method  string `db:"method"`
	Path    string `db:"path"`
	Order   int64  `db:"position"`
}

type trustRow struct {
	ID            string  `db:"id"`
	Trustor       string  `db:"trustor_user_id"`
	Trustee       string  `db:"trustee_user_id"`
	ProjectID     string  `db:"project_id"`
	Impersonation bool    `db:"impersonation"`
	Roles         words   `db:"roles"`
	Expires       db.Time `db:"expires_at"`
	RemainingUses int64   `db:"remaining_uses"`
	Parent        string  `db:"redelegated_trust_id"`
	Count         int64   `db:"redelegation_count"`
	Extra         extra   `db:"extra"`
}

const (
	appCredentialColumns = `id, user_id, project_id, name, description, secret_hash, unrestricted, roles, ruled, access_rules, expires_at, position`
	accessRuleColumns    = `id, user_id, service, method, path, position`
	trustColumns         = `id, trustor_user_id, trustee_user_id, project_id, impersonation, roles, expires_at, remaining_uses,
	redelegated_trust_id, redelegation_count, extra`
)

// A user has a handful of these; they are read whole, in the order in which they were made.
var (
	appCredentialByID   = db.NewQuery[appCredentialRow](Statements, `SELECT `+appCredentialColumns+` FROM application_credentials WHERE id = ?`)
	appCredentialByName = db.NewQuery[appCredentialRow](Statements, `SELECT `+appCredentialColumns+` FROM application_credentials
		WHERE user_id = ? AND name = ?`)
	appCredentialsOf = db.NewQuery[appCredentialRow](Statements, `SELECT `+appCredentialColumns+` FROM application_credentials
		WHERE user_id = ? ORDER BY position, id`)
	appCredentialInsert = db.NewInsert[appCredentialRow](Statements, "application_credentials")
	appCredentialDelete = db.NewExec(Statements, `DELETE FROM application_credentials WHERE id = ?`)

	accessRuleByID   = db.NewQuery[accessRuleRow](Statements, `SELECT `+accessRuleColumns+` FROM access_rules WHERE id = ?`)
	accessRulesOf    = db.NewQuery[accessRuleRow](Statements, `SELECT `+accessRuleColumns+` FROM access_rules WHERE user_id = ? ORDER BY position, id`)
	accessRuleInsert = db.NewInsert[accessRuleRow](Statements, "access_rules")
	accessRuleDelete = db.NewExec(Statements, `DELETE FROM access_rules WHERE id = ?`)

	trustByID   = db.NewQuery[trustRow](Statements, `SELECT `+trustColumns+` FROM trusts WHERE id = ?`)
	trustInsert = db.NewInsert[trustRow](Statements, "trusts")
	trustUse    = db.NewExec(Statements, `UPDATE trusts SET remaining_uses = remaining_uses - 1 WHERE id = ? AND remaining_uses > 0`)
	trustDelete = db.NewExec(Statements, `DELETE FROM trusts WHERE id = ?`)
	trustsUnder = db.NewQuery[trustRow](Statements, `SELECT `+trustColumns+` FROM trusts WHERE redelegated_trust_id = ? ORDER BY id`)
	trustsOn    = db.NewExec(Statements, `DELETE FROM trusts WHERE project_id = ?`)
	trustsIn    = db.NewExec(Statements, `DELETE FROM trusts WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
	trustList   = db.NewList[trustRow](Statements, `SELECT `+trustColumns+` FROM trusts`, map[string]string{
		"id": "id", "trustor_user_id": "trustor_user_id", "trustee_user_id": "trustee_user_id",
	}, "id")
)

func accessRule(r accessRuleRow) keystone.AccessRule { return keystone.AccessRule(r) }

func trust(r trustRow) keystone.Trust {
	return keystone.Trust{ID: r.ID, TrustorID: r.Trustor, TrusteeID: r.Trustee, ProjectID: r.ProjectID, Impersonation: r.Impersonation,
		RoleIDs: r.Roles.V, Expires: r.Expires.Time, RemainingUses: r.RemainingUses, ParentID: r.Parent, RedelegationCount: r.Count,
		Extra: r.Extra.V}
}

// appCredentials gives rows their rules, which are kept once for all credentials of a user.
func appCredentials(ctx context.Context, q db.Querier, rs []appCredentialRow) ([]keystone.AppCredential, error) {
	rules := map[string]keystone.AccessRule{}
	asked := map[string]bool{}
	var out []keystone.AppCredential
	for _, r := range rs {
		if r.Ruled && !asked[r.UserID] {
			asked[r.UserID] = true
			have, err := AccessRulesOf(ctx, q, r.UserID)
			if err != nil {
				return nil, err
			}
			for _, h := range have {
				rules[h.ID] = h
			}
		}
		c := keystone.AppCredential{ID: r.ID, Name: r.Name, Description: r.Description, UserID: r.UserID, ProjectID: r.ProjectID,
			Unrestricted: r.Unrestricted, RoleIDs: r.Roles.V, Ruled: r.Ruled, Expires: r.Expires.Time, Order: r.Order}
		for _, id := range r.AccessRules.V {
			c.AccessRules = append(c.AccessRules, rules[id])
		}
		out = append(out, c)
	}
	return out, nil
}

func oneAppCredential(ctx context.Context, q db.Querier, r appCredentialRow, err error) (keystone.AppCredential, string, error) {
	if err != nil {
		return keystone.AppCredential{}, "", err
	}
	cs, err := appCredentials(ctx, q, []appCredentialRow{r})
	if err != nil {
		return keystone.AppCredential{}, "", err
	}
	return cs[0], r.SecretHash, nil
}

// AppCredential finds an application credential and the hash of its secret; fault.NotFound.
func AppCredential(ctx context.Context, q db.Querier, id string) (keystone.AppCredential, string, error) {
	r, err := appCredentialByID.One(ctx, q, id)
	return oneAppCredential(ctx, q, r, err)
}

// AppCredentialNamed finds a user's application credential by its name; fault.NotFound.
func AppCredentialNamed(ctx context.Context, q db.Querier, user, name string) (keystone.AppCredential, string, error) {
	r, err := appCredentialByName.One(ctx, q, user, name)
	return oneAppCredential(ctx, q, r, err)
}

// AppCredentialsOf are a user's application credentials.
func AppCredentialsOf(ctx context.Context, q db.Querier, user string) ([]keystone.AppCredential, error) {
	rs, err := appCredentialsOf.All(ctx, q, user)
	if err != nil {
		return nil, err
	}
	return appCredentials(ctx, q, rs)
}

// InsertAppCredential writes a new application credential; fault.Conflict for a taken name. Its rules are there
// already.
func InsertAppCredential(ctx context.Context, tx *db.Tx, c keystone.AppCredential, hash string) error {
	rules := []string{}
	for _, r := range c.AccessRules {
		rules = append(rules, r.ID)
	}
	return appCredentialInsert.Do(ctx, tx, appCredentialRow{ID: c.ID, UserID: c.UserID, ProjectID: c.ProjectID, Name: c.Name,
		Description: c.Description, SecretHash: hash, Unrestricted: c.Unrestricted, Roles: words{V: c.RoleIDs}, Ruled: c.Ruled,
		AccessRules: words{V: rules}, Expires: db.At(c.Expires), Order: c.Order})
}

// DeleteAppCredential removes an application credential; its rules stay for others.
func DeleteAppCredential(ctx context.Context, tx *db.Tx, id string) error {
	return gone(appCredentialDelete.Do(ctx, tx, id))
}

// AccessRule finds an access rule; fault.NotFound.
func AccessRule(ctx context.Context, q db.Querier, id string) (keystone.AccessRule, error) {
	r, err := accessRuleByID.One(ctx, q, id)
	return accessRule(r), err
}

// AccessRulesOf are a user's access rules.
func AccessRulesOf(ctx context.Context, q db.Querier, user string) ([]keystone.AccessRule, error) {
	rs, err := accessRulesOf.All(ctx, q, user)
	return convert(rs, accessRule), err
}

// InsertAccessRule writes a new access rule.
func InsertAccessRule(ctx context.Context, tx *db.Tx, r keystone.AccessRule) error {
	return accessRuleInsert.Do(ctx, tx, accessRuleRow(r))
}

// DeleteAccessRule removes an access rule.
func DeleteAccessRule(ctx context.Context, tx *db.Tx, id string) error {
	return gone(accessRuleDelete.Do(ctx, tx, id))
}

// Trust finds a trust; fault.NotFound.
func Trust(ctx context.Context, q db.Querier, id string) (keystone.Trust, error) {
	r, err := trustByID.One(ctx, q, id)
	return trust(r), err
}

// Trusts lists one page.
func Trusts(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Trust, error) {
	rs, err := trustList.Page(ctx, q, a)
	return convert(rs, trust), err
}

// TrustsUnder are the trusts that hand a trust on.
func TrustsUnder(ctx context.Context, q db.Querier, id string) ([]keystone.Trust, error) {
	rs, err := trustsUnder.All(ctx, q, id)
	return convert(rs, trust), err
}

// InsertTrust writes a new trust.
func InsertTrust(ctx context.Context, tx *db.Tx, t keystone.Trust) error {
	return trustInsert.Do(ctx, tx, trustRow{ID: t.ID, Trustor: t.TrustorID, Trustee: t.TrusteeID, ProjectID: t.ProjectID,
		Impersonation: t.Impersonation, Roles: words{V: t.RoleIDs}, Expires: db.At(t.Expires), RemainingUses: t.RemainingUses,
		Parent: t.ParentID, Count: t.RedelegationCount, Extra: extra{V: t.Extra}})
}

// UseTrust counts one use down and reports whether there was one left.
func UseTrust(ctx context.Context, tx *db.Tx, id string) (bool, error) {
	n, err := trustUse.Do(ctx, tx, id)
	return n > 0, err
}

// DeleteTrust removes a trust.
func DeleteTrust(ctx context.Context, tx *db.Tx, id string) error {
	return gone(trustDelete.Do(ctx, tx, id))
}
