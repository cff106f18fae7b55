package store

import (
	"context"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type nodeRow struct {
	ID           string            `db:"id"`
	Number       int64             `db:"number"`
	Host         string            `db:"host"`
	Name         string            `db:"name"`
	HostIP       string            `db:"host_ip"`
	Kind         string            `db:"kind"`
	Version      int               `db:"version"`
	CPUInfo      string            `db:"cpu_info"`
	VCPUs        int64             `db:"vcpus"`
	MemoryMB     int64             `db:"memory_mb"`
	DiskGB       int64             `db:"disk_gb"`
	MemoryUsedMB int64             `db:"memory_used_mb"`
	DiskFreeGB   int64             `db:"disk_free_gb"`
	Running      int               `db:"running"`
	Traits       db.JSON[[]string] `db:"traits"`
	Created      db.Time           `db:"created_at"`
	Updated      db.Time           `db:"updated_at"`
}

const nodeColumns = `id, number, host, name, host_ip, kind, version, cpu_info, vcpus, memory_mb, disk_gb,
	memory_used_mb, disk_free_gb, running, traits, created_at, updated_at`

func (r *nodeRow) noun() nova.Node {
	return nova.Node{ID: r.ID, Number: r.Number, Host: r.Host, Name: r.Name, HostIP: r.HostIP, Type: r.Kind, Version: r.Version,
		CPUInfo: r.CPUInfo, VCPUs: r.VCPUs, MemoryMB: r.MemoryMB, DiskGB: r.DiskGB, MemoryUsedMB: r.MemoryUsedMB,
		DiskFreeGB: r.DiskFreeGB, Running: r.Running, Traits: r.Traits.V, Created: r.Created.Time, Updated: r.Updated.Time}
}

var (
	nodeList = db.NewList[nodeRow](stmts, "SELECT "+nodeColumns+"\nFROM nodes", map[string]string{
		"host": "host NOT NULL", "hypervisor_hostname": "name NOT NULL", "number": "number NOT NULL",
	}, "id")
	nodeByID     = db.NewQuery[nodeRow](stmts, "SELECT "+nodeColumns+"\nFROM nodes\nWHERE id = ?")
	nodeByNumber = db.NewQuery[nodeRow](stmts, "SELECT "+nodeColumns+"\nFROM nodes\nWHERE number = ?")
	nodesOfHost  = db.NewQuery[nodeRow](stmts, "SELECT "+nodeColumns+"\nFROM nodes\nWHERE host = ?")
	insertNode   = db.NewInsert[nodeRow](stmts, "nodes")
	updateNode   = db.NewExec(stmts, `
UPDATE nodes
SET host_ip = ?, kind = ?, version = ?, cpu_info = ?, vcpus = ?, memory_mb = ?, disk_gb = ?, memory_used_mb = ?, disk_free_gb = ?,
    running = ?, traits = ?, updated_at = ?
WHERE id = ?`)
	deleteNodes = db.NewExec(stmts, "DELETE FROM nodes\nWHERE host = ?")
)

// Nodes is one page of hypervisors. Columns: host, hypervisor_hostname, number.
func (s *Store) Nodes(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Node, error) {
	rows, err := nodeList.Page(ctx, on, a)
	if err != nil {
		return nil, err
	}
	out := make([]nova.Node, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, nil
}

// Node by its id; fault.NotFound.
func (s *Store) Node(ctx context.Context, on db.Querier, id string) (nova.Node, error) {
	r, err := nodeByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.Node{}, fault.NotFoundf("Compute host %s could not be found.", id)
	}
	return r.noun(), err
}

// NumberedNode is a node by the number that old API versions know it by; fault.NotFound.
func (s *Store) NumberedNode(ctx context.Context, on db.Querier, number int64) (nova.Node, error) {
	r, err := nodeByNumber.One(ctx, on, number)
	if fault.Is(err, fault.NotFound) {
		return nova.Node{}, fault.NotFoundf("Compute host %d could not be found.", number)
	}
	return r.noun(), err
}

// ReportNode finds or creates the node of that host and name, writes what it reports, and answers its id.
func (s *Store) ReportNode(ctx context.Context, v nova.Node) (string, error) {
	var id string
	err := s.Tx(ctx, func(tx *db.Tx) error {
		now := db.At(s.now())
		rows, err := nodesOfHost.All(ctx, tx, v.Host)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Name == v.Name {
				id = r.ID
				_, err := updateNode.Do(ctx, tx, v.HostIP, v.Type, v.Version, v.CPUInfo, v.VCPUs, v.MemoryMB, v.DiskGB, v.MemoryUsedMB,
					v.DiskFreeGB, v.Running, db.JSON[[]string]{V: v.Traits}, now, r.ID)
				return err
			}
		}
		n, err := s.number(ctx, tx, "node")
		if err != nil {
			return err
		}
		id = ids.UUID()
		return insertNode.Do(ctx, tx, nodeRow{ID: id, Number: n, Host: v.Host, Name: v.Name, HostIP: v.HostIP, Kind: v.Type,
			Version: v.Version, CPUInfo: v.CPUInfo, VCPUs: v.VCPUs, MemoryMB: v.MemoryMB, DiskGB: v.DiskGB, MemoryUsedMB: v.MemoryUsedMB,
			DiskFreeGB: v.DiskFreeGB, Running: v.Running, Traits: db.JSON[[]string]{V: v.Traits}, Created: now, Updated: now})
	})
	return id, err
}

// DeleteNodes forgets a host's nodes.
func (s *Store) DeleteNodes(ctx context.Context, on db.Querier, host string) error {
	_, err := deleteNodes.Do(ctx, on, host)
	return err
}

type loadRow struct {
	Host     string `db:"host"`
	Servers  int    `db:"servers"`
	Busy     int    `db:"busy"`
	VCPUs    int64  `db:"vcpus"`
	MemoryMB int64  `db:"memory_mb"`
	DiskGB   int64  `db:"disk_gb"`
}

const sumLoads = `
SELECT host, COUNT(*) AS servers,
       CAST(SUM(CASE WHEN vm_state = 'building' OR task_state IN ('rebooting', 'rebooting_hard', 'spawning')
                     THEN 1 ELSE 0 END) AS BIGINT) AS busy,
       CAST(SUM(vcpus) AS BIGINT) AS vcpus,
       CAST(SUM(memory_mb) AS BIGINT) AS memory_mb,
       CAST(SUM(disk_gb) AS BIGINT) AS disk_gb
FROM servers
WHERE deleted = ?`

// servers_host serves both.
var (
	hostLoads = db.NewQuery[loadRow](stmts, sumLoads+`
  AND host <> ''
GROUP BY host`)
	hostLoad = db.NewQuery[loadRow](stmts, sumLoads+`
  AND host = ?
GROUP BY host`)
)

// HostLoads counts, for each host that has servers, what it carries.
func (s *Store) HostLoads(ctx context.Context, on db.Querier) (map[string]nova.HostLoad, error) {
	rows, err := hostLoads.All(ctx, on, false)
	if err != nil {
		return nil, err
	}
	m := make(map[string]nova.HostLoad, len(rows))
	for _, r := range rows {
		m[r.Host] = r.load()
	}
	return m, nil
}

func (r *loadRow) load() nova.HostLoad {
	return nova.HostLoad{Servers: r.Servers, Busy: r.Busy, VCPUs: r.VCPUs, MemoryMB: r.MemoryMB, DiskGB: r.DiskGB}
}

// HostLoad is what one host carries; the zero value for a host without servers.
func (s *Store) HostLoad(ctx context.Context, on db.Querier, host string) (nova.HostLoad, error) {
	r, err := hostLoad.One(ctx, on, false, host)
	if fault.Is(err, fault.NotFound) {
		return nova.HostLoad{}, nil
	}
	return r.load(), err
}
