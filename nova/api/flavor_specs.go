package api

import (
	"context"
	"strings"

	"hypernova/nova"
	"hypernova/nova/flavors"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

var flavorSpecs = api.Resource[*API]{Name: "extra_specs", Plural: "extra_specs", Ops: api.Ops[*API]{
	api.On("GET /flavors/{flavor_id}/os-extra_specs", policySpecsIndex, 200, flavorFor(policySpecsIndex), (*API).listSpecs),
	api.On("POST /flavors/{flavor_id}/os-extra_specs", policySpecsCreate, 200, flavorFor(policySpecsCreate), (*API).addSpecs),
	api.On("GET /flavors/{flavor_id}/os-extra_specs/{key}", policySpecsShow, 200, flavorFor(policySpecsShow), (*API).showSpec, api.Bare()),
	api.On("PUT /flavors/{flavor_id}/os-extra_specs/{key}", policySpecsUpdate, 200, flavorFor(policySpecsUpdate), (*API).setSpec, api.Bare()),
	api.On("DELETE /flavors/{flavor_id}/os-extra_specs/{key}", policySpecsDelete, 200, flavorFor(policySpecsDelete), (*API).deleteSpec),
}}

// specs are extra specs; values are texts or numbers.
type specs struct {
	All map[string]specValue `wire:"*"`
}

// specValue is a text, or a number taken as its text.
type specValue string

// UnmarshalJSON reads either form.
func (s *specValue) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		var text string
		if err := api.Decode(raw, api.Version{}, &text); err != nil {
			return err
		}
		if len([]rune(text)) > 255 {
			return fault.Invalidf("the value is too long")
		}
		*s = specValue(text)
		return nil
	}
	var n float64
	if err := api.Decode(raw, api.Version{}, &n); err != nil {
		return err
	}
	*s = specValue(raw)
	return nil
}

// Validate checks the keys, and since 2.86 what the cloud knows of the specs.
func (s *specs) Validate(v api.Version) error {
	for k, value := range s.All {
		if !plainKey(k) {
			return fault.Invalidf("Invalid input for field/attribute extra_specs: the key '%s' is not 1 to 255 letters, digits or any of -_:. and blank.", k)
		}
		if v.Minor >= 86 {
			if err := checkSpec(k, string(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *specs) texts() map[string]string {
	m := make(map[string]string, len(s.All))
	for k, v := range s.All {
		m[k] = string(v)
	}
	return m
}

func (a *API) listSpecs(_ context.Context, _ *api.Request, f nova.Flavor, _ *api.None) (map[string]string, error) {
	return f.ExtraSpecs, nil
}

func (a *API) addSpecs(ctx context.Context, _ *api.Request, f nova.Flavor, in *specs) (map[string]string, error) {
	return in.texts(), a.Flavors.SetSpecs(ctx, f.ID, in.texts())
}

func (a *API) showSpec(_ context.Context, r *api.Request, f nova.Flavor, _ *api.None) (map[string]string, error) {
	key := r.Param("key")
	v, ok := f.ExtraSpecs[key]
	if !ok {
		return nil, flavors.NoSpec(f.ID, key)
	}
	return map[string]string{key: v}, nil
}

func (a *API) setSpec(ctx context.Context, r *api.Request, f nova.Flavor, in *specs) (map[string]string, error) {
	key := r.Param("key")
	if len(in.All) != 1 {
		return nil, fault.Invalidf("Request body must have exactly one extra spec.")
	}
	if _, ok := in.All[key]; !ok {
		return nil, fault.Invalidf("Request body and URI mismatch")
	}
	return in.texts(), a.Flavors.SetSpecs(ctx, f.ID, in.texts())
}

func (a *API) deleteSpec(ctx context.Context, r *api.Request, f nova.Flavor, _ *api.None) (api.None, error) {
	return api.None{}, a.Flavors.DeleteSpec(ctx, f.ID, r.Param("key"))
}

var flavorAccess = api.Resource[*API]{Name: "flavor_access", Plural: "flavor_access", Ops: api.Ops[*API]{
	api.On("GET /flavors/{flavor_id}/os-flavor-access", policyFlavorAccess, 200, flavorFor(policyFlavorAccess), (*API).listAccess),
	api.Act("POST /flavors/{flavor_id}/action", "addTenantAccess", policyFlavorAllow, 200, flavorFor(policyFlavorAllow), (*API).allow),
	api.Act("POST /flavors/{flavor_id}/action", "removeTenantAccess", policyFlavorDeny, 200, flavorFor(policyFlavorDeny), (*API).deny),
}}

// flavorFor loads the flavor of the path for an operation that the rule guards. Who may not do it is told so before what is there.
func flavorFor(rule *policy.Rule) func(*API, context.Context, *api.Request) (nova.Flavor, error) {
	return func(a *API, ctx context.Context, r *api.Request) (nova.Flavor, error) {
		if err := r.Require(rule, nil); err != nil {
			return nova.Flavor{}, err
		}
		return a.flavor(ctx, r)
	}
}

type accessView struct {
	Flavor  string `wire:"flavor_id"`
	Project string `wire:"tenant_id"`
}

type access struct {
	Project string `wire:"tenant" is:"required,minlen=1,maxlen=255"`
}

func accessOf(f *nova.Flavor) []accessView {
	var out []accessView
	for _, p := range f.Projects {
		out = append(out, accessView{f.ID, p})
	}
	return out
}

func (a *API) listAccess(_ context.Context, _ *api.Request, f nova.Flavor, _ *api.None) ([]accessView, error) {
	if f.Public {
		return nil, fault.NotFoundf("Access list not available for public flavors.")
	}
	return accessOf(&f), nil
}

func (a *API) allow(ctx context.Context, r *api.Request, f nova.Flavor, in *access) ([]accessView, error) {
	if f.Public && r.AtLeast(7) {
		return nil, fault.Conflictf("Can not add access to a public flavor.")
	}
	if err := a.existing(ctx, in.Project); err != nil {
		return nil, err
	}
	f, err := a.Flavors.Allow(ctx, f.ID, in.Project)
	return accessOf(&f), err
}

func (a *API) deny(ctx context.Context, _ *api.Request, f nova.Flavor, in *access) ([]accessView, error) {
	if err := a.existing(ctx, in.Project); err != nil {
		return nil, err
	}
	f, err := a.Flavors.Deny(ctx, f.ID, strings.TrimSpace(in.Project))
	return accessOf(&f), err
}
