package servers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
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

func (a *serversAPI) list(ctx context.Context, r *api.Request, q *serverQuery) (api.Page[serverBrief], error) {
	vs, err := findServers(ctx, r, q, policies.ServersIndexGetAllTenants, a.Servers.Names)
	if err != nil {
		return api.Page[serverBrief]{}, err
	}
	b := &serverViews{r: r, self: r.URL("/servers/"), bookmark: r.RootURL("/servers/")}
	return api.PageOf(q.Window, vs, func(v nova.ServerName) string { return v.ID }, b.brief), nil
}

func (a *serversAPI) detail(ctx context.Context, r *api.Request, q *serverQuery) (api.Page[serverView], error) {
	vs, err := findServers(ctx, r, q, policies.ServersDetailGetAllTenants, a.Servers.List)
	if err != nil {
		return api.Page[serverView]{}, err
	}
	b, err := a.views(ctx, r, vs...)
	if err != nil {
		return api.Page[serverView]{}, err
	}
	return api.PageOf(q.Window, vs, func(v nova.Server) string { return v.ID },
		func(v nova.Server) serverView { return b.detail(&v) }), nil
}

// serverFilter is one query parameter of the list: the condition it is, since which minor version it is known, and
// since which one everybody may use it; 0: for administrators only.
type serverFilter struct {
	api.Filter
	since, public int
}

// special filters are more than a condition on a column: they are read by their name. ignored ones are known and have
// no effect here.
var (
	special = api.Filter{}
	ignored = api.Filter{Column: "ignored"}
)

func exact(column string) api.Filter { return api.Filter{Column: column, Op: db.In} }

func match(column string) api.Filter {
	return api.Filter{Column: column, Op: db.Regexp, Value: api.PatternValue}
}

func integer(column string) api.Filter {
	return api.Filter{Column: column, Value: api.IntegerOrNone}
}

func flag(column string) api.Filter { return api.Filter{Column: column, Value: api.FlagValue} }

func instant(column string, op db.Op) api.Filter {
	return api.Filter{Column: column, Op: op, Value: api.TimeValue}
}

var serverFilters = map[string]serverFilter{
	"all_tenants":          {special, 1, 1},
	"status":               {special, 1, 1},
	"deleted":              {special, 1, 0},
	"changes-since":        {special, 1, 1},
	"changes-before":       {special, 66, 66},
	"project_id":           {special, 1, 0},
	"tenant_id":            {special, 1, 0},
	"vm_state":             {special, 1, 83},
	"task_state":           {special, 1, 83},
	"name":                 {match("display_name"), 1, 1},
	"display_name":         {match("display_name"), 1, 0},
	"image":                {exact("image_ref"), 1, 1},
	"image_ref":            {exact("image_ref"), 1, 0},
	"flavor":               {exact("instance_type_id"), 1, 1},
	"ip":                   {match("ip"), 1, 1},
	"ip6":                  {match("ip6"), 1, 5},
	"reservation_id":       {match("reservation_id"), 1, 1},
	"tags":                 {special, 26, 26},
	"tags-any":             {special, 26, 26},
	"not-tags":             {special, 26, 26},
	"not-tags-any":         {special, 26, 26},
	"locked":               {flag("locked"), 73, 73},
	"config_drive":         {flag("config_drive"), 1, 83},
	"user_id":              {exact("user_id"), 1, 83},
	"availability_zone":    {match("availability_zone"), 1, 83},
	"key_name":             {match("key_name"), 1, 83},
	"created_at":           {instant("created_at", db.Ge), 1, 83},
	"launched_at":          {instant("launched_at", db.Eq), 1, 83},
	"terminated_at":        {instant("terminated_at", db.Eq), 1, 83},
	"power_state":          {integer("power_state"), 1, 83},
	"progress":             {integer("progress"), 1, 83},
	"uuid":                 {exact("uuid"), 1, 0},
	"host":                 {exact("host"), 1, 0},
	"node":                 {match("node"), 1, 0},
	"hostname":             {match("hostname"), 1, 0},
	"description":          {match("display_description"), 1, 0},
	"display_description":  {match("display_description"), 1, 0},
	"launch_index":         {integer("launch_index"), 1, 0},
	"root_device_name":     {match("root_device_name"), 1, 0},
	"access_ip_v4":         {match("access_ip_v4"), 1, 0},
	"access_ip_v6":         {match("access_ip_v6"), 1, 0},
	"auto_disk_config":     {match("auto_disk_config"), 1, 0},
	"locked_by":            {match("locked_by"), 1, 0},
	"kernel_id":            {ignored, 1, 0},
	"ramdisk_id":           {ignored, 1, 0},
	"soft_deleted":         {special, 1, 0},
	"block_device_mapping": {ignored, 1, 0},
	"info_cache":           {ignored, 1, 0},
	"metadata":             {ignored, 1, 0},
	"pci_devices":          {ignored, 1, 0},
	"security_groups":      {ignored, 1, 0},
	"services":             {ignored, 1, 0},
	"system_metadata":      {ignored, 1, 0},
}

// sortColumns are the keys clients may sort by; those of the second list for administrators only.
var (
	sortColumns = []string{"access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive",
		"created_at", "display_description",
		"display_name", "host", "hostname", "image_ref", "instance_type_id", "key_name", "launch_index", "launched_at",
		"locked", "locked_by", "node",
		"power_state", "progress", "project_id", "root_device_name", "task_state", "terminated_at", "updated_at", "user_id",
		"uuid", "vm_state"}
	hostColumns = []string{"host", "node"}
)

// findServers reads the servers that match the parameters with read. The rule all is required for the servers of all
// projects.
func findServers[V any](ctx context.Context, r *api.Request, in *serverQuery, all *policy.Rule,
	read func(context.Context, servers.Query) ([]V, error)) ([]V, error) {
	free := r.Allowed(policies.ServersAllowAllFilters, nil)
	q := servers.Query{Marker: in.Marker, Limit: in.Rows(), Whole: r.AtLeast(98)} // the image's properties; hints
	f := found{q: &q}
	for _, name := range slices.Sorted(maps.Keys(in.Filters)) {
		if err := f.take(r, name, in.Filters[name], free); err != nil {
			return nil, err
		}
	}
	if err := f.owner(r, all); err != nil {
		return nil, err
	}
	var err error
	if q.Sort, err = in.OrderBy(true, func(key string) error { return sortable(r, key) }); err != nil {
		return nil, err
	}
	if f.nothing || in.Empty() {
		return nil, nil
	}
	f.lives()
	if !q.ChangedSince.IsZero() && !q.ChangedBefore.IsZero() && q.ChangedBefore.Before(q.ChangedSince) {
		return nil, fault.Invalidf("The value of changes-since must be less than or equal to changes-before.")
	}
	return read(ctx, q)
}

// found is the query that is read from the parameters.
type found struct {
	q              *servers.Query
	tenants        string // all_tenants as given
	asked          bool   // it was
	project        string
	nothing        bool  // no server can fit
	deleted        *bool // as given
	aside          *bool // servers that can still be restored, as given
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
	switch k.Column {
	case special.Column:
		return f.special(r, name, values, free)
	case ignored.Column:
		return nil
	}
	c, err := k.Cond(name, values)
	f.nothing = f.nothing || api.Never(c)
	f.q.Where = append(f.q.Where, c)
	return err
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
	case "changes-since", "changes-before":
		at, err := api.Filter{Value: api.TimeValue}.Cond(name, values)
		if err != nil {
			return err
		}
		if t, _ := at.Values[0].(time.Time); name == "changes-since" {
			f.q.ChangedSince = t
		} else {
			f.q.ChangedBefore = t
		}
	case "tags", "tags-any", "not-tags", "not-tags-any":
		f.tags(name, strings.Split(value, ","))
	case "deleted":
		b, ok := api.Truth(value)
		b = b && ok
		f.deleted = &b
	case "soft_deleted":
		b := value != "" // nova does not read the value
		f.aside = &b
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

// status turns API statuses into states.
func (f *found) status(r *api.Request, values []string, free bool) error {
	var idle bool
	for _, s := range values {
		s = strings.ToUpper(s)
		if !nova.KnownStatus(s) {
			if r.AtLeast(38) {
				return fault.Invalidf("Invalid status value")
			}
			continue
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
	if slices.Equal(f.byStatus, []nova.VMState{nova.Deleted}) { // beside other statuses it finds nothing
		if !free {
			return fault.Forbiddenf("Only administrators may list deleted instances")
		}
		yes := true
		f.deleted = &yes
	}
	if idle {
		f.q.Task = nil
	}
	f.q.VM = f.byStatus
	return nil
}

// lives chooses between servers that exist, which those that can be restored are not unless they are asked for, and
// deleted ones, which those are. Without a choice, a list of changes has all of them.
func (f *found) lives() {
	aside := db.EqTo("vm_state", string(nova.SoftDeleted))
	yes, no := true, false
	switch {
	case f.deleted == nil && (!f.q.ChangedSince.IsZero() || !f.q.ChangedBefore.IsZero()):
	case f.deleted != nil && *f.deleted && (f.aside == nil || *f.aside):
		f.q.Where = append(f.q.Where, db.Any(db.EqTo("deleted", true), aside))
	case f.deleted != nil && *f.deleted:
		f.q.Deleted = &yes
	default:
		f.q.Deleted = &no
		if f.aside == nil || !*f.aside {
			f.q.Where = append(f.q.Where, db.Not(aside))
		}
	}
}

// owner limits the list to the caller's project, unless all projects are requested and allowed.
func (f *found) owner(r *api.Request, all *policy.Rule) error {
	every := f.asked && f.tenants == ""
	if f.tenants != "" {
		b, ok := api.Truth(f.tenants)
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

// sortable returns fault.Invalid for an unknown key, and fault.Forbidden for one that only administrators may sort
// by.
func sortable(r *api.Request, key string) error {
	if !slices.Contains(sortColumns, key) {
		return fault.Invalidf("Invalid input for query parameters sort_key: '%s' cannot be sorted by.", key)
	}
	if slices.Contains(hostColumns, key) && !r.Caller.Admin() {
		return fault.Forbiddenf("Only administrators can sort servers by %s", key)
	}
	return nil
}
