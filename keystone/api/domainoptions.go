package api

import (
	"context"
	"encoding/json"
	"net/http"

	"hypernova/keystone"
	"hypernova/keystone/api/policies"
	"hypernova/keystone/identity"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// optionTree is options by section, a section's options, or one option, by what the path names.
type optionTree map[string]json.RawMessage

// domainOptionsAPI answers what is asked about the options of domains.
type domainOptionsAPI struct {
	directoryLoader
}

var domainOptions = api.Resource[*domainOptionsAPI]{Name: "config", Plural: "configs", Ops: api.Ops[*domainOptionsAPI]{
	api.On("PUT /domains/{domain_id}/config", policies.CreateDomainConfig, http.StatusCreated,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).set),
	api.On("GET /domains/{domain_id}/config", policies.GetDomainConfig, http.StatusOK, (*domainOptionsAPI).loadDomain,
		(*domainOptionsAPI).show),
	api.On("PATCH /domains/{domain_id}/config", policies.UpdateDomainConfig, http.StatusOK, (*domainOptionsAPI).loadDomain,
		(*domainOptionsAPI).change),
	api.On("DELETE /domains/{domain_id}/config", policies.DeleteDomainConfig, http.StatusNoContent,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).drop),
	api.On("GET /domains/{domain_id}/config/{group}", nil, http.StatusOK, (*domainOptionsAPI).load,
		(*domainOptionsAPI).show),
	api.On("PATCH /domains/{domain_id}/config/{group}", policies.UpdateDomainConfig, http.StatusOK,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).change),
	api.On("DELETE /domains/{domain_id}/config/{group}", policies.DeleteDomainConfig, http.StatusNoContent,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).drop),
	api.On("GET /domains/{domain_id}/config/{group}/{option}", nil, http.StatusOK, (*domainOptionsAPI).load,
		(*domainOptionsAPI).show),
	api.On("PATCH /domains/{domain_id}/config/{group}/{option}", policies.UpdateDomainConfig, http.StatusOK,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).change),
	api.On("DELETE /domains/{domain_id}/config/{group}/{option}", policies.DeleteDomainConfig, http.StatusNoContent,
		(*domainOptionsAPI).loadDomain, (*domainOptionsAPI).drop),
	api.Do("GET /domains/config/default", policies.GetDomainConfigDefault, http.StatusOK, (*domainOptionsAPI).defaults),
	api.Do("GET /domains/config/{group}/default", policies.GetDomainConfigDefault, http.StatusOK,
		(*domainOptionsAPI).defaults),
	api.Do("GET /domains/config/{group}/{option}/default", policies.GetDomainConfigDefault, http.StatusOK,
		(*domainOptionsAPI).defaults),
}}

// load asks one of two rules: what passwords must be like, everybody may read.
func (a *domainOptionsAPI) load(ctx context.Context, r *api.Request) (keystone.Project, error) {
	asked := policies.GetDomainConfig
	if r.Param("group") == identity.PasswordSection {
		asked = policies.GetSecurityComplianceDomainConfig
	}
	if err := r.Require(asked, policy.Target{}); err != nil {
		return keystone.Project{}, err
	}
	return a.loadDomain(ctx, r)
}

// cut shows of the options what the path names: all, a section as a member of its name, one option as a member of its
// name.
func cut(o identity.Options, r *api.Request) (optionTree, error) {
	group, name := r.Param("group"), r.Param("option")
	if name != "" {
		return optionTree{name: o[group][name]}, nil
	}
	out := optionTree{}
	for section, options := range o {
		b, err := json.Marshal(options)
		if err != nil {
			return nil, err
		}
		out[section] = b
	}
	return out, nil
}

func (a *domainOptionsAPI) show(ctx context.Context, r *api.Request, d keystone.Project,
	_ *api.None) (optionTree, error) {
	var o identity.Options
	var err error
	if r.Param("group") == identity.PasswordSection {
		o, err = a.Identity.Options.Password(r.Param("option"))
	} else {
		o, err = a.Identity.Options.Get(ctx, d.ID, r.Param("group"), r.Param("option"))
	}
	if err != nil {
		return nil, err
	}
	return cut(o, r)
}

func (a *domainOptionsAPI) defaults(_ context.Context, r *api.Request, _ *api.None) (optionTree, error) {
	var o identity.Options
	var err error
	if r.Param("group") == identity.PasswordSection {
		o, err = a.Identity.Options.Password(r.Param("option"))
	} else {
		o, err = a.Identity.Options.Defaults(r.Param("group"), r.Param("option"))
	}
	if err != nil {
		return nil, err
	}
	return cut(o, r)
}

// sections reads a body of sections of options.
func (t optionTree) sections() (identity.Options, error) {
	out := identity.Options{}
	for section, raw := range t {
		var options map[string]json.RawMessage
		if err := json.Unmarshal(raw, &options); err != nil {
			return nil, fault.Forbiddenf(
				"Invalid domain specific configuration: The value of group %s specified in the config should be a dictionary of options.", section)
		}
		out[section] = options
	}
	return out, nil
}

func (a *domainOptionsAPI) set(ctx context.Context, r *api.Request, d keystone.Project,
	in *optionTree) (optionTree, error) {
	o, err := in.sections()
	if err != nil {
		return nil, err
	}
	_, before := a.Identity.Options.Get(ctx, d.ID, "", "")
	if err := a.Identity.Options.Set(ctx, d.ID, o, true); err != nil {
		return nil, err
	}
	if before == nil {
		r.SetStatus(http.StatusOK)
	}
	return a.show(ctx, r, d, nil)
}

// change changes what is there already; the path narrows what the body may name.
func (a *domainOptionsAPI) change(ctx context.Context, r *api.Request, d keystone.Project,
	in *optionTree) (optionTree, error) {
	group, name := r.Param("group"), r.Param("option")
	if _, err := a.Identity.Options.Get(ctx, d.ID, group, name); err != nil {
		return nil, err
	}
	var o identity.Options
	if name != "" {
		v, ok := (*in)[name]
		if !ok || len(*in) != 1 {
			return nil, fault.Forbiddenf(
				"Invalid domain specific configuration: Trying to update option %s in group %s, so that, and only that, option must be specified in the config.", name, group)
		}
		o = identity.Options{group: {name: v}}
	} else {
		var err error
		if o, err = in.sections(); err != nil {
			return nil, err
		}
		if _, ok := o[group]; group != "" && (!ok || len(o) != 1) {
			return nil, fault.Forbiddenf(
				"Invalid domain specific configuration: Trying to update group %s, so that, and only that, group must be specified in the config.", group)
		}
	}
	if err := a.Identity.Options.Set(ctx, d.ID, o, false); err != nil {
		return nil, err
	}
	all, err := a.Identity.Options.Get(ctx, d.ID, "", "")
	if err != nil {
		return nil, err
	}
	out := optionTree{}
	for section, options := range all {
		if out[section], err = json.Marshal(options); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *domainOptionsAPI) drop(ctx context.Context, r *api.Request, d keystone.Project,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Identity.Options.Delete(ctx, d.ID, r.Param("group"), r.Param("option"))
}
