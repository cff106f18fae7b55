package quotas

import (
	"context"

	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/quota"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

// limitsAPI shows the limits of a project and what is in use.
type limitsAPI struct{ Quotas *quota.Quotas }

var limitOps = api.Resource[*limitsAPI]{Name: "limits", Plural: "limits", Ops: api.Ops[*limitsAPI]{
	api.Do("GET /limits", policies.Limits, 200, (*limitsAPI).show, api.StrictFrom("2.75")),
}}

type limitsQuery struct {
	Project opt.Of[string] `wire:"tenant_id"`
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

func (a *limitsAPI) show(ctx context.Context, r *api.Request, q *limitsQuery) (limitsView, error) {
	project := r.Caller.ProjectID
	if q.Project.Set { // also the caller's own, as with nova
		project = q.Project.Value
		if err := r.Require(policies.LimitsOtherProject, wire.ProjectID(project).PolicyTarget()); err != nil {
			return limitsView{}, err
		}
	}
	l, err := a.Quotas.Limits(ctx, project, "")
	if err != nil {
		return limitsView{}, err
	}
	u, err := a.Quotas.Usage(ctx, project, "")
	if err != nil {
		return limitsView{}, err
	}
	groups, err := a.Quotas.ServerGroups(ctx, project, "")
	return limitsView{Absolute: absolute{Instances: l.Instances, Cores: l.Cores, RAM: l.RAM, ServerMeta: l.MetadataItems,
		KeyPairs: l.KeyPairs,
		Groups:   l.ServerGroups, GroupMembers: l.ServerGroupMembers, InstancesUsed: u.Instances, CoresUsed: u.Cores,
		RAMUsed: u.RAM, GroupsUsed: groups,
		ImageMeta: l.MetadataItems, Files: l.InjectedFiles, FileBytes: l.InjectedFileContentBytes,
		SecGroups:     l.SecurityGroups,
		SecGroupRules: l.SecurityGroupRules, FloatingIPs: l.FloatingIPs}}, err
}
