package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type nodeRow struct {
	ID           string            `db:"id"`
	Number       int64             `db:"number,once" list:"number"`
	Host         string            `db:"host,once" list:"host"`
	Name         string            `db:"name,once" list:"hypervisor_hostname"`
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
	Created      db.Time           `db:"created_at,once"`
	Updated      db.Time           `db:"updated_at"`
}

var (
	nodes        = db.NewTable[nodeRow](stmts, "nodes", "id")
	nodeList     = nodes.List()
	nodeByNumber = nodes.Query("number = ?")
	nodeByName   = nodes.Query("host = ?\n  AND name = ?")
	updateNode   = nodes.Update("")
	deleteNodes  = db.NewExec(stmts, "DELETE FROM nodes\nWHERE host = ?")
)

func (r *nodeRow) value() nova.Node {
	return nova.Node{ID: r.ID, Number: r.Number, Host: r.Host, Name: r.Name, HostIP: r.HostIP, Type: r.Kind,
		Version: r.Version, CPUInfo: r.CPUInfo, VCPUs: r.VCPUs, MemoryMB: r.MemoryMB, DiskGB: r.DiskGB,
		MemoryUsedMB: r.MemoryUsedMB, DiskFreeGB: r.DiskFreeGB, Running: r.Running, Traits: r.Traits.V,
		Created: r.Created.Time, Updated: r.Updated.Time}
}

// Nodes returns one page of hypervisors. Columns: host, hypervisor_hostname, number.
func Nodes(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Node, error) {
	rows, err := nodeList.Page(ctx, on, a)
	return values(rows, err, (*nodeRow).value)
}

// Node returns a node by its id; fault.NotFound.
func Node(ctx context.Context, on db.Querier, id string) (nova.Node, error) {
	r, err := nodes.Get(ctx, on, id)
	return r.value(), absent(err, "Compute host %s could not be found.", id)
}

// NumberedNode returns a node by the number that old API versions use as its id; fault.NotFound.
func NumberedNode(ctx context.Context, on db.Querier, n int64) (nova.Node, error) {
	r, err := nodeByNumber.One(ctx, on, n)
	return r.value(), absent(err, "Compute host %d could not be found.", n)
}

// ReportNode writes what a host reports of a node, which it finds by host and name or inserts, and returns its id.
func ReportNode(ctx context.Context, tx *db.Tx, v nova.Node, now time.Time) (string, error) {
	r := nodeRow{Host: v.Host, Name: v.Name, HostIP: v.HostIP, Kind: v.Type, Version: v.Version, CPUInfo: v.CPUInfo,
		VCPUs: v.VCPUs, MemoryMB: v.MemoryMB, DiskGB: v.DiskGB, MemoryUsedMB: v.MemoryUsedMB, DiskFreeGB: v.DiskFreeGB,
		Running: v.Running, Traits: db.JSON[[]string]{V: v.Traits}, Created: db.At(now), Updated: db.At(now)}
	known, err := nodeByName.One(ctx, tx, v.Host, v.Name)
	if err == nil {
		r.ID = known.ID
		_, err = updateNode.Do(ctx, tx, r)
		return r.ID, err
	}
	if !fault.Is(err, fault.NotFound) {
		return "", err
	}
	if r.Number, err = number(ctx, tx, "node"); err != nil {
		return "", err
	}
	r.ID = ids.UUID()
	return r.ID, nodes.Insert(ctx, tx, r)
}

// DeleteNodes deletes the nodes of a host.
func DeleteNodes(ctx context.Context, on db.Querier, host string) error {
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

// HostLoads counts the servers of each host that has some, and sums their sizes.
func HostLoads(ctx context.Context, on db.Querier) (map[string]nova.HostLoad, error) {
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

// HostLoad counts the servers of one host and sums their sizes; zero for a host without servers.
func HostLoad(ctx context.Context, on db.Querier, host string) (nova.HostLoad, error) {
	r, err := hostLoad.One(ctx, on, false, host)
	if fault.Is(err, fault.NotFound) {
		return nova.HostLoad{}, nil
	}
	return r.load(), err
}
