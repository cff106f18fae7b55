package quotas

import (
	"context"
	"maps"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/quota"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

// quotaClassesAPI reads and changes the quotas of a class.
type quotaClassesAPI struct{ Quotas *quota.Quotas }

var quotaClassOps = api.Resource[*quotaClassesAPI]{Name: "quota_class_set", Plural: "quota_class_sets",
	Ops: api.Ops[*quotaClassesAPI]{
		api.Do("GET /os-quota-class-sets/{class}", policies.QuotaClassSetsShow, 200, (*quotaClassesAPI).show),
		api.Do("PUT /os-quota-class-sets/{class}", policies.QuotaClassSetsUpdate, 200, (*quotaClassesAPI).update),
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
	return classView{ID: id, Instances: l.Instances, Cores: l.Cores, RAM: l.RAM, MetadataItems: l.MetadataItems,
		KeyPairs: l.KeyPairs,
		Groups:   l.ServerGroups, GroupMembers: l.ServerGroupMembers, Files: l.InjectedFiles,
		FileBytes: l.InjectedFileContentBytes,
		PathBytes: l.InjectedFilePathBytes, FixedIPs: l.FixedIPs, FloatingIPs: l.FloatingIPs, SecGroups: l.SecurityGroups,
		SecGroupRules: l.SecurityGroupRules}
}

func (a *quotaClassesAPI) show(ctx context.Context, r *api.Request, _ *api.None) (classView, error) {
	l, err := a.Quotas.Class(ctx, r.Param("class"))
	return viewOfClass(r.Param("class"), &l), err
}

func (a *quotaClassesAPI) update(ctx context.Context, r *api.Request, in *classUpdate) (classView, error) {
	set := in.values()
	maps.Copy(set, networkLimits(in.FixedIPs, in.FloatingIPs, in.SecGroups, in.SecGroupRules))
	if err := a.Quotas.SetClass(ctx, r.Param("class"), set); err != nil {
		return classView{}, err
	}
	l, err := a.Quotas.Class(ctx, r.Param("class"))
	return viewOfClass("", &l), err
}
