package api

import (
	"context"
	"maps"

	"hypernova/nova"
	"hypernova/nova/quota"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

var quotaSets = api.Resource[*API]{Name: "quota_set", Plural: "quota_sets", Ops: api.Ops[*API]{
	api.On("GET /os-quota-sets/{tenant_id}", policyQuotaShow, 200, (*API).project, (*API).showQuota, api.Query[userQuery]()),
	api.On("GET /os-quota-sets/{tenant_id}/detail", policyQuotaDetail, 200, (*API).project, (*API).detailQuota, api.Query[userQuery]()),
	api.On("GET /os-quota-sets/{tenant_id}/defaults", policyQuotaDefaults, 200, (*API).project, (*API).defaultQuota),
	api.On("PUT /os-quota-sets/{tenant_id}", policyQuotaUpdate, 200, (*API).project, (*API).updateQuota, api.Query[userQuery]()),
	api.On("DELETE /os-quota-sets/{tenant_id}", policyQuotaDelete, 202, (*API).project, (*API).deleteQuota, api.Query[userQuery]()),
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
	return quotaView[T]{ID: id, Instances: of(quota.Instances, l.Instances), Cores: of(quota.Cores, l.Cores), RAM: of(quota.RAM, l.RAM),
		MetadataItems: of(quota.MetadataItems, l.MetadataItems), KeyPairs: of(quota.KeyPairs, l.KeyPairs),
		Groups: of(quota.ServerGroups, l.ServerGroups), GroupMembers: of(quota.ServerGroupMembers, l.ServerGroupMembers),
		Files: of(quota.InjectedFiles, l.InjectedFiles), FileBytes: of(quota.InjectedFileBytes, l.InjectedFileContentBytes),
		PathBytes: of(quota.InjectedPathBytes, l.InjectedFilePathBytes), FixedIPs: of(quota.FixedIPs, l.FixedIPs), FloatingIPs: of(quota.FloatingIPs, l.FloatingIPs),
		SecGroups: of(quota.SecurityGroups, l.SecurityGroups), SecGroupRules: of(quota.SecurityGroupRules, l.SecurityGroupRules)}
}

func plainLimit(_ string, limit int64) int64 { return limit }

func (a *API) showQuota(ctx context.Context, r *api.Request, p ofProject, _ *userQuery) (quotaView[int64], error) {
	if err := a.existing(ctx, string(p)); err != nil {
		return quotaView[int64]{}, err
	}
	l, err := a.Quotas.Limits(ctx, string(p), api.QueryOf[userQuery](r).User)
	return quotaOf(string(p), &l, plainLimit), err
}

func (a *API) detailQuota(ctx context.Context, r *api.Request, p ofProject, _ *userQuery) (quotaView[quotaUse], error) {
	user := api.QueryOf[userQuery](r).User
	if err := a.existing(ctx, string(p)); err != nil {
		return quotaView[quotaUse]{}, err
	}
	l, err := a.Quotas.Limits(ctx, string(p), user)
	if err != nil {
		return quotaView[quotaUse]{}, err
	}
	u, err := a.Quotas.Usage(ctx, string(p), user)
	used := map[string]int64{quota.Instances: u.Instances, quota.Cores: u.Cores, quota.RAM: u.RAM}
	return quotaOf(string(p), &l, func(name string, limit int64) quotaUse { return quotaUse{limit, used[name], 0} }), err
}

func (a *API) defaultQuota(ctx context.Context, _ *api.Request, p ofProject, _ *api.None) (quotaView[int64], error) {
	if err := a.existing(ctx, string(p)); err != nil {
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

// limitsUpdate is what may be set of compute's own limits.
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
		quota.MetadataItems: u.MetadataItems, quota.KeyPairs: u.KeyPairs, quota.ServerGroups: u.Groups, quota.ServerGroupMembers: u.GroupMembers,
		quota.InjectedFiles: u.Files, quota.InjectedFileBytes: u.FileBytes, quota.InjectedPathBytes: u.PathBytes} {
		if v.Set {
			m[name] = v.Value
		}
	}
	return m
}

// networkLimits are the limits of what networking has, by name; those that were not given are left out.
func networkLimits(fixed, floating, groups, rules opt.Of[int64]) map[string]int64 {
	m := map[string]int64{}
	for name, v := range map[string]opt.Of[int64]{quota.FixedIPs: fixed, quota.FloatingIPs: floating, quota.SecurityGroups: groups, quota.SecurityGroupRules: rules} {
		if v.Set {
			m[name] = v.Value
		}
	}
	return m
}

func (a *API) updateQuota(ctx context.Context, r *api.Request, p ofProject, in *quotaUpdate) (quotaView[int64], error) {
	user := api.QueryOf[userQuery](r).User
	if err := a.existing(ctx, string(p)); err != nil {
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

func (a *API) deleteQuota(ctx context.Context, r *api.Request, p ofProject, _ *userQuery) (api.None, error) {
	if err := a.existing(ctx, string(p)); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Quotas.Delete(ctx, string(p), api.QueryOf[userQuery](r).User)
}

var quotaClasses = api.Resource[*API]{Name: "quota_class_set", Plural: "quota_class_sets", Ops: api.Ops[*API]{
	api.Do("GET /os-quota-class-sets/{class}", policyClassShow, 200, (*API).showClass),
	api.Do("PUT /os-quota-class-sets/{class}", policyClassUpdate, 200, (*API).updateClass),
}}

type classView struct {
	ID            string `wire:"id" omit:"empty"`
	Instances     int64  `wire:"instances"`
	Cores         int64  `wire:"cores"`
	RAM           int64  `wire:"ram"`
	MetadataItems int64  `wire:"metadata_items"`
	KeyPairs      int64  `wire:"key_pairs"`
	Groups        int64  `wire:"server_groups" mv:"2.50-"`
	GroupMembers  int64  `wire:"server_group_members" mv:"2.50-"`
	Files         int64  `wire:"injected_files" mv:"-2.56"`
	FileBytes     int64  `wire:"injected_file_content_bytes" mv:"-2.56"`
	PathBytes     int64  `wire:"injected_file_path_bytes" mv:"-2.56"`
	FixedIPs      int64  `wire:"fixed_ips" mv:"-2.49"`
	FloatingIPs   int64  `wire:"floating_ips" mv:"-2.49"`
	SecGroups     int64  `wire:"security_groups" mv:"-2.49"`
	SecGroupRules int64  `wire:"security_group_rules" mv:"-2.49"`
}

type classUpdate struct {
	limitsUpdate
	FixedIPs      opt.Of[int64] `wire:"fixed_ips" mv:"-2.49" is:"digits,min=-1,max=2147483647"`
	FloatingIPs   opt.Of[int64] `wire:"floating_ips" mv:"-2.49" is:"digits,min=-1,max=2147483647"`
	SecGroups     opt.Of[int64] `wire:"security_groups" mv:"-2.49" is:"digits,min=-1,max=2147483647"`
	SecGroupRules opt.Of[int64] `wire:"security_group_rules" mv:"-2.49" is:"digits,min=-1,max=2147483647"`
}

func viewOfClass(id string, l *nova.Limits) classView {
	return classView{ID: id, Instances: l.Instances, Cores: l.Cores, RAM: l.RAM, MetadataItems: l.MetadataItems, KeyPairs: l.KeyPairs,
		Groups: l.ServerGroups, GroupMembers: l.ServerGroupMembers, Files: l.InjectedFiles, FileBytes: l.InjectedFileContentBytes,
		PathBytes: l.InjectedFilePathBytes, FixedIPs: l.FixedIPs, FloatingIPs: l.FloatingIPs, SecGroups: l.SecurityGroups, SecGroupRules: l.SecurityGroupRules}
}

func (a *API) showClass(ctx context.Context, r *api.Request, _ *api.None) (classView, error) {
	l, err := a.Quotas.Class(ctx, r.Param("class"))
	return viewOfClass(r.Param("class"), &l), err
}

func (a *API) updateClass(ctx context.Context, r *api.Request, in *classUpdate) (classView, error) {
	set := in.values()
	maps.Copy(set, networkLimits(in.FixedIPs, in.FloatingIPs, in.SecGroups, in.SecGroupRules))
	if err := a.Quotas.SetClass(ctx, r.Param("class"), set); err != nil {
		return classView{}, err
	}
	l, err := a.Quotas.Class(ctx, r.Param("class"))
	return viewOfClass("", &l), err
}

var limitsResource = api.Resource[*API]{Name: "limits", Plural: "limits", Ops: api.Ops[*API]{
	api.Do("GET /limits", policyLimits, 200, (*API).showLimits),
}}

type limitsQuery struct {
	Project string `wire:"tenant_id"`
}

type limitsView struct {
	Rate     []api.None `wire:"rate"`
	Absolute absolute   `wire:"absolute"`
}

type absolute struct {
	Instances      int64 `wire:"maxTotalInstances"`
	Cores          int64 `wire:"maxTotalCores"`
	RAM            int64 `wire:"maxTotalRAMSize"`
	ServerMeta     int64 `wire:"maxServerMeta"`
	KeyPairs       int64 `wire:"maxTotalKeypairs"`
	Groups         int64 `wire:"maxServerGroups"`
	GroupMembers   int64 `wire:"maxServerGroupMembers"`
	InstancesUsed  int64 `wire:"totalInstancesUsed"`
	CoresUsed      int64 `wire:"totalCoresUsed"`
	RAMUsed        int64 `wire:"totalRAMUsed"`
	GroupsUsed     int64 `wire:"totalServerGroupsUsed"`
	ImageMeta      int64 `wire:"maxImageMeta" mv:"-2.38"`
	Files          int64 `wire:"maxPersonality" mv:"-2.56"`
	FileBytes      int64 `wire:"maxPersonalitySize" mv:"-2.56"`
	SecGroups      int64 `wire:"maxSecurityGroups" mv:"-2.35"`
	SecGroupRules  int64 `wire:"maxSecurityGroupRules" mv:"-2.35"`
	FloatingIPs    int64 `wire:"maxTotalFloatingIps" mv:"-2.35"`
	SecGroupsUsed  int64 `wire:"totalSecurityGroupsUsed" mv:"-2.35"`
	FloatingIPUsed int64 `wire:"totalFloatingIpsUsed" mv:"-2.35"`
}

func (a *API) showLimits(ctx context.Context, r *api.Request, q *limitsQuery) (limitsView, error) {
	project := r.Caller.ProjectID
	if q.Project != "" && q.Project != project {
		if err := r.Require(policyLimitsOther, ofProject(q.Project).PolicyTarget()); err != nil {
			return limitsView{}, err
		}
		project = q.Project
	}
	l, err := a.Quotas.Limits(ctx, project, "")
	if err != nil {
		return limitsView{}, err
	}
	u, err := a.Quotas.Usage(ctx, project, "")
	return limitsView{Absolute: absolute{Instances: l.Instances, Cores: l.Cores, RAM: l.RAM, ServerMeta: l.MetadataItems, KeyPairs: l.KeyPairs,
		Groups: l.ServerGroups, GroupMembers: l.ServerGroupMembers, InstancesUsed: u.Instances, CoresUsed: u.Cores, RAMUsed: u.RAM,
		ImageMeta: l.MetadataItems, Files: l.InjectedFiles, FileBytes: l.InjectedFileContentBytes, SecGroups: l.SecurityGroups,
		SecGroupRules: l.SecurityGroupRules, FloatingIPs: l.FloatingIPs}}, err
}
