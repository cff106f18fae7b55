package app

import (
	"context"
	"net/http"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api"
	"hypernova/keystone/assignment"
	"hypernova/keystone/catalog"
	keystoneclient "hypernova/keystone/client"
	"hypernova/keystone/credential"
	"hypernova/keystone/delegation"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/limit"
	"hypernova/keystone/oidc"
	"hypernova/keystone/store"
	"hypernova/keystone/token"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/service"
)

// keystoneParts is identity for this process: its packages where keystone runs here, else a client of its API.
type keystoneParts struct {
	p      *Process
	made   *identityOperations
	client *keystoneclient.Client
	user   *httpc.Password // as whom APIs of other processes are called
}

// identityOperations are the operations of keystone's packages over its database.
type identityOperations struct {
	users   *identity.Service
	roles   *assignment.Service
	catalog *catalog.Service
	tokens  *token.Service

	delegation  *delegation.Service
	credentials *credential.Service
	limits      *limit.Service
	federation  *federation.Service
}

// operations returns keystone's operations over its database, made once.
func (k *keystoneParts) operations(ctx context.Context) (*identityOperations, error) {
	if k.made != nil {
		return k.made, nil
	}
	p := k.p
	d, err := p.databases.ready(ctx, "keystone")
	if err != nil {
		return nil, err
	}
	passwords, err := identity.NewPasswords(p.c.Keystone.Rounds)
	if err != nil {
		return nil, err
	}
	if err := k.warnOfNewTokenKeys(ctx, d); err != nil {
		return nil, err
	}
	keys, err := token.OpenKeys(p.c.FernetTokens.Repository, p.c.FernetTokens.MaxActive)
	if err != nil {
		return nil, fault.Invalidf("[fernet_tokens] key_repository: %s cannot be used",
			p.c.FernetTokens.Repository).Because(err)
	}
	if err := k.keysAreThere(ctx, d); err != nil {
		return nil, err
	}
	sealing, err := token.OpenKeys(p.c.Credentials.Repository, credentialKeys)
	if err != nil {
		return nil, fault.Invalidf("[credential] key_repository: %s cannot be used", p.c.Credentials.Repository).Because(err)
	}
	if err := passwords.Demand(p.c.Security.Compliance()); err != nil {
		return nil, fault.Invalidf("[security_compliance] %s", fault.Message(err)).Because(err)
	}
	verifier, err := oidc.New(p.c.OIDC, p.now)
	if err != nil {
		return nil, fault.Invalidf("[oidc] %s", fault.Message(err)).Because(err)
	}
	epochs := store.NewEpochs(d)
	dir, err := k.directories(d)
	if err != nil {
		return nil, err
	}
	roles := assignment.New(assignment.Deps{DB: d, Epochs: epochs, Directory: dir, Now: p.now})
	credentials := credential.New(d, sealing, p.now)
	tokens := p.c.Token
	tokens.Seeds, tokens.Directory = credentials, dir
	k.made = &identityOperations{
		users: identity.New(identity.Deps{DB: d, Epochs: epochs, Passwords: passwords, Directory: dir, Now: p.now}),
		roles: roles, catalog: catalog.New(d, epochs),
		tokens: token.New(tokens, token.Deps{DB: d, Epochs: epochs, Keys: keys, Passwords: passwords, Roles: roles,
			Now: p.now}),
		delegation: delegation.New(delegation.Config{Trusts: p.c.Trusts, AppCredentials: p.c.AppCredentials},
			delegation.Deps{DB: d, Epochs: epochs, Passwords: passwords, Roles: roles, Now: p.now}),
		credentials: credentials, limits: limit.New(d, p.c.UnifiedLimit.Model),
		federation: federation.New(federation.Config{Verifier: verifier,
			Life: time.Duration(p.c.Federation.TTL) * time.Minute}, federation.Deps{DB: d, Epochs: epochs, Now: p.now}),
	}
	return k.made, nil
}

func buildKeystone(ctx context.Context, p *Process) error {
	k, err := p.keystone.operations(ctx)
	if err != nil {
		return err
	}
	if err := p.listeners.listen(ctx, apiKeystone); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "keystone", apiKeystone)
	if err != nil {
		return err
	}
	p.upkeep("keystone", service.Periodic{Name: purgeTask, Spacing: time.Hour, Fn: k.tokens.Purge})
	return p.serve(ctx, RoleKeystone, apiKeystone, api.Handler(c,
		api.Deps{Identity: k.users, Roles: k.roles, Catalog: k.catalog, Tokens: k.tokens,
			Delegation: k.delegation, Credentials: k.credentials, Limits: k.limits, Federation: k.federation,
			WebSSO: api.WebSSO{Dashboards: p.c.Federation.Dashboards, Now: p.now}}))
}

// projects is identity as other services call it. It also validates tokens. All of a process share one, and its cache.
func (k *keystoneParts) projects(ctx context.Context) (keystone.API, error) {
	if k.p.has(RoleKeystone) {
		v, err := k.operations(ctx)
		if err != nil {
			return nil, err
		}
		return v.tokens, nil
	}
	if k.client == nil {
		k.client = keystoneclient.New(k.sibling(apiKeystone, "/v3"))
	}
	return k.client, nil
}

// sibling is a client of an API in another process, which logs in as this process's own user.
func (k *keystoneParts) sibling(api, suffix string) *httpc.Client {
	return httpc.New(httpc.Config{Base: k.p.Endpoint(api) + suffix, Name: api, Tokens: k.login()})
}

// login is this process's own user, [keystone_authtoken].
func (k *keystoneParts) login() *httpc.Password {
	if k.user == nil {
		a := k.p.c.Authtoken
		k.user = &httpc.Password{Cure: "[keystone_authtoken] username and password must be those of a user there " +
			"(openstack user set --password)",
			AuthURL: k.p.c.IdentityURL() + "/v3", Username: a.Username, Password: a.Password, UserDomain: a.UserDomain,
			ProjectName: a.Project, ProjectDomain: a.ProjectDomain}
	}
	return k.user
}

// used lets an API of the catalog serve tokens that access rules restrict to some of its requests.
func used(api string, h http.Handler) http.Handler {
	for _, s := range services() {
		if s.apis[0].name == api {
			return keystone.Used(s.kind, h)
		}
	}
	return h
}
