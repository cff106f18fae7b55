package servers

import (
	"context"
	"regexp"
	"time"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
)

// Query narrows a list of servers. The zero Query is every server of every project that exists or existed.
type Query struct {
	Project string // empty: all
	Deleted *bool  // nil: both
	// Where are further conditions on columns by nova's names: uuid, user_id, display_name, display_description,
	// hostname, host, node, image_ref, instance_type_id (the flavor's id), availability_zone, reservation_id, key_name,
	// access_ip_v4, access_ip_v6, power_state, progress, launch_index, root_device_name, auto_disk_config, locked,
	// locked_by, config_drive, created_at, launched_at, terminated_at, ip, ip6 …
	Where []db.Cond

	VM     []nova.VMState   // any of; empty: all
	Task   []nova.TaskState // any of
	NoTask []nova.TaskState // none of

	Tags, AnyTags, NotAllTags, NotAnyTags []string
	ChangedSince, ChangedBefore           time.Time

	Sort   []db.SortKey // nova's column names; empty: latest first
	Marker string
	Limit  int  // 0: all
	Whole  bool // all of each server, also what lists did not show before 2.98
}

// List reads one page with one query: what lists show of each server, see store.ListedServers.
func (s *Servers) List(ctx context.Context, q Query) ([]nova.Server, error) {
	if q.Whole {
		return store.Servers(ctx, s.DB, q.args())
	}
	return store.ListedServers(ctx, s.DB, q.args())
}

// Names is List for ids and names only.
func (s *Servers) Names(ctx context.Context, q Query) ([]nova.ServerName, error) {
	return store.ServerNames(ctx, s.DB, q.args())
}

func (q *Query) args() db.ListArgs {
	sort := q.Sort
	if len(sort) == 0 {
		sort = []db.SortKey{{Column: "created_at", Desc: true}}
	}
	a := db.ListArgs{Where: q.where(), Sort: sort, Marker: q.Marker, Limit: q.Limit}
	if q.Project != "" {
		a.Scope = []db.Cond{db.EqTo("project_id", q.Project)}
	}
	return a
}

// Count counts the servers that List returns without paging.
func (s *Servers) Count(ctx context.Context, q Query) (int64, error) {
	return store.CountServers(ctx, s.DB, q.where())
}

func (q *Query) where() []db.Cond {
	var w []db.Cond
	if q.Project != "" {
		w = append(w, db.EqTo("project_id", q.Project))
	}
	if q.Deleted != nil {
		w = append(w, db.EqTo("deleted", *q.Deleted))
	}
	w = append(w, q.Where...)
	if len(q.VM) > 0 {
		w = append(w, db.InList("vm_state", texts(q.VM)))
	}
	if len(q.Task) > 0 {
		w = append(w, db.InList("task_state", texts(q.Task)))
	}
	if len(q.NoTask) > 0 {
		w = append(w, db.Cond{Column: "task_state", Op: db.NotIn, Values: anys(texts(q.NoTask))})
	}
	w = append(w, q.tags()...)
	for _, t := range []struct {
		column string
		op     db.Op
		at     time.Time
	}{{"updated_at", db.Ge, q.ChangedSince}, {"updated_at", db.Le, q.ChangedBefore}} {
		if !t.at.IsZero() {
			w = append(w, db.Cond{Column: t.column, Op: t.op, Values: []any{t.at}})
		}
	}
	return w
}

func (q *Query) tags() []db.Cond {
	var w []db.Cond
	for _, t := range q.Tags {
		w = append(w, hasTag(t))
	}
	if len(q.AnyTags) > 0 {
		w = append(w, db.Any(hasTags(q.AnyTags)...))
	}
	if len(q.NotAllTags) > 0 {
		w = append(w, db.Not(db.All(hasTags(q.NotAllTags)...)))
	}
	if len(q.NotAnyTags) > 0 {
		w = append(w, db.Not(db.Any(hasTags(q.NotAnyTags)...)))
	}
	return w
}

func hasTags(tags []string) []db.Cond {
	cs := make([]db.Cond, len(tags))
	for i, t := range tags {
		cs[i] = hasTag(t)
	}
	return cs
}

func hasTag(t string) db.Cond {
	return db.Cond{Column: "tags", Op: db.Regexp, Values: []any{"," + regexp.QuoteMeta(t) + ","}}
}

func texts[T ~string](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = string(v)
	}
	return out
}

func anys(vs []string) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}
