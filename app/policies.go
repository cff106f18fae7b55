package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"hypernova/app/openstack"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// apiConfig is the part of an API's configuration that all services have: the validator of tokens, the policy, the
// address.
func (p *Process) apiConfig(ctx context.Context, name, apiName string) (api.Config, error) {
	v, err := p.keystone.projects(ctx)
	if err != nil {
		return api.Config{}, err
	}
	e, err := p.policies.of(name)
	if err != nil {
		return api.Config{}, err
	}
	return api.Config{Validator: v, Policy: e, Endpoint: p.Endpoint(apiName), AuthURI: p.Endpoint(apiKeystone),
		Log: p.o.Log, Metrics: p.apiMetrics}, nil
}

// policies are the enforcers of this process's services. An API and the packages that act for its users share one.
type policies struct {
	p         *Process
	enforcers map[string]*policy.Enforcer
}

func newPolicies(p *Process) *policies {
	return &policies{p: p, enforcers: map[string]*policy.Enforcer{}}
}

// of is the enforcer of a service's rules with the operator's overrides, which it reads again on SIGHUP.
func (s *policies) of(name string) (*policy.Enforcer, error) {
	if e := s.enforcers[name]; e != nil {
		return e, nil
	}
	e, err := s.load(name)
	if err == nil {
		s.enforcers[name] = e
	}
	return e, err
}

func (s *policies) load(name string) (*policy.Enforcer, error) {
	p := s.p
	files := p.c.policyFiles(name)
	overrides, err := policy.LoadFiles(files...)
	if err != nil {
		return nil, fault.Invalidf("[oslo_policy] %v", err)
	}
	e, err := policy.With(serviceOf(name).rules(), policy.Options{Overrides: overrides, Known: openstack.Rules(name),
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

// policyFiles are where an operator's rules of a service may be: the file, then the folders, each beside a
// configuration file where its name is not that of a path.
func (c *Config) policyFiles(service string) []string {
	var out []string
	for _, name := range append([]string{c.Policy.File}, c.Policy.Dirs...) {
		if name != "" {
			out = append(out, c.beside(forService(name, service)))
		}
	}
	return out
}

// beside finds a file that an option names without a full path: in the folder of a configuration file, else where the
// process runs.
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
