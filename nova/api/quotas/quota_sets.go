// Package quotas is the operations of the Compute API on quotas, quota classes and limits.
package quotas

import (
	"context"
	"maps"
	"slices"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/quota"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receivers. With nil projects, a project whose quotas are asked for is not
// looked up.
func Resources(q *quota.Quotas, projects wire.Projects) []api.Bound {
	return slices.Concat(
		api.Bind(&quotaSetsAPI{wire.ProjectLoader{Projects: projects}, q}, quotaSetOps),
		api.Bind(&quotaClassesAPI{q}, quotaClassOps),
		api.Bind(&limitsAPI{q}, limitOps),
	)
}

// quotaSetsAPI reads and changes the quotas of a project, or of a user in it.
type quotaSetsAPI struct {
	wire.ProjectLoader

	Quotas *quota.Quotas
}

var quotaSetOps = api.Resource[*quotaSetsAPI]{Name: "quota_set", Plural: "quota_sets", Ops: api.Ops[*quotaSetsAPI]{
	api.On("GET /os-quota-sets/{tenant_id}", policies.QuotaSetsShow, 200, (*quotaSetsAPI).Project,
		(*quotaSetsAPI).show, api.Query[userQuery](), api.StrictFrom("2.75")),
	api.On("GET /os-quota-sets/{tenant_id}/detail", policies.QuotaSetsDetail, 200, (*quotaSetsAPI).Project,
		(*quotaSetsAPI).detail, api.Query[userQuery](), api.StrictFrom("2.75")),
	api.On("GET /os-quota-sets/{tenant_id}/defaults", policies.QuotaSetsDefaults, 200, (*quotaSetsAPI).Project,
		(*quotaSetsAPI).defaults, api.LooseQuery()),
	api.On("PUT /os-quota-sets/{tenant_id}", policies.QuotaSetsUpdate, 200, (*quotaSetsAPI).Project,
		(*quotaSetsAPI).update, api.Query[userQuery](), api.StrictFrom("2.75")),
	api.On("DELETE /os-quota-sets/{tenant_id}", policies.QuotaSetsDelete, 202, (*quotaSetsAPI).Project,
		(*quotaSetsAPI).delete, api.Query[userQuery](), api.StrictFrom("2.75")),
}}

type userQuery struct {
	User string `wire:"user_id"`
}

// quotaView is a set of limits (int64), or of limits with what is in use (quotaUse).
type quotaView[T any] struct {
	ID            string `wire:"id" omit:"empty"`
	Instances     T      `wire:"instances"`
	Cores         T      `wire:"cores"`
	RAM           T      `wire:"ram"`
	MetadataItems T      `wire:"metadata_items"`
	KeyPairs      T      `wire:"key_pairs"`
	Groups        T      `wire:"server_groups"`
	GroupMembers  T      `wire:"server_group_members"`
	Files         T      `wire:"injected_files" mv:"-2.56"`
	FileBytes     T      `wire:"injected_file_content_bytes" mv:"-2.56"`
	PathBytes     T      `wire:"injected_file_path_bytes" mv:"-2.56"`
	FixedIPs      T      `wire:"fixed_ips" mv:"-2.35"`
	FloatingIPs   T      `wire:"floating_ips" mv:"-2.35"`
	SecGroups     T      `wire:"security_groups" mv:"-2.35"`
	SecGroupRules T      `wire:"security_group_rules" mv:"-2.35"`
}

type quotaUse struct {
	Limit    int64 `wire:"limit"`
	InUse    int64 `wire:"in_use"`
	Reserved int64 `wire:"reserved"`
}

// quotaOf makes a view.
func quotaOf[T any](id string, l *nova.Limits, of func(name string, limit int64) T) quotaView[T] {
	return quotaView[T]{ID: id, Instances: of(quota.Instances, l.Instances), Cores: of(quota.Cores, l.Cores),
		RAM:           of(quota.RAM, l.RAM),
		MetadataItems: of(quota.MetadataItems, l.MetadataItems), KeyPairs: of(quota.KeyPairs, l.KeyPairs),
		Groups: of(quota.ServerGroups, l.ServerGroups), GroupMembers: of(quota.ServerGroupMembers, l.ServerGroupMembers),
		Files: of(quota.InjectedFiles, l.InjectedFiles), FileBytes: of(quota.InjectedFileBytes, l.InjectedFileContentBytes),
		PathBytes: of(quota.InjectedPathBytes, l.InjectedFilePathBytes), FixedIPs: of(quota.FixedIPs,
			l.FixedIPs), FloatingIPs: of(quota.FloatingIPs, l.FloatingIPs),
		SecGroups: of(quota.SecurityGroups, l.SecurityGroups), SecGroupRules: of(quota.SecurityGroupRules,
			l.SecurityGroupRules)}
}

func plainLimit(_ string, limit int64) int64 { return limit }

func (a *quotaSetsAPI) show(ctx context.Context, r *api.Request, p wire.ProjectID,
	_ *userQuery) (quotaView[int64], error) {
	if err := a.CheckProject(ctx, string(p)); err != nil {
		return quotaView[int64]{}, err
	}
	l, err := a.Quotas.Limits(ctx, string(p), api.QueryOf[userQuery](r).User)
	return quotaOf(string(p), &l, plainLimit), err
}

func (a *quotaSetsAPI) detail(ctx context.Context, r *api.Request, p wire.ProjectID,
	_ *userQuery) (quotaView[quotaUse], error) {
	user := api.QueryOf[userQuery](r).User
	if err := a.CheckProject(ctx, string(p)); err != nil {
		return quotaView[quotaUse]{}, err
	}
	l, err := a.Quotas.Limits(ctx, string(p), user)
	if err != nil {
		return quotaView[quotaUse]{}, err
	}
	u, err := a.Quotas.Usage(ctx, string(p), user)
	if err != nil {
		return quotaView[quotaUse]{}, err
	}
	groups, err := a.Quotas.ServerGroups(ctx, string(p), user)
	used := map[string]int64{quota.Instances: u.Instances, quota.Cores: u.Cores, quota.RAM: u.RAM,
		quota.ServerGroups: groups}
	return quotaOf(string(p), &l, func(name string, limit int64) quotaUse { return quotaUse{limit, used[name], 0} }), err
}

func (a *quotaSetsAPI) defaults(ctx context.Context, _ *api.Request, p wire.ProjectID,
	_ *api.None) (quotaView[int64], error) {
	if err := a.CheckProject(ctx, string(p)); err != nil {
		return quotaView[int64]{}, err
	}
	l, err := a.Quotas.Class(ctx, quota.DefaultClass)
	return quotaOf(string(p), &l, plainLimit), err
}

type quotaUpdate struct {
	limitsUpdate
	FixedIPs      opt.Of[int64] `wire:"fixed_ips" mv:"-2.35" is:"digits,min=-1,max=2147483647"`
	FloatingIPs   opt.Of[int64] `wire:"floating_ips" mv:"-2.35" is:"digits,min=-1,max=2147483647"`
	SecGroups     opt.Of[int64] `wire:"security_groups" mv:"-2.35" is:"digits,min=-1,max=2147483647"`
	SecGroupRules opt.Of[int64] `wire:"security_group_rules" mv:"-2.35" is:"digits,min=-1,max=2147483647"`
	Force         bool          `wire:"force" is:"boolword"`
}

// limitsUpdate are the limits of compute's own resources that a request sets.
type limitsUpdate struct {
	Instances     opt.Of[int64] `wire:"instances" is:"digits,min=-1,max=2147483647"`
	Cores         opt.Of[int64] `wire:"cores" is:"digits,min=-1,max=2147483647"`
	RAM           opt.Of[int64] `wire:"ram" is:"digits,min=-1,max=2147483647"`
	MetadataItems opt.Of[int64] `wire:"metadata_items" is:"digits,min=-1,max=2147483647"`
	KeyPairs      opt.Of[int64] `wire:"key_pairs" is:"digits,min=-1,max=2147483647"`
	Groups        opt.Of[int64] `wire:"server_groups" is:"digits,min=-1,max=2147483647"`
	GroupMembers  opt.Of[int64] `wire:"server_group_members" is:"digits,min=-1,max=2147483647"`
	Files         opt.Of[int64] `wire:"injected_files" mv:"-2.56" is:"digits,min=-1,max=2147483647"`
	FileBytes     opt.Of[int64] `wire:"injected_file_content_bytes" mv:"-2.56" is:"digits,min=-1,max=2147483647"`
	PathBytes     opt.Of[int64] `wire:"injected_file_path_bytes" mv:"-2.56" is:"digits,min=-1,max=2147483647"`
}

func (u *limitsUpdate) values() map[string]int64 {
	m := map[string]int64{}
	for name, v := range map[string]opt.Of[int64]{quota.Instances: u.Instances, quota.Cores: u.Cores, quota.RAM: u.RAM,
		quota.MetadataItems: u.MetadataItems, quota.KeyPairs: u.KeyPairs, quota.ServerGroups: u.Groups,
		quota.ServerGroupMembers: u.GroupMembers,
		quota.InjectedFiles:      u.Files, quota.InjectedFileBytes: u.FileBytes, quota.InjectedPathBytes: u.PathBytes} {
		if v.Set {
			m[name] = v.Value
		}
	}
	return m
}

// networkLimits are the limits of networking's resources by name, without the absent ones.
func networkLimits(fixed, floating, groups, rules opt.Of[int64]) map[string]int64 {
	m := map[string]int64{}
	for name, v := range map[string]opt.Of[int64]{quota.FixedIPs: fixed, quota.FloatingIPs: floating,
		quota.SecurityGroups: groups, quota.SecurityGroupRules: rules} {
		if v.Set {
			m[name] = v.Value
		}
	}
	return m
}

func (a *quotaSetsAPI) update(ctx context.Context, r *api.Request, p wire.ProjectID,
	in *quotaUpdate) (quotaView[int64], error) {
	user := api.QueryOf[userQuery](r).User
	if err := a.CheckProject(ctx, string(p)); err != nil {
		return quotaView[int64]{}, err
	}
	set := in.values()
	maps.Copy(set, networkLimits(in.FixedIPs, in.FloatingIPs, in.SecGroups, in.SecGroupRules))
	if err := a.Quotas.Set(ctx, string(p), user, set, in.Force); err != nil {
		return quotaView[int64]{}, err
	}
	l, err := a.Quotas.Limits(ctx, string(p), user)
	return quotaOf("", &l, plainLimit), err
}

func (a *quotaSetsAPI) delete(ctx context.Context, r *api.Request, p wire.ProjectID, _ *userQuery) (api.None, error) {
	return api.None{}, a.Quotas.Delete(ctx, string(p), api.QueryOf[userQuery](r).User)
}
