package api

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// serverQuery takes every parameter, because which ones count depends on the version and the caller.
type serverQuery struct {
	api.PageQuery
	Filters map[string][]string `wire:"*"`
}

func (a *API) listServers(ctx context.Context, r *api.Request, q *serverQuery) (api.Page[serverBrief], error) {
	vs, err := a.findServers(ctx, r, q, policyIndexAll)
	if err != nil {
		return api.Page[serverBrief]{}, err
	}
	b := &serverViews{r: r, self: r.URL("/servers/"), bookmark: r.RootURL("/servers/")}
	p := api.Page[serverBrief]{Items: make([]serverBrief, len(vs)), Next: next(vs, q.Limit, func(v nova.Server) string { return v.ID })}
	for i := range vs {
		p.Items[i] = b.brief(&vs[i])
	}
	return p, nil
}

func (a *API) detailServers(ctx context.Context, r *api.Request, q *serverQuery) (api.Page[serverView], error) {
	vs, err := a.findServers(ctx, r, q, policyDetailAll)
	if err != nil {
		return api.Page[serverView]{}, err
	}
	b, err := a.serverViews(ctx, r, vs...)
	if err != nil {
		return api.Page[serverView]{}, err
	}
	p := api.Page[serverView]{Items: make([]serverView, len(vs)), Next: next(vs, q.Limit, func(v nova.Server) string { return v.ID })}
	for i := range vs {
		p.Items[i] = b.detail(&vs[i])
	}
	return p, nil
}

// filterKind is how a filter's text is meant.
type filterKind int

const (
	exact filterKind = iota
	match
	integer
	flag
	instant
	tags
	special // read by its name below
	ignored // known, without effect here
)

// filter is one query parameter: the column it is about, how it is meant, since when it exists, and since when everybody may use it.
type filter struct {
	column        string
	kind          filterKind
	since, public int // minor versions; public 0: for administrators only
}

var serverFilters = map[string]filter{
	"all_tenants":          {"", special, 1, 1},
	"status":               {"", special, 1, 1},
	"deleted":              {"", special, 1, 0},
	"changes-since":        {"changes-since", instant, 1, 1},
	"changes-before":       {"changes-before", instant, 66, 66},
	"project_id":           {"", special, 1, 0},
	"tenant_id":            {"", special, 1, 0},
	"vm_state":             {"", special, 1, 83},
	"task_state":           {"", special, 1, 83},
	"name":                 {"display_name", match, 1, 1},
	"display_name":         {"display_name", match, 1, 0},
	"image":                {"image_ref", exact, 1, 1},
	"image_ref":            {"image_ref", exact, 1, 0},
	"flavor":               {"instance_type_id", exact, 1, 1},
	"ip":                   {"ip", match, 1, 1},
	"ip6":                  {"ip6", match, 1, 5},
	"reservation_id":       {"reservation_id", match, 1, 1},
	"tags":                 {"", tags, 26, 26},
	"tags-any":             {"", tags, 26, 26},
	"not-tags":             {"", tags, 26, 26},
	"not-tags-any":         {"", tags, 26, 26},
	"locked":               {"", flag, 73, 73},
	"config_drive":         {"", flag, 1, 83},
	"user_id":              {"user_id", exact, 1, 83},
	"availability_zone":    {"availability_zone", match, 1, 83},
	"key_name":             {"key_name", match, 1, 83},
	"created_at":           {"created_at", instant, 1, 83},
	"launched_at":          {"launched_at", instant, 1, 83},
	"terminated_at":        {"terminated_at", instant, 1, 83},
	"power_state":          {"power_state", integer, 1, 83},
	"progress":             {"progress", integer, 1, 83},
	"uuid":                 {"uuid", exact, 1, 0},
	"host":                 {"host", exact, 1, 0},
	"node":                 {"node", match, 1, 0},
	"hostname":             {"hostname", match, 1, 0},
	"description":          {"display_description", match, 1, 0},
	"display_description":  {"display_description", match, 1, 0},
	"launch_index":         {"launch_index", integer, 1, 0},
	"root_device_name":     {"root_device_name", match, 1, 0},
	"access_ip_v4":         {"access_ip_v4", match, 1, 0},
	"access_ip_v6":         {"access_ip_v6", match, 1, 0},
	"auto_disk_config":     {"auto_disk_config", match, 1, 0},
	"locked_by":            {"locked_by", match, 1, 0},
	"kernel_id":            {"", ignored, 1, 0},
	"ramdisk_id":           {"", ignored, 1, 0},
	"soft_deleted":         {"", ignored, 1, 0},
	"block_device_mapping": {"", ignored, 1, 0},
	"info_cache":           {"", ignored, 1, 0},
	"metadata":             {"", ignored, 1, 0},
	"pci_devices":          {"", ignored, 1, 0},
	"security_groups":      {"", ignored, 1, 0},
	"services":             {"", ignored, 1, 0},
	"system_metadata":      {"", ignored, 1, 0},
}

// sortColumns are the keys clients may sort by; those of the second list for administrators only.
var (
	sortColumns = []string{"access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive", "created_at", "display_description",
		"display_name", "host", "hostname", "image_ref", "instance_type_id", "key_name", "launch_index", "launched_at", "locked", "locked_by", "node",
		"power_state", "progress", "project_id", "root_device_name", "task_state", "terminated_at", "updated_at", "user_id", "uuid", "vm_state"}
	hostColumns = []string{"host", "node"}
)

// findServers lists what a query asks for. all is the rule about every project's servers.
func (a *API) findServers(ctx context.Context, r *api.Request, in *serverQuery, all *policy.Rule) ([]nova.Server, error) {
	free := r.Allowed(policyAllFilters, nil)
	q := servers.Query{Marker: in.Marker, Limit: in.Limit, Exact: map[string][]any{}, Match: map[string]string{}}
	f := found{q: &q}
	for name, values := range in.Filters {
		if err := f.take(r, name, values, free); err != nil {
			return nil, err
		}
	}
	if err := f.owner(r, all); err != nil {
		return nil, err
	}
	if err := f.sort(r, in); err != nil {
		return nil, err
	}
	if f.nothing || nothing(in.Asked) {
		return nil, nil
	}
	if q.Deleted == nil && !f.bothLives && q.ChangedSince.IsZero() && q.ChangedBefore.IsZero() {
		no := false
		q.Deleted = &no
	}
	if !q.ChangedSince.IsZero() && !q.ChangedBefore.IsZero() && q.ChangedBefore.Before(q.ChangedSince) {
		return nil, fault.Invalidf("The value of changes-since must be less than or equal to changes-before.")
	}
	return a.Servers.List(ctx, q)
}

// found is a query being read.
type found struct {
	q              *servers.Query
	tenants        string // all_tenants as given
	asked          bool   // it was
	project        string
	nothing        bool // no server can fit
	bothLives      bool // deleted ones too
	byStatus, byVM []nova.VMState
}

func (f *found) take(r *api.Request, name string, values []string, free bool) error {
	k, ok := serverFilters[name]
	if !ok || r.Version.Minor < k.since {
		if r.AtLeast(75) {
			return fault.Invalidf("Invalid input for query parameters %s: the parameter is not known here.", name)
		}
		return nil
	}
	if !free && (k.public == 0 || r.Version.Minor < k.public) {
		return nil // as nova does: what a user may not filter by is not there
	}
	value := values[len(values)-1]
	switch k.kind {
	case exact:
		for _, v := range values {
			f.q.Exact[k.column] = append(f.q.Exact[k.column], v)
		}
	case match:
		if _, err := db.Compile(value); err != nil {
			return fault.Invalidf("Invalid input for query parameters %s: '%s' is not a regular expression.", name, value)
		}
		f.q.Match[k.column] = value
	case integer:
		n, err := strconv.Atoi(value)
		if err != nil {
			f.nothing = true
			return nil
		}
		f.q.Exact[k.column] = []any{n}
	case flag:
		return f.flag(name, value)
	case instant:
		return f.instant(name, value)
	case tags:
		f.tags(name, strings.Split(value, ","))
	case special:
		return f.special(r, name, values, free)
	case ignored:
	}
	return nil
}

func (f *found) flag(name, value string) error {
	b, ok := truth(value)
	if !ok {
		return fault.Invalidf("Invalid input for query parameters %s: '%s' is not a boolean.", name, value)
	}
	if name == "locked" {
		f.q.Locked = &b
	} else {
		f.q.ConfigDrive = &b
	}
	return nil
}

func truth(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}

func (f *found) instant(name, value string) error {
	at, err := api.ParseTime(value)
	if err != nil {
		return fault.Invalidf("Invalid input for query parameters %s: '%s' is not a date-time.", name, value)
	}
	for field, to := range map[string]*time.Time{"changes-since": &f.q.ChangedSince, "changes-before": &f.q.ChangedBefore,
		"created_at": &f.q.CreatedSince, "launched_at": &f.q.LaunchedAt, "terminated_at": &f.q.TerminatedAt} {
		if field == name {
			*to = at
		}
	}
	return nil
}

func (f *found) tags(name string, list []string) {
	switch name {
	case "tags":
		f.q.Tags = list
	case "tags-any":
		f.q.AnyTags = list
	case "not-tags":
		f.q.NotAllTags = list
	case "not-tags-any":
		f.q.NotAnyTags = list
	}
}

func (f *found) special(r *api.Request, name string, values []string, free bool) error {
	value := values[len(values)-1]
	switch name {
	case "all_tenants":
		f.tenants, f.asked = value, true
	case "project_id", "tenant_id":
		f.project = value
	case "deleted":
		b, ok := truth(value)
		b = b && ok
		f.q.Deleted = &b
	case "vm_state":
		for _, v := range values {
			f.byVM = append(f.byVM, nova.VMState(v))
		}
		f.q.VM = f.byVM
	case "task_state":
		for _, v := range values {
			if v == "None" || v == "null" {
				v = ""
			}
			f.q.Task = append(f.q.Task, nova.TaskState(v))
		}
	case "status":
		return f.status(r, values, free)
	}
	return nil
}

// knownStatuses are all of nova's, also those that no server of this cloud has.
var knownStatuses = []string{"ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE", "RESIZE",
	"REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF", "SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE"}

// status turns API statuses into states.
func (f *found) status(r *api.Request, values []string, free bool) error {
	var idle bool
	for _, s := range values {
		s = strings.ToUpper(s)
		if !slices.Contains(knownStatuses, s) {
			if r.AtLeast(38) {
				return fault.Invalidf("Invalid status value")
			}
			continue
		}
		if s == "DELETED" {
			if !free {
				return fault.Forbiddenf("Only administrators may list deleted instances")
			}
			f.bothLives = true
		}
		for _, state := range nova.StatesOf(s) {
			f.byStatus = append(f.byStatus, state.VM)
			if state.Task == nova.Idle {
				idle = true
			} else {
				f.q.Task = append(f.q.Task, state.Task)
			}
		}
	}
	if len(f.byStatus) == 0 {
		f.nothing = true
		return nil
	}
	if idle {
		f.q.Task = nil
	}
	f.q.VM = f.byStatus
	return nil
}

// owner limits the list to the caller's project, unless all projects were asked for and may be.
func (f *found) owner(r *api.Request, all *policy.Rule) error {
	every := f.asked && f.tenants == ""
	if f.tenants != "" {
		b, ok := truth(f.tenants)
		if !ok {
			return fault.Invalidf("Invalid value for all_tenants: '%s'.", f.tenants)
		}
		every = b
	}
	if !every {
		f.q.Project = r.Caller.ProjectID
		f.nothing = f.nothing || f.q.Project == "" // an empty project would mean all of them
		return nil
	}
	f.q.Project = f.project
	return r.Require(all, nil)
}

func (f *found) sort(r *api.Request, in *serverQuery) error {
	keys, err := in.Order(true)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !slices.Contains(sortColumns, k.Name) {
			return fault.Invalidf("Invalid input for query parameters sort_key: '%s' cannot be sorted by.", k.Name)
		}
		if slices.Contains(hostColumns, k.Name) && !r.Caller.Admin() {
			return fault.Forbiddenf("Only administrators can sort servers by %s", k.Name)
		}
		f.q.Sort = append(f.q.Sort, db.SortKey{Column: k.Name, Desc: k.Desc})
	}
	return nil
}
