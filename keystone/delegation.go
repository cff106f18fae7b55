package keystone

import (
	"time"

	"hypernova/oslo/policy"
)

// AppCredential lets a program act for a user on one project without the user's password. RoleIDs never hold more
// than the user does: what the user loses, the credential loses.
type AppCredential struct {
	ID, Name, Description, UserID, ProjectID string
	Unrestricted                             bool // may itself make and delete credentials
	RoleIDs                                  []string
	Ruled                                    bool // only what AccessRules name may be called, nothing if there are none
	AccessRules                              []AccessRule
	Expires                                  time.Time // zero: never
	Order                                    int64     // of their making, among those of the user
}

// AccessRule is a request that a ruled application credential may make. In Path {name} and * stand for one segment,
// ** for any number.
type AccessRule struct {
	ID, UserID, Service, Method, Path string
	Order                             int64 // of their making, among those of the user
}

// PolicyTarget names the owner, by which alone keystone's policies check access rules.
func (r AccessRule) PolicyTarget() policy.Target {
	return policy.Target{"target.user.id": r.UserID, "user_id": r.UserID}
}

// Unlimited is the RemainingUses of a trust that may be used any number of times.
const Unlimited = -1

// Trust lets the trustee act with some of the trustor's roles on a project, under the trustor's name where
// Impersonation is set.
type Trust struct {
	ID, TrustorID, TrusteeID, ProjectID string
	Impersonation                       bool
	RoleIDs                             []string
	Expires                             time.Time // zero: never
	RemainingUses                       int64
	ParentID                            string // the trust this one hands on
	RedelegationCount                   int64  // how often it may still be handed on
	Extra                               Extra
}

// PolicyTarget names a trust's parties as keystone's policies do.
func (t Trust) PolicyTarget() policy.Target {
	return policy.Target{"target.trust.trustor_user_id": t.TrustorID, "target.trust.trustee_user_id": t.TrusteeID}
}

// Credential is a secret kept for a user: an EC2 key pair, a TOTP seed, a certificate. Blob is readable here and
// sealed in the database.
type Credential struct {
	ID, UserID, ProjectID, Type, Blob string
	Extra                             Extra
	// the trust or application credential by whose token it was made, empty for the user's own
	MadeBy string
}

// PolicyTarget names a credential's owner as keystone's policies do.
func (c Credential) PolicyTarget() policy.Target {
	return policy.Target{"target.credential.user_id": c.UserID}
}
