package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

var (
	servers     = db.NewTable[fullServerRow](stmts, "servers", "id")
	serverReads = db.NewPart[serverRow](stmts, "servers", "id")
	// Primary key.
	serverByID = serverReads.Query("id = ?\n  AND deleted = ?")
	// servers_host serves it.
	serversOfHost = serverReads.Query("host = ?\n  AND deleted = ?\nORDER BY created_at, id")
	// servers_project and servers_all serve the usual order of creation.
	serverList = db.NewList[serverRow](stmts, "SELECT "+serverReads.Columns("")+"\nFROM servers",
		servers.ListColumns(""), "id").
		Sound(func(r *serverRow) error { _, err := new(documents).server(r); return err })
	// The same without what lists do not show. Of the image they show the id, which is in the place of its document.
	listedServers = db.NewList[serverRow](stmts, "SELECT "+serverReads.ColumnsBut("launched_on", "public_key",
		"locked_by", "security_groups", "hints", "image")+", image_id AS image\nFROM servers",
		servers.ListColumns(""), "id").
		Sound(func(r *serverRow) error { _, err := new(documents).listed(r); return err })
	serverNames = db.NewList[nameRow](stmts, "SELECT id, name\nFROM servers", servers.ListColumns(""), "id")
	// By the primary key.
	placedServers = db.NewQuery[string](stmts, `
SELECT id
FROM servers
WHERE id > ?
  AND deleted = ?
  AND host <> ''
ORDER BY id
LIMIT ?`)
)

// InsertServers inserts new servers; on a *db.DB all or none.
func InsertServers(ctx context.Context, on db.Querier, vs []nova.Server) error {
	rows := make([]fullServerRow, len(vs))
	for i := range vs {
		var err error
		if rows[i], err = serverRowOf(&vs[i]); err != nil {
			return err
		}
	}
	return servers.InsertAll(ctx, on, rows)
}

// NoServer is the fault.NotFound about a server.
func NoServer(id string) error {
	return fault.NotFoundf("Instance %s could not be found.", id).Coded("itemNotFound")
}

// Server returns a server that exists; fault.NotFound.
func Server(ctx context.Context, on db.Querier, id string) (nova.Server, error) {
	r, err := serverByID.One(ctx, on, id, false)
	return oneServer(id, &r, err)
}

// AnyServer returns a server that exists or is deleted and not purged yet; fault.NotFound.
func AnyServer(ctx context.Context, on db.Querier, id string) (nova.Server, error) {
	r, err := serverReads.Get(ctx, on, id)
	return oneServer(id, &r, err)
}

func oneServer(id string, r *serverRow, err error) (nova.Server, error) {
	if fault.Is(err, fault.NotFound) {
		return nova.Server{}, NoServer(id)
	}
	if err != nil {
		return nova.Server{}, err
	}
	return new(documents).server(r)
}

// Servers returns one page. Columns of conditions and sort keys have nova's names (uuid, project_id, display_name,
// vm_state, created_at …). task_state is "" for none, tags is ",a,b,", ip and ip6 are addresses separated by spaces.
// Deleted servers are included unless a condition on deleted excludes them. Rows that cannot be read are left out.
func Servers(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Server, error) {
	return db.PageOf(ctx, serverList, on, a, new(documents).server)
}

// ListedServers is Servers with less of each server, for lists: without LaunchedOn, PublicKey, LockedBy, Hints and
// SecurityGroups, and of the image only the id.
func ListedServers(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Server, error) {
	return db.PageOf(ctx, listedServers, on, a, new(documents).listed)
}

type nameRow struct {
	ID   string `db:"id"`
	Name string `db:"name"`
}

// ServerNames is Servers with nothing but ids and names. A server whose documents cannot be read is there too.
func ServerNames(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.ServerName, error) {
	rows, err := serverNames.Page(ctx, on, a)
	out := make([]nova.ServerName, len(rows))
	for i := range rows {
		out[i] = nova.ServerName(rows[i])
	}
	return out, err
}

// CountServers counts the rows that Servers would return without paging.
func CountServers(ctx context.Context, on db.Querier, where []db.Cond) (int64, error) {
	return serverList.Count(ctx, on, where)
}

// ServersOnHost returns the servers of a host in order of creation.
func ServersOnHost(ctx context.Context, on db.Querier, host string) ([]nova.Server, error) {
	return serversOnHost(ctx, on, host, func(_ string, err error) error { return err })
}

// ReadableServersOnHost is ServersOnHost without the servers whose rows cannot be read; those are logged.
func ReadableServersOnHost(ctx context.Context, on db.Querier, host string) ([]nova.Server, error) {
	return serversOnHost(ctx, on, host, func(id string, err error) error {
		logLeftOut(ctx, id, err)
		return nil
	})
}

func serversOnHost(ctx context.Context, on db.Querier, host string, bad func(id string, err error) error) (
	[]nova.Server,
	error) {
	rows, err := serversOfHost.All(ctx, on, host, false)
	if err != nil {
		return nil, err
	}
	var read documents
	out := make([]nova.Server, 0, len(rows))
	for i := range rows {
		v, err := read.server(&rows[i])
		if err == nil {
			out = append(out, v)
		} else if err := bad(rows[i].ID, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func logLeftOut(ctx context.Context, id string, err error) {
	log.From(ctx).ErrorContext(ctx, "leaving a row out: it cannot be read; see hypernova check", "table", "servers",
		"id", id, log.Err, err.Error())
}

// PlacedServers returns the ids of servers that have a host, in order, behind the id after; at most that many.
func PlacedServers(ctx context.Context, on db.Querier, after string, most int) ([]string, error) {
	return placedServers.All(ctx, on, after, false, most)
}

// Placement is a server's host, states and deleted flag, read without the full row.
type Placement struct {
	ID, Host string
	State    nova.State
	Power    nova.PowerState
	Deleted  bool
}

type placementRow struct {
	ID      string `db:"id"`
	Host    string `db:"host"`
	VM      string `db:"vm_state"`
	Task    string `db:"task_state"`
	Power   int    `db:"power_state"`
	Deleted bool   `db:"deleted"`
}

var serverPlacements = db.NewPart[placementRow](stmts, "servers", "id")

// PlacementOf returns the placement of a server, deleted or not; fault.NotFound.
func PlacementOf(ctx context.Context, on db.Querier, id string) (Placement, error) {
	r, err := serverPlacements.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return Placement{}, NoServer(id)
	}
	return Placement{r.ID, r.Host, nova.State{VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task)},
		nova.PowerState(r.Power), r.Deleted}, err
}

type usageRow struct {
	Instances int64 `db:"instances"`
	Cores     int64 `db:"cores"`
	RAM       int64 `db:"ram"`
}

const usageColumns = `SELECT COUNT(*) AS instances, CAST(COALESCE(SUM(vcpus), 0) AS BIGINT) AS cores,
       CAST(COALESCE(SUM(memory_mb), 0) AS BIGINT) AS ram
FROM servers
WHERE project_id = ?
  AND vm_state <> 'soft-delete'
  AND deleted = ?`

// softDeleted is served by servers_status.
var softDeleted = db.NewQuery[string](stmts, `
SELECT id FROM servers
WHERE deleted = ?
  AND vm_state = ?
  AND task_state = ''
  AND updated_at < ?
ORDER BY updated_at
LIMIT 100`)

// SoftDeleted lists up to 100 servers that were put aside before a time and that no job has, the longest ago first.
func SoftDeleted(ctx context.Context, on db.Querier, before time.Time) ([]string, error) {
	return softDeleted.All(ctx, on, false, string(nova.SoftDeleted), db.At(before))
}

var (
	// servers_project serves both.
	projectUsage = db.NewQuery[usageRow](stmts, usageColumns)
	userUsage    = db.NewQuery[usageRow](stmts, usageColumns+"\n  AND user_id = ?")
)

// Usage sums the servers, cores and memory of a project, or of a user in it where user is not empty. It is exact within
// a transaction: of two that count and insert at once, one is repeated, so that no limit is exceeded.
func Usage(ctx context.Context, on db.Querier, project, user string) (nova.Usage, error) {
	var r usageRow
	var err error
	if user == "" {
		r, err = projectUsage.One(ctx, on, project, false)
	} else {
		r, err = userUsage.One(ctx, on, project, false, user)
	}
	return nova.Usage(r), err
}
