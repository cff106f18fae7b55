// Package keypairs is the operations of the Compute API on key pairs.
package keypairs

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/keypairs"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// Resources are the operations with their receiver.
func Resources(k *keypairs.KeyPairs) []api.Bound { return api.Bind(&keyPairsAPI{k}, keyPairOps) }

// keyPairsAPI lists, creates, shows and deletes key pairs.
type keyPairsAPI struct{ Keys *keypairs.KeyPairs }

var keyPairOps = api.Resource[*keyPairsAPI]{Name: "keypair", Plural: "keypairs", Ops: api.Ops[*keyPairsAPI]{
	api.List("GET /os-keypairs", nil, (*keyPairsAPI).list, api.StrictFrom("2.75")),
	api.Do("POST /os-keypairs", nil, 201, (*keyPairsAPI).create),
	api.Do("GET /os-keypairs/{keypair_name}", nil, 200, (*keyPairsAPI).show, api.StrictFrom("2.75")),
	api.Do("DELETE /os-keypairs/{keypair_name}", nil, 204, (*keyPairsAPI).delete, api.StrictFrom("2.75")),
}}

type keyQuery struct {
	User       string `wire:"user_id" mv:"2.10-"`
	api.Paging `mv:"2.35-"`
}

type keyOwner struct {
	User string `wire:"user_id" mv:"2.10-"`
}

type keyItem struct {
	Pair keyBrief `wire:"keypair"`
}

type keyBrief struct {
	Name        string `wire:"name"`
	PublicKey   string `wire:"public_key"`
	Fingerprint string `wire:"fingerprint"`
	Type        string `wire:"type" mv:"2.2-"`
}

type keyCreated struct {
	keyBrief
	Owner   string `wire:"user_id"`
	Private string `wire:"private_key" mv:"-2.91" omit:"empty"`
}

type keyView struct {
	keyBrief
	Owner   string    `wire:"user_id"`
	ID      int64     `wire:"id"`
	Created time.Time `wire:"created_at" time:"micro"`
	Updated time.Time `wire:"updated_at" time:"micro"`
	Deleted bool      `wire:"deleted"`
	Gone    time.Time `wire:"deleted_at" time:"micro"`
}

type keyCreate struct {
	OldName string         `wire:"name" mv:"-2.91" is:"required,name,narrow,pattern=^[_a-zA-Z0-9 -]+$"`
	Name    string         `wire:"name" mv:"2.92-" is:"required,name,narrow,pattern=^[_@.a-zA-Z0-9 -]+$"`
	Old     opt.Of[string] `wire:"public_key" mv:"-2.91"`
	Public  string         `wire:"public_key" mv:"2.92-" is:"required"`
	Type    string         `wire:"type" mv:"2.2-" is:"enum=ssh|x509"`
	User    string         `wire:"user_id" mv:"2.10-"`
}

func briefKey(k *nova.KeyPair) keyBrief {
	return keyBrief{k.Name, k.PublicKey, k.Fingerprint, k.Type}
}

// owner is the user whose key pairs a request is about: the named one if the rule allows it, or the caller.
func owner(r *api.Request, user string, rule *policy.Rule) (string, error) {
	if user == "" {
		user = r.Caller.UserID
	}
	return user, r.Require(rule, policy.Target{"user_id": user})
}

func (a *keyPairsAPI) list(ctx context.Context, r *api.Request, q *keyQuery) (api.Page[keyItem], error) {
	user, err := owner(r, q.User, policies.KeypairsIndex)
	if err != nil {
		return api.Page[keyItem]{}, err
	}
	ks, err := a.Keys.List(ctx, user, q.Marker, q.Rows())
	return api.PageOf(q.Window, ks, func(k nova.KeyPair) string { return k.Name },
		func(k nova.KeyPair) keyItem { return keyItem{briefKey(&k)} }), err
}

func (a *keyPairsAPI) create(ctx context.Context, r *api.Request, in *keyCreate) (keyCreated, error) {
	user, err := owner(r, in.User, policies.KeypairsCreate)
	if err != nil {
		return keyCreated{}, err
	}
	if in.Old.Set && in.Old.Or("") == "" || r.AtLeast(92) && in.Public == "" {
		return keyCreated{}, fault.Invalidf("Keypair data is invalid: the public key is empty.")
	}
	k, private, err := a.Keys.Create(ctx, keypairs.CreateArgs{Project: r.Caller.ProjectID, User: user, Name: in.OldName +
		in.Name, Type: in.Type,
		PublicKey: in.Old.Or("") + in.Public})
	if !r.AtLeast(2) {
		r.SetStatus(200)
	}
	return keyCreated{briefKey(&k), k.User, private}, err
}

func (a *keyPairsAPI) show(ctx context.Context, r *api.Request, q *keyOwner) (keyView, error) {
	user, err := owner(r, q.User, policies.KeypairsShow)
	if err != nil {
		return keyView{}, err
	}
	k, err := a.Keys.KeyPair(ctx, user, r.Param("keypair_name"))
	return keyView{keyBrief: briefKey(&k), Owner: k.User, ID: k.Number, Created: k.Created}, err
}

func (a *keyPairsAPI) delete(ctx context.Context, r *api.Request, q *keyOwner) (api.None, error) {
	user, err := owner(r, q.User, policies.KeypairsDelete)
	if err != nil {
		return api.None{}, err
	}
	if !r.AtLeast(2) {
		r.SetStatus(202)
	}
	return api.None{}, a.Keys.Delete(ctx, user, r.Param("keypair_name"))
}
