package store

import (
	"context"
	"encoding/json"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

var insertServer = db.NewInsert[newServerRow](stmts, "servers")

// InsertServers writes new servers.
func (s *Store) InsertServers(ctx context.Context, on db.Querier, vs []nova.Server) error {
	rows := make([]newServerRow, len(vs))
	for i := range vs {
		var err error
		if rows[i], err = rowOf(&vs[i]); err != nil {
			return err
		}
	}
	return insertServer.DoAll(ctx, on, rows)
}

var (
	// Primary key.
	serverByID    = db.NewQuery[serverRow](stmts, "SELECT "+serverColumns+"\nFROM servers\nWHERE id = ?\n  AND deleted = ?")
	anyServerByID = db.NewQuery[serverRow](stmts, "SELECT "+serverColumns+"\nFROM servers\nWHERE id = ?")
)

// NoServer is the answer about a server that is not there.
func NoServer(id string) error {
	return fault.NotFoundf("Instance %s could not be found.", id).Coded("itemNotFound")
}

// Server is one that exists; fault.NotFound.
func (s *Store) Server(ctx context.Context, on db.Querier, id string) (nova.Server, error) {
	r, err := serverByID.One(ctx, on, id, false)
	return s.one(id, &r, err)
}

// AnyServer is one that exists or existed; fault.NotFound.
func (s *Store) AnyServer(ctx context.Context, on db.Querier, id string) (nova.Server, error) {
	r, err := anyServerByID.One(ctx, on, id)
	return s.one(id, &r, err)
}

func (s *Store) one(id string, r *serverRow, err error) (nova.Server, error) {
	if fault.Is(err, fault.NotFound) {
		return nova.Server{}, NoServer(id)
	}
	if err != nil {
		return nova.Server{}, err
	}
	return s.server(r)
}

// serverList is served by servers_project and servers_all in the usual order of creation.
var serverList = db.NewList[serverRow](stmts, "SELECT "+serverColumns+"\nFROM servers", map[string]string{
	"uuid": "id NOT NULL", "project_id": "project_id NOT NULL", "user_id": "user_id NOT NULL", "display_name": "name NOT NULL", "display_description": "description",
	"hostname": "hostname NOT NULL", "vm_state": "vm_state NOT NULL", "task_state": "task_state NOT NULL", "power_state": "power_state NOT NULL", "progress": "progress NOT NULL",
	"host": "host NOT NULL", "node": "node NOT NULL", "launched_on": "launched_on NOT NULL", "availability_zone": "zone NOT NULL", "instance_type_id": "flavor_id NOT NULL", "image_ref": "image_id NOT NULL",
	"key_name": "key_name NOT NULL", "config_drive": "config_drive NOT NULL", "access_ip_v4": "access_ip4 NOT NULL", "access_ip_v6": "access_ip6 NOT NULL",
	"auto_disk_config": "disk_config NOT NULL", "root_device_name": "root_device NOT NULL", "reservation_id": "reservation_id NOT NULL", "launch_index": "launch_index NOT NULL",
	"locked": "locked NOT NULL", "locked_by": "locked_by NOT NULL", "tags": "tags NOT NULL", "ip": "ip4 NOT NULL", "ip6": "ip6 NOT NULL", "deleted": "deleted NOT NULL",
	"created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL", "launched_at": "launched_at", "terminated_at": "terminated_at",
	"deleted_at": "deleted_at", "vcpus": "vcpus NOT NULL", "memory_mb": "memory_mb NOT NULL", "root_gb": "disk_gb NOT NULL",
}, "id").Sound(func(r *serverRow) error { _, err := New(nil, nil).server(r); return err })

// Servers is one page. Columns of conditions and sort keys have nova's names (uuid, project_id, display_name, vm_state, created_at …);
// task_state is "" for none; tags is ",a,b," and ip, ip6 are addresses with spaces between. Deleted servers are among them unless a
// condition on deleted says otherwise.
func (s *Store) Servers(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Server, error) {
	return db.PageOf(ctx, serverList, on, a, s.server)
}

// CountServers counts what Servers would list without paging.
func (s *Store) CountServers(ctx context.Context, on db.Querier, where []db.Cond) (int64, error) {
	return serverList.Count(ctx, on, where)
}

// servers_host serves it.
var serversOfHost = db.NewQuery[serverRow](stmts, "SELECT "+serverColumns+"\nFROM servers\nWHERE host = ?\n  AND deleted = ?\nORDER BY created_at, id")

// OnHost lists the servers of a host in order of creation.
func (s *Store) OnHost(ctx context.Context, on db.Querier, host string) ([]nova.Server, error) {
	rows, err := serversOfHost.All(ctx, on, host, false)
	if err != nil {
		return nil, err
	}
	return s.servers(rows)
}

// SoundOnHost is OnHost without the servers whose rows cannot be read, which the log names: a host must be told of the others.
func (s *Store) SoundOnHost(ctx context.Context, on db.Querier, host string) ([]nova.Server, error) {
	rows, err := serversOfHost.All(ctx, on, host, false)
	var out []nova.Server
	for i := range rows {
		v, err := s.server(&rows[i])
		if err != nil {
			leftOut(ctx, rows[i].ID, err)
			continue
		}
		out = append(out, v)
	}
	return out, err
}

func leftOut(ctx context.Context, id string, err error) {
	log.From(ctx).ErrorContext(ctx, "a row cannot be read and is left out; see hypernova check", "table", "servers", "id", id, log.Err, err.Error())
}

type portsRow struct {
	ID    string `db:"id"`
	Ports string `db:"ports"`
}

var (
	portsByID   = db.NewQuery[string](stmts, "SELECT ports\nFROM servers\nWHERE id = ?")
	portsOfHost = db.NewQuery[portsRow](stmts, "SELECT id, ports\nFROM servers\nWHERE host = ?\n  AND deleted = ?")
)

// Ports is the network cache in full; fault.NotFound.
func (s *Store) Ports(ctx context.Context, on db.Querier, id string) ([]nova.NIC, error) {
	text, err := portsByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nil, NoServer(id)
	}
	if err != nil {
		return nil, err
	}
	return decodePorts(text)
}

// PortsOnHost is the network cache of every server of a host, by server.
func (s *Store) PortsOnHost(ctx context.Context, on db.Querier, host string) (map[string][]nova.NIC, error) {
	rows, err := portsOfHost.All(ctx, on, host, false)
	if err != nil {
		return nil, err
	}
	m := make(map[string][]nova.NIC, len(rows))
	for _, r := range rows {
		ports, err := decodePorts(r.Ports)
		if err != nil {
			leftOut(ctx, r.ID, err)
			continue
		}
		m[r.ID] = ports
	}
	return m, nil
}

func decodePorts(text string) ([]nova.NIC, error) {
	var ports []nova.NIC
	return ports, json.Unmarshal([]byte(text), &ports)
}

var setPorts = db.NewExec(stmts, `
UPDATE servers
SET ports = ?, addresses = ?, ip4 = ?, ip6 = ?, updated_at = ?
WHERE id = ? AND ports <> ?`)

// By the primary key.
var placedServers = db.NewQuery[string](stmts, "SELECT id\nFROM servers\nWHERE id > ?\n  AND deleted = ?\n  AND host <> ''\nORDER BY id\nLIMIT ?")

// PlacedServers are the ids of servers that have a host, in order, after one; at most so many.
func (s *Store) PlacedServers(ctx context.Context, on db.Querier, after string, most int) ([]string, error) {
	return placedServers.All(ctx, on, after, false, most)
}

// SetPorts writes the network cache; the same again changes nothing.
func (s *Store) SetPorts(ctx context.Context, on db.Querier, id string, ports []nova.NIC) error {
	p, err := encode(ports)
	if err != nil {
		return err
	}
	as := nova.AddressesOf(ports)
	short, err := encode(as)
	if err != nil {
		return err
	}
	v4, v6 := ipTexts(as)
	_, err = setPorts.Do(ctx, on, p, short, v4, v6, s.now(), id, p)
	return err
}

type usageRow struct {
	Instances int64 `db:"instances"`
	Cores     int64 `db:"cores"`
	RAM       int64 `db:"ram"`
}

const usageColumns = `SELECT COUNT(*) AS instances, CAST(COALESCE(SUM(vcpus), 0) AS BIGINT) AS cores, CAST(COALESCE(SUM(memory_mb), 0) AS BIGINT) AS ram
FROM servers
WHERE project_id = ?
  AND deleted = ?`

var (
	// servers_project serves both.
	projectUsage = db.NewQuery[usageRow](stmts, usageColumns)
	userUsage    = db.NewQuery[usageRow](stmts, usageColumns+"\n  AND user_id = ?")
)

// Usage sums what a project's servers hold; with user, what that user's hold in it. Within a transaction it is exact: transactions are
// serializable, so two that both count and insert cannot both commit past a limit.
func (s *Store) Usage(ctx context.Context, on db.Querier, project, user string) (nova.Usage, error) {
	var r usageRow
	var err error
	if user == "" {
		r, err = projectUsage.One(ctx, on, project, false)
	} else {
		r, err = userUsage.One(ctx, on, project, false, user)
	}
	return nova.Usage(r), err
}

// Fate is where a server is, for those who judge guests found on hosts or hints in requests.
type Fate struct {
	ID, Host string
	State    nova.State
	Power    nova.PowerState
	Deleted  bool
}

type fateRow struct {
	ID      string `db:"id"`
	Host    string `db:"host"`
	VM      string `db:"vm_state"`
	Task    string `db:"task_state"`
	Power   int    `db:"power_state"`
	Deleted bool   `db:"deleted"`
}

var fateByID = db.NewQuery[fateRow](stmts, "SELECT id, host, vm_state, task_state, power_state, deleted\nFROM servers\nWHERE id = ?")

// Fate of one server, deleted or not; fault.NotFound. It is the cheap look that a job takes between steps.
func (s *Store) Fate(ctx context.Context, on db.Querier, id string) (Fate, error) {
	r, err := fateByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return Fate{}, NoServer(id)
	}
	return Fate{r.ID, r.Host, nova.State{VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task)}, nova.PowerState(r.Power), r.Deleted}, err
}
