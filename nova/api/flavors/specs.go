package flavors

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/flavors"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// specsAPI reads and changes the extra specs of a flavor.
type specsAPI struct{ flavorLoader }

func specFor(rule *policy.Rule) func(*specsAPI, context.Context, *api.Request) (nova.Flavor, error) {
	return func(a *specsAPI, ctx context.Context, r *api.Request) (nova.Flavor, error) {
		return a.loadFor(ctx, r, rule)
	}
}

var specOps = api.Resource[*specsAPI]{Name: "extra_specs", Plural: "extra_specs", Ops: api.Ops[*specsAPI]{
	api.On("GET /flavors/{flavor_id}/os-extra_specs", policies.FlavorExtraSpecsIndex, 200,
		specFor(policies.FlavorExtraSpecsIndex), (*specsAPI).list),
	api.On("POST /flavors/{flavor_id}/os-extra_specs", policies.FlavorExtraSpecsCreate, 200,
		specFor(policies.FlavorExtraSpecsCreate), (*specsAPI).add),
	api.On("GET /flavors/{flavor_id}/os-extra_specs/{key}", policies.FlavorExtraSpecsShow, 200,
		specFor(policies.FlavorExtraSpecsShow), (*specsAPI).show, api.Bare()),
	api.On("PUT /flavors/{flavor_id}/os-extra_specs/{key}", policies.FlavorExtraSpecsUpdate, 200,
		specFor(policies.FlavorExtraSpecsUpdate), (*specsAPI).set, api.Bare()),
	api.On("DELETE /flavors/{flavor_id}/os-extra_specs/{key}", policies.FlavorExtraSpecsDelete, 200,
		specFor(policies.FlavorExtraSpecsDelete), (*specsAPI).delete),
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
		if !wire.PlainKey(k) {
			return fault.Invalidf("Invalid input for field/attribute extra_specs: the key '%s' is not 1 to 255 letters, digits or "+
				"any of -_:. and blank.", k)
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

func (a *specsAPI) list(_ context.Context, _ *api.Request, f nova.Flavor, _ *api.None) (map[string]string, error) {
	return f.ExtraSpecs, nil
}

func (a *specsAPI) add(ctx context.Context, _ *api.Request, f nova.Flavor, in *specs) (map[string]string, error) {
	return in.texts(), a.Flavors.SetSpecs(ctx, f.ID, in.texts())
}

func (a *specsAPI) show(_ context.Context, r *api.Request, f nova.Flavor, _ *api.None) (map[string]string, error) {
	key := r.Param("key")
	v, ok := f.ExtraSpecs[key]
	if !ok {
		return nil, flavors.NoSpec(f.ID, key)
	}
	return map[string]string{key: v}, nil
}

func (a *specsAPI) set(ctx context.Context, r *api.Request, f nova.Flavor, in *specs) (map[string]string, error) {
	key := r.Param("key")
	if len(in.All) != 1 {
		return nil, fault.Invalidf("Request body must have exactly one extra spec.")
	}
	if _, ok := in.All[key]; !ok {
		return nil, fault.Invalidf("Request body and URI mismatch")
	}
	return in.texts(), a.Flavors.SetSpecs(ctx, f.ID, in.texts())
}

func (a *specsAPI) delete(ctx context.Context, r *api.Request, f nova.Flavor, _ *api.None) (api.None, error) {
	return api.None{}, a.Flavors.DeleteSpec(ctx, f.ID, r.Param("key"))
}
