package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"hypernova/app/openstack"
	"hypernova/glance/images"
	"hypernova/keystone"
	keystoneclient "hypernova/keystone/client"
	"hypernova/neutron/networks"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/policy"
	"hypernova/placement/providers"
)

// parts are the rooms that more than one role of this process uses, made when the first one asks.
type parts struct {
	identity  *identityRoom
	placement *providers.Service
	images    *images.Service
	networks  *networks.Service
	nova      *novaRoom
	keystone  *keystoneclient.Client      // where keystone is elsewhere
	enforcers map[string]*policy.Enforcer // by service: an API and the verbs that act for users decide by the same one
	secret    string                      // of the metadata service, where nobody configured one
	login     *httpc.Password             // as whom siblings in other processes are called
}

// validator proves tokens: by keystone's own verbs where keystone is in this process, else by asking its API.
func (p *Process) validator(ctx context.Context) (auth.Validator, error) { return p.projects(ctx) }

// projects is identity as other services ask it. All of a process share one, and with it what it remembers.
func (p *Process) projects(ctx context.Context) (keystone.API, error) {
	if p.has(RoleKeystone) {
		k, err := p.identity(ctx)
		if err != nil {
			return nil, err
		}
		return k.tokens, nil
	}
	if p.parts.keystone == nil {
		p.parts.keystone = keystoneclient.New(p.sibling(apiKeystone, "/v3"))
	}
	return p.parts.keystone, nil
}

// sibling calls an API of another process, as this process's own user.
func (p *Process) sibling(api, suffix string) *httpc.Client {
	return httpc.New(httpc.Config{Base: p.Endpoint(api) + suffix, Name: api, Tokens: p.login()})
}

// login is this process's own user.
func (p *Process) login() *httpc.Password {
	if p.parts.login == nil {
		a := p.c.Authtoken
		p.parts.login = &httpc.Password{Cure: "[keystone_authtoken] username and password must be those of a user there (openstack user set --password)",
			AuthURL: p.c.identityURL() + "/v3", Username: a.Username, Password: a.Password, UserDomain: a.UserDomain,
			ProjectName: a.Project, ProjectDomain: a.ProjectDomain}
	}
	return p.parts.login
}

// apiConfig is what every API's handler is given: who proves tokens, who may do what, where the API is reached.
func (p *Process) apiConfig(ctx context.Context, name, apiName string, rules []*policy.Rule) (api.Config, error) {
	v, err := p.validator(ctx)
	if err != nil {
		return api.Config{}, err
	}
	e, err := p.enforcer(name, rules)
	if err != nil {
		return api.Config{}, err
	}
	return api.Config{Validator: v, Policy: e, Endpoint: p.Endpoint(apiName), AuthURI: p.Endpoint(apiKeystone), Log: p.o.Log, Metrics: p.apiMetrics}, nil
}

// enforcer decides by a service's rules with the operator's overrides, and reads those again on SIGHUP.
func (p *Process) enforcer(name string, rules []*policy.Rule) (*policy.Enforcer, error) {
	if e := p.parts.enforcers[name]; e != nil {
		return e, nil
	}
	e, err := p.newEnforcer(name, rules)
	if err == nil {
		if p.parts.enforcers == nil {
			p.parts.enforcers = map[string]*policy.Enforcer{}
		}
		p.parts.enforcers[name] = e
	}
	return e, err
}

func (p *Process) newEnforcer(name string, rules []*policy.Rule) (*policy.Enforcer, error) {
	files := p.c.policyFiles(name)
	overrides, err := policy.LoadFiles(files...)
	if err != nil {
		return nil, fault.Invalidf("[oslo_policy] %v", err)
	}
	e, err := policy.With(rules, policy.Options{Overrides: overrides, Known: openstack.Rules(name),
		AnyScope: !p.c.Policy.Scope, OldDefaults: !p.c.Policy.NewDefaults})
	if err != nil {
		return nil, fault.Invalidf("[oslo_policy] policy_file: %s: %v", strings.Join(files, ", "), err)
	}
	say := func() {
		for _, r := range e.Remarks() {
			p.o.Log.Warn(r, "service", name)
		}
	}
	say()
	if len(files) == 0 {
		return e, nil
	}
	p.reloads = append(p.reloads, func(context.Context) (string, error) {
		overrides, err := policy.LoadFiles(files...)
		if err != nil {
			return "", err
		}
		if err = e.Reload(overrides); err == nil {
			say()
		}
		return "policy of " + name, err
	})
	return e, nil
}

// policyFiles are where an operator's rules of a service may be: the file, then the folders, each beside a configuration file where its
// name is not that of a path.
func (c *Config) policyFiles(service string) []string {
	var out []string
	for _, name := range append([]string{c.Policy.File}, c.Policy.Dirs...) {
		if name != "" {
			out = append(out, c.beside(forService(name, service)))
		}
	}
	return out
}

// beside finds a file that an option names without a full path: in the folder of a configuration file, else where the process runs.
func (c *Config) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for _, f := range c.files {
		if p := filepath.Join(filepath.Dir(f), name); exists(p) {
			return p
		}
	}
	return name
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
