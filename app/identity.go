package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/api"
	"hypernova/keystone/assignment"
	"hypernova/keystone/catalog"
	"hypernova/keystone/credential"
	"hypernova/keystone/delegation"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/limit"
	"hypernova/keystone/oidc"
	"hypernova/keystone/store"
	"hypernova/keystone/token"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

// identityRoom is keystone's verbs in this process.
type identityRoom struct {
	users   *identity.Service
	roles   *assignment.Service
	catalog *catalog.Service
	tokens  *token.Service

	delegation  *delegation.Service
	credentials *credential.Service
	limits      *limit.Service
	federation  *federation.Service
}

// identity puts keystone's verbs together over its database.
func (p *Process) identity(ctx context.Context) (*identityRoom, error) {
	if p.parts.identity != nil {
		return p.parts.identity, nil
	}
	d, err := p.database(ctx, "keystone")
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, d, "keystone", store.Migrations()); err != nil {
		return nil, err
	}
	passwords, err := identity.NewPasswords(p.c.Keystone.Rounds)
	if err != nil {
		return nil, err
	}
	if err := p.warnOfNewTokenKeys(ctx, d); err != nil {
		return nil, err
	}
	keys, err := token.OpenKeys(p.c.FernetTokens.Repository, p.c.FernetTokens.MaxActive)
	if err != nil {
		return nil, fault.Invalidf("[fernet_tokens] key_repository: %s cannot be used", p.c.FernetTokens.Repository).Because(err)
	}
	if err := p.keysAreThere(ctx, d); err != nil {
		return nil, err
	}
	sealing, err := token.OpenKeys(p.c.Credentials.Repository, credentialKeys)
	if err != nil {
		return nil, fault.Invalidf("[credential] key_repository: %s cannot be used", p.c.Credentials.Repository).Because(err)
	}
	if err := passwords.Demand(p.c.Security.compliance()); err != nil {
		return nil, fault.Invalidf("[security_compliance] %s", fault.Message(err)).Because(err)
	}
	verifier, err := oidc.New(oidc.Config{Audiences: p.c.OIDC.Audiences, ClientID: p.c.OIDC.ClientID, ClientSecret: p.c.OIDC.ClientSecret,
		WebClientID: p.c.OIDC.WebClientID, WebClientSecret: p.c.OIDC.WebClientSecret, WebScopes: p.c.OIDC.WebScopes,
		Leeway: p.c.OIDC.Skew, Timeout: p.c.OIDC.Timeout, CAFile: p.c.OIDC.CAFile}, p.now)
	if err != nil {
		return nil, fault.Invalidf("[oidc] %s", fault.Message(err)).Because(err)
	}
	epochs := store.NewEpochs(d)
	dir, err := p.directories(d)
	if err != nil {
		return nil, err
	}
	roles := assignment.New(d, epochs, dir, p.now)
	credentials := credential.New(d, sealing, p.now)
	p.parts.identity = &identityRoom{
		users: identity.New(d, epochs, passwords, dir, p.now), roles: roles, catalog: catalog.New(d, epochs),
		tokens: token.New(d, epochs, keys, passwords, roles, token.Config{Lifetime: p.c.Token.Expiration, AllowRescope: p.c.Token.Rescope,
			Seeds: credentials, Directory: dir}, p.now),
		delegation: delegation.New(d, epochs, passwords, roles, delegation.Config{MaxRedelegation: p.c.Trusts.MaxRedelegation,
			CredentialsPerUser: p.c.AppCredentials.PerUser}, p.now),
		credentials: credentials, limits: limit.New(d, p.c.UnifiedLimit.Model),
		federation: federation.New(d, epochs, federation.Config{Verifier: verifier, Life: time.Duration(p.c.Federation.TTL) * time.Minute}, p.now),
	}
	return p.parts.identity, nil
}

// compliance is the section in days and rules.
func (s Security) compliance() identity.Compliance {
	const day = 24 * time.Hour
	return identity.Compliance{LockoutAttempts: s.Attempts, LockoutFor: s.Duration, InactiveAfter: time.Duration(s.Inactive) * day,
		ExpiresAfter: time.Duration(s.Expires) * day, MinimumAge: time.Duration(s.MinimumAge) * day, Unique: s.Unique,
		ChangeFirst: s.ChangeFirst, Pattern: s.Pattern, Advice: s.Advice}
}

func buildKeystone(ctx context.Context, p *Process) error {
	k, err := p.identity(ctx)
	if err != nil {
		return err
	}
	if err := p.listen(ctx, apiKeystone); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "keystone", apiKeystone, api.Rules())
	if err != nil {
		return err
	}
	p.upkeep("keystone", service.Periodic{Name: purgeTask, Spacing: time.Hour, Fn: k.tokens.Purge})
	return p.serve(ctx, RoleKeystone, apiKeystone, api.Handler(c, api.Deps{Identity: k.users, Roles: k.roles, Catalog: k.catalog, Tokens: k.tokens,
		Delegation: k.delegation, Credentials: k.credentials, Limits: k.limits, Federation: k.federation,
		WebSSO: api.WebSSO{Dashboards: p.c.Federation.Dashboards, Now: p.now}}))
}

// catalogEntry is a service that bootstrap puts into the catalog.
type catalogEntry struct{ kind, name, api, suffix string }

func catalogEntries() []catalogEntry {
	return []catalogEntry{{"identity", "keystone", apiKeystone, "/v3"}, {"image", "glance", apiGlance, ""}, {"placement", "placement", apiPlacement, ""},
		{"compute", "nova", apiNova, "/v2.1"}, {"network", "neutron", apiNeutron, ""}}
}

// TokenKeys makes the first token keys where there are none, and with rotate makes the next one sign. fault.Invalid without a repository.
func TokenKeys(c Config, rotate bool) error {
	if c.FernetTokens.Repository == "" {
		return fault.Invalidf("[fernet_tokens] key_repository is not set: the keys live in the process.")
	}
	keys, err := token.OpenKeys(c.FernetTokens.Repository, c.FernetTokens.MaxActive)
	if err == nil && rotate {
		err = keys.Rotate()
	}
	return err
}

// used lets an API of the catalog serve tokens that access rules restrict to some of its requests.
func used(api string, h http.Handler) http.Handler {
	for _, e := range catalogEntries() {
		if e.api == api {
			return keystone.Used(e.kind, h)
		}
	}
	return h
}

// Bootstrap makes what nobody can make without it: the default domain, the first projects, roles and users, and the catalog. What is
// there stays; only the endpoints' URLs follow the configuration.
func (p *Process) Bootstrap(ctx context.Context, w Passwords) error {
	k, err := p.identity(ctx)
	if err != nil {
		return err
	}
	b := bootstrap{identityRoom: k, p: p, roleIDs: map[string]string{}, projects: map[string]string{}}
	if err := b.domain(ctx); err != nil {
		return err
	}
	for _, name := range []string{"admin", "demo", p.c.Authtoken.Project} {
		if err := b.project(ctx, name); err != nil {
			return err
		}
	}
	if err := b.rolesAndImplications(ctx); err != nil {
		return err
	}
	for _, u := range []struct {
		name, password, project string
		roles                   []string
		system                  bool
	}{
		{"admin", w.Admin, "admin", []string{"admin"}, true},
		{"admin", w.Admin, "demo", []string{"admin"}, false},
		{"demo", w.Demo, "demo", []string{"member"}, false},
		{p.c.Authtoken.Username, w.Service, p.c.Authtoken.Project, []string{"admin", "service"}, false},
	} {
		if err := b.user(ctx, u.name, u.password, u.project, u.roles, u.system); err != nil {
			return err
		}
	}
	if err := b.endpoints(ctx); err != nil {
		return err
	}
	return b.imageLimits(ctx)
}

// bootstrap is one run of Bootstrap.
type bootstrap struct {
	*identityRoom
	p        *Process
	roleIDs  map[string]string
	projects map[string]string
}

func (b *bootstrap) domain(ctx context.Context) error {
	_, err := b.users.Domain(ctx, keystone.DefaultDomainID)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, err = b.users.CreateProject(ctx, keystone.Project{ID: keystone.DefaultDomainID, Name: "Default", Description: "The default domain", Enabled: true, IsDomain: true})
	return err
}

func (b *bootstrap) project(ctx context.Context, name string) error {
	have, err := b.users.Projects(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("name", name), db.EqTo("domain_id", keystone.DefaultDomainID)}, Limit: 1})
	if err != nil {
		return err
	}
	if len(have) == 0 {
		made, err := b.users.CreateProject(ctx, keystone.Project{Name: name, DomainID: keystone.DefaultDomainID, ParentID: keystone.DefaultDomainID, Enabled: true})
		if err != nil {
			return err
		}
		have = append(have, made)
	}
	b.projects[name] = have[0].ID
	return nil
}

// rolesAndImplications makes the roles that the default policies know: each implies the next lesser one.
func (b *bootstrap) rolesAndImplications(ctx context.Context) error {
	all, err := b.roles.AllRoles(ctx)
	if err != nil {
		return err
	}
	for id, r := range all {
		if r.DomainID == "" {
			b.roleIDs[r.Name] = id
		}
	}
	for _, name := range []string{"admin", "manager", "member", "reader", "service"} {
		if b.roleIDs[name] != "" {
			continue
		}
		made, err := b.roles.CreateRole(ctx, keystone.Role{Name: name})
		if err != nil {
			return err
		}
		b.roleIDs[name] = made.ID
	}
	for _, i := range [][2]string{{"admin", "manager"}, {"manager", "member"}, {"member", "reader"}} {
		if err := b.roles.Imply(ctx, b.roleIDs[i[0]], b.roleIDs[i[1]]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bootstrap) user(ctx context.Context, name, password, project string, roles []string, system bool) error {
	have, err := b.users.Users(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("name", name), db.EqTo("domain_id", keystone.DefaultDomainID)}, Limit: 1})
	if err != nil {
		return err
	}
	if len(have) == 0 {
		made, err := b.users.CreateUser(ctx, keystone.User{Name: name, DomainID: keystone.DefaultDomainID, Enabled: true}, password)
		if err != nil {
			return err
		}
		have = append(have, made)
	}
	for _, r := range roles {
		g := keystone.Grant{Actor: keystone.OfUser, ActorID: have[0].ID, Target: keystone.OnProject, TargetID: b.projects[project], RoleID: b.roleIDs[r]}
		if err := b.roles.Grant(ctx, g); err != nil {
			return err
		}
		if system {
			g.Target, g.TargetID = keystone.OnSystem, keystone.OnSystem
			if err := b.roles.Grant(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// endpoints writes the catalog of this configuration.
func (b *bootstrap) endpoints(ctx context.Context) error {
	services, err := b.catalog.Services(ctx)
	if err != nil {
		return err
	}
	endpoints, err := b.catalog.Endpoints(ctx)
	if err != nil {
		return err
	}
	for _, e := range catalogEntries() {
		var sv keystone.Service
		for _, s := range services {
			if s.Type == e.kind && s.Name == e.name {
				sv = s
			}
		}
		if sv.ID == "" {
			if sv, err = b.catalog.CreateService(ctx, keystone.Service{Type: e.kind, Name: e.name, Enabled: true}); err != nil {
				return err
			}
		}
		url := b.p.Endpoint(e.api) + e.suffix
		for _, iface := range []string{"public", "internal", "admin"} {
			want := keystone.Endpoint{ServiceID: sv.ID, Interface: iface, RegionID: b.p.c.Seed.Region, URL: url, Enabled: true}
			for _, have := range endpoints {
				if have.ServiceID == sv.ID && have.Interface == iface && have.RegionID == want.RegionID {
					want.ID, want.Extra, want.Name, want.Description, want.Enabled = have.ID, have.Extra, have.Name, have.Description, have.Enabled
					if strings.TrimSuffix(have.URL, "/") == url {
						want.URL = "" // as it should be
					}
				}
			}
			if want.URL == "" {
				continue
			}
			if _, err := b.catalog.PutEndpoint(ctx, want); err != nil {
				return err
			}
		}
	}
	return nil
}
