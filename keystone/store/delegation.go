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
	ID            string  `db:"id" list:"id"`
	Trustor       string  `db:"trustor_user_id" list:"trustor_user_id"`
	Trustee       string  `db:"trustee_user_id" list:"trustee_user_id"`
	ProjectID     string  `db:"project_id"`
	Impersonation bool    `db:"impersonation"`
	Roles         words   `db:"roles"`
	Expires       db.Time `db:"expires_at"`
	RemainingUses int64   `db:"remaining_uses"`
	Parent        string  `db:"redelegated_trust_id"`
	Count         int64   `db:"redelegation_count"`
	Extra         extra   `db:"extra"`
}

// A user has few of these. They are read whole, in the order of their creation.
var (
	appCredentials      = db.NewTable[appCredentialRow](Statements, "application_credentials", "id")
	appCredentialByName = appCredentials.Query("user_id = ? AND name = ?")
	appCredentialsOf    = appCredentials.Query("user_id = ? ORDER BY position, id")
	appCredentialDelete = appCredentials.Delete("")

	accessRules      = db.NewTable[accessRuleRow](Statements, "access_rules", "id")
	accessRulesOf    = accessRules.Query("user_id = ? ORDER BY position, id")
	accessRuleDelete = accessRules.Delete("")

	trusts      = db.NewTable[trustRow](Statements, "trusts", "id")
	trustsUnder = trusts.Query("redelegated_trust_id = ? ORDER BY id")
	trustUse    = trusts.Update("remaining_uses > 0", "remaining_uses = remaining_uses - 1")
	trustDelete = trusts.Delete("")
	trustList   = trusts.List()
	trustsOn    = db.NewExec(Statements, `DELETE FROM trusts WHERE project_id = ?`)
	trustsIn    = db.NewExec(Statements, `DELETE FROM trusts
		WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
)

func accessRule(r accessRuleRow) keystone.AccessRule { return keystone.AccessRule(r) }

func trust(r trustRow) keystone.Trust {
	return keystone.Trust{
		ID:                r.ID,
		TrustorID:         r.Trustor,
		TrusteeID:         r.Trustee,
		ProjectID:         r.ProjectID,
		Impersonation:     r.Impersonation,
		RoleIDs:           r.Roles.V,
		Expires:           r.Expires.Time,
		RemainingUses:     r.RemainingUses,
		ParentID:          r.Parent,
		RedelegationCount: r.Count,
		Extra:             r.Extra.V,
	}
}

// withRules reads the access rules of application credentials. A rule has one row for all credentials of its user.
func withRules(ctx context.Context, q db.Querier, rs []appCredentialRow) ([]keystone.AppCredential, error) {
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
		c := keystone.AppCredential{
			ID:           r.ID,
			Name:         r.Name,
			Description:  r.Description,
			UserID:       r.UserID,
			ProjectID:    r.ProjectID,
			Unrestricted: r.Unrestricted,
			RoleIDs:      r.Roles.V,
			Ruled:        r.Ruled,
			Expires:      r.Expires.Time,
			Order:        r.Order,
		}
		for _, id := range r.AccessRules.V {
			c.AccessRules = append(c.AccessRules, rules[id])
		}
		out = append(out, c)
	}
	return out, nil
}

func oneAppCredential(
	ctx context.Context,
	q db.Querier,
	r appCredentialRow,
	err error,
) (keystone.AppCredential, string, error) {
	if err != nil {
		return keystone.AppCredential{}, "", err
	}
	cs, err := withRules(ctx, q, []appCredentialRow{r})
	if err != nil {
		return keystone.AppCredential{}, "", err
	}
	return cs[0], r.SecretHash, nil
}

// AppCredential returns an application credential and the hash of its secret; fault.NotFound.
func AppCredential(ctx context.Context, q db.Querier, id string) (keystone.AppCredential, string, error) {
	r, err := appCredentials.Get(ctx, q, id)
	return oneAppCredential(ctx, q, r, err)
}

// AppCredentialNamed returns a user's application credential by its name; fault.NotFound.
func AppCredentialNamed(ctx context.Context, q db.Querier, user, name string) (keystone.AppCredential, string, error) {
	r, err := appCredentialByName.One(ctx, q, user, name)
	return oneAppCredential(ctx, q, r, err)
}

// AppCredentialsOf returns a user's application credentials.
func AppCredentialsOf(ctx context.Context, q db.Querier, user string) ([]keystone.AppCredential, error) {
	rs, err := appCredentialsOf.All(ctx, q, user)
	if err != nil {
		return nil, err
	}
	return withRules(ctx, q, rs)
}

// InsertAppCredential inserts a application credential; fault.Conflict for a taken name. Its rules exist already.
func InsertAppCredential(ctx context.Context, tx *db.Tx, c keystone.AppCredential, hash string) error {
	rules := []string{}
	for _, r := range c.AccessRules {
		rules = append(rules, r.ID)
	}
	return appCredentials.Insert(
		ctx,
		tx,
		appCredentialRow{ID: c.ID, UserID: c.UserID, ProjectID: c.ProjectID, Name: c.Name,
			Description: c.Description, SecretHash: hash, Unrestricted: c.Unrestricted, Roles: words{V: c.RoleIDs},
			Ruled:       c.Ruled,
			AccessRules: words{V: rules}, Expires: db.At(c.Expires), Order: c.Order},
	)
}

// DeleteAppCredential deletes an application credential; its rules stay. fault.NotFound.
func DeleteAppCredential(ctx context.Context, tx *db.Tx, id string) error {
	return gone(appCredentialDelete.Do(ctx, tx, id))
}

// AccessRule returns an access rule; fault.NotFound.
func AccessRule(ctx context.Context, q db.Querier, id string) (keystone.AccessRule, error) {
	r, err := accessRules.Get(ctx, q, id)
	return accessRule(r), err
}

// AccessRulesOf returns a user's access rules.
func AccessRulesOf(ctx context.Context, q db.Querier, user string) ([]keystone.AccessRule, error) {
	rs, err := accessRulesOf.All(ctx, q, user)
	return convert(rs, accessRule), err
}

// InsertAccessRule inserts a access rule.
func InsertAccessRule(ctx context.Context, tx *db.Tx, r keystone.AccessRule) error {
	return accessRules.Insert(ctx, tx, accessRuleRow(r))
}

// DeleteAccessRule deletes an access rule.
func DeleteAccessRule(ctx context.Context, tx *db.Tx, id string) error {
	return gone(accessRuleDelete.Do(ctx, tx, id))
}

// Trust returns a trust; fault.NotFound.
func Trust(ctx context.Context, q db.Querier, id string) (keystone.Trust, error) {
	r, err := trusts.Get(ctx, q, id)
	return trust(r), err
}

// Trusts returns one page.
func Trusts(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Trust, error) {
	rs, err := trustList.Page(ctx, q, a)
	return convert(rs, trust), err
}

// TrustsUnder returns the trusts that were redelegated from a trust.
func TrustsUnder(ctx context.Context, q db.Querier, id string) ([]keystone.Trust, error) {
	rs, err := trustsUnder.All(ctx, q, id)
	return convert(rs, trust), err
}

// InsertTrust inserts a trust.
func InsertTrust(ctx context.Context, tx *db.Tx, t keystone.Trust) error {
	return trusts.Insert(ctx, tx, trustRow{ID: t.ID, Trustor: t.TrustorID, Trustee: t.TrusteeID, ProjectID: t.ProjectID,
		Impersonation: t.Impersonation, Roles: words{V: t.RoleIDs}, Expires: db.At(t.Expires), RemainingUses: t.RemainingUses,
		Parent: t.ParentID, Count: t.RedelegationCount, Extra: extra{V: t.Extra}})
}

// UseTrust reduces the remaining uses of a trust by one and reports whether there was one.
func UseTrust(ctx context.Context, tx *db.Tx, id string) (bool, error) {
	n, err := trustUse.Do(ctx, tx, trustRow{ID: id})
	return n > 0, err
}

// DeleteTrust deletes a trust.
func DeleteTrust(ctx context.Context, tx *db.Tx, id string) error {
	return gone(trustDelete.Do(ctx, tx, id))
}
