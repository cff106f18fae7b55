package usage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// auditAPI is os-instance_usage_audit_log: which hosts have reported the use of their servers for a month. No host of
// this cloud writes such reports, as with nova's default instance_usage_audit = False, so each is listed as not run.
type auditAPI struct {
	Hosts *hosts.Hosts
	Now   func() time.Time
}

var auditOps = api.Resource[*auditAPI]{Name: "instance_usage_audit_log", Plural: "instance_usage_audit_logs",
	Ops: api.Ops[*auditAPI]{
		api.Do("GET /os-instance_usage_audit_log", policies.InstanceUsageAuditLogList, http.StatusOK, (*auditAPI).last,
			api.Envelope("instance_usage_audit_logs")),
		api.Do("GET /os-instance_usage_audit_log/{before}", policies.InstanceUsageAuditLogShow, http.StatusOK,
			(*auditAPI).before),
	}}

type auditView struct {
	Begin   string         `wire:"period_beginning"`
	End     string         `wire:"period_ending"`
	Hosts   int            `wire:"num_hosts"`
	Done    int            `wire:"num_hosts_done"`
	Running int            `wire:"num_hosts_running"`
	NotRun  int            `wire:"num_hosts_not_run"`
	Missing []string       `wire:"hosts_not_run"`
	Servers int            `wire:"total_instances"`
	Errors  int            `wire:"total_errors"`
	Overall string         `wire:"overall_status"`
	ByHost  map[string]any `wire:"log"`
}

// auditTime is how the API writes times.
const auditTime = "2006-01-02 15:04:05"

func (a *auditAPI) last(ctx context.Context, _ *api.Request, _ *api.None) (auditView, error) {
	return a.period(ctx, a.Now())
}

func (a *auditAPI) before(ctx context.Context, r *api.Request, _ *api.None) (auditView, error) {
	t, err := time.Parse(auditTime, r.Param("before"))
	if err != nil {
		return auditView{}, fault.Invalidf("Invalid timestamp for date %s", r.Param("before"))
	}
	return a.period(ctx, t)
}

// period describes the last whole month before t.
func (a *auditAPI) period(ctx context.Context, t time.Time) (auditView, error) {
	t = t.UTC()
	end := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	v := auditView{Begin: end.AddDate(0, -1, 0).Format(auditTime), End: end.Format(auditTime), Missing: []string{},
		ByHost: map[string]any{}}
	services, err := a.Hosts.Services(ctx, "", nova.BinaryCompute)
	if err != nil {
		return v, err
	}
	for _, s := range services {
		v.Missing = append(v.Missing, s.Host)
	}
	slices.Sort(v.Missing)
	v.Hosts, v.NotRun = len(v.Missing), len(v.Missing)
	done := "ALL"
	if v.Hosts > 0 {
		done = fmt.Sprintf("0 of %d", v.Hosts)
	}
	v.Overall = done + " hosts done. 0 errors."
	return v, nil
}
