package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

// Ends lists how the rows of each table of compute end.
func Ends() []db.End {
	server := &db.Sweep{Tx: purgeServers}
	return []db.End{
		{Table: "servers", How: "a deleted server is kept until a purge", Sweep: server},
		{Table: "actions", How: "with their server"},
		{Table: "action_events", How: "with their server"},
		{Table: "server_groups", How: "their project deletes them"},
		{Table: "server_group_members", How: "with their server or their group"},
		{Table: "tickets", How: "the request that waits for the result takes it; a purge takes those of requests that ended",
			Sweep: purgeTickets.Before()},
		{Table: "console_tokens", How: "with their server, after their time with each new one, or by a purge",
			Sweep: purgeConsoles.Before()},
		{Table: "counters", How: "one row for each sort of numbers"},
		{Table: "services", How: "an operator deletes the service"},
		{Table: "nodes", How: "with the service of their host"},
		{Table: "aggregates", How: "an operator deletes the aggregate"},
		{Table: "flavors", How: "an operator deletes the flavor"},
		{Table: "keypairs", How: "their user deletes them"},
		{Table: "quotas", How: "an operator deletes the project's quota; a purge takes those of projects that are gone"},
		{Table: "quota_classes", How: "one row for each limit of a class"},
	}
}

var (
	// servers_deleted serves it. A server that a task still names is kept: a host may still have to remove its guest.
	purgeable = db.NewQuery[string](stmts, `
SELECT id
FROM servers
WHERE deleted_at < ?
  AND deleted = ?
  AND NOT EXISTS (SELECT 1 FROM tasks WHERE task_key IN (servers.id, 'forget:' || servers.id))
  AND NOT EXISTS (SELECT 1 FROM tasks WHERE kind = 'host.cleanup' AND task_key LIKE '%' || servers.id)
ORDER BY deleted_at
LIMIT ?`)
	purgeEvents = db.NewDelete(stmts, "action_events", `id IN (
  SELECT e.id
  FROM action_events e
  JOIN actions a ON a.id = e.action_id
  WHERE a.server_id = ?
  LIMIT ?)`)
	purgeActions = db.NewDelete(stmts, "actions", "id IN (SELECT id FROM actions WHERE server_id = ? LIMIT ?)")
	purgeMember  = db.NewDelete(stmts, "server_group_members", `server_id IN (
  SELECT server_id
  FROM server_group_members
  WHERE server_id = ?
  LIMIT ?)`)
	purgeServer = db.NewDelete(stmts, "servers", "id = ?\n  AND deleted = ?")
)

// purgeServers deletes servers that were deleted before an instant, each after its events and actions.
func purgeServers(ctx context.Context, tx *db.Tx, before time.Time, most int) (all []db.Gone, err error) {
	servers, err := purgeable.All(ctx, tx, db.At(before), true, most)
	if err != nil {
		return nil, err
	}
	for _, id := range servers {
		for _, part := range []*db.Delete{purgeEvents, purgeActions, purgeMember} {
			if len(all) >= most {
				return all, nil // the next transaction goes on with this server
			}
			gone, err := part.Do(ctx, tx, id, most-len(all))
			if err != nil {
				return nil, err
			}
			all = append(all, gone...)
		}
		if len(all) >= most {
			return all, nil
		}
		gone, err := purgeServer.Do(ctx, tx, id, true)
		if err != nil {
			return nil, err
		}
		all = append(all, gone...)
	}
	return all, nil
}
