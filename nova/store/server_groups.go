package store

import (
	"context"
	"math"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type serverGroupRow struct {
	ID         string  `db:"id,once"`
	Number     int64   `db:"number,once" list:"number"`
	Name       string  `db:"name"`
	Project    string  `db:"project_id,once" list:"project_id"`
	User       string  `db:"user_id,once" list:"user_id"`
	Policy     string  `db:"policy"`
	MaxPerHost int     `db:"max_per_host"`
	Placements int64   `db:"placements"` // counts up with each placement of a member, which locks the row
	Created    db.Time `db:"created_at,once"`
}

// serverGroupFields are copied as they are; group and serverGroupRowOf convert the others.
var serverGroupFields = db.NewFields[serverGroupRow, nova.ServerGroup](
	"Number", "Policy", "Placements", "Created", "Members")

func (r *serverGroupRow) group() nova.ServerGroup {
	g := nova.ServerGroup{Policy: nova.GroupPolicy(r.Policy), Created: r.Created.Time}
	serverGroupFields.Read(r, &g)
	return g
}

func serverGroupRowOf(g *nova.ServerGroup, number int64) serverGroupRow {
	r := serverGroupRow{Number: number, Policy: string(g.Policy), Created: db.At(g.Created)}
	serverGroupFields.Write(g, &r)
	return r
}

type memberRow struct {
	Server string `db:"server_id,once"`
	Group  string `db:"group_id,once"`
	Number int64  `db:"number,once"`
}

type hostCount struct {
	Host    string `db:"host"`
	Servers int64  `db:"servers"`
}

var (
	serverGroups      = db.NewTable[serverGroupRow](stmts, "server_groups", "id")
	serverGroupList   = serverGroups.List()
	deleteServerGroup = serverGroups.Delete("")
	placeInGroup      = db.NewExec(stmts, "UPDATE server_groups\nSET placements = placements + 1\nWHERE id = ?")
	groupMembers      = db.NewTable[memberRow](stmts, "server_group_members", "server_id")

	// server_group_members_group serves these.
	membersOfGroup = db.NewQuery[memberRow](stmts, `
SELECT m.server_id, m.group_id, m.number
FROM server_group_members m
JOIN servers s ON s.id = m.server_id
WHERE m.group_id = ?
  AND s.deleted = ?
ORDER BY m.number`)
	membersOfGroups = db.NewList[memberRow](stmts, `
SELECT m.server_id, m.group_id, m.number
FROM server_group_members m
JOIN servers s ON s.id = m.server_id`, map[string]string{
		"group_id": "m.group_id NOT NULL", "deleted": "s.deleted NOT NULL", "number": "m.number NOT NULL",
	}, "m.server_id")
	countMembers = db.NewQuery[int64](stmts, `
SELECT COUNT(*)
FROM server_group_members m
JOIN servers s ON s.id = m.server_id
WHERE m.group_id = ?
  AND s.user_id = ?
  AND s.deleted = ?`)
	deleteMembers = db.NewExec(stmts, "DELETE FROM server_group_members\nWHERE group_id = ?")
	hostsOfGroup  = db.NewQuery[hostCount](stmts, `
SELECT s.host, COUNT(*) AS servers
FROM server_group_members m
JOIN servers s ON s.id = m.server_id
WHERE m.group_id = ?
  AND s.id <> ?
  AND s.deleted = ?
  AND s.host <> ''
GROUP BY s.host`)
)

// ServerGroups lists groups in the order in which they were made, with their members. An empty project means all
// projects; a limit of 0 means all groups behind the offset.
func ServerGroups(ctx context.Context, on db.Querier, project string, offset, limit int) ([]nova.ServerGroup,
	error) {
	var where []db.Cond
	if project != "" {
		where = append(where, db.EqTo("project_id", project))
	}
	args := db.ListArgs{Where: where, Sort: []db.SortKey{{Column: "number"}}}
	if limit > 0 {
		args.Limit = min(offset, math.MaxInt32) + limit // their sum must not overflow
	}
	rows, err := serverGroupList.Page(ctx, on, args)
	if err != nil {
		return nil, err
	}
	rows = rows[min(offset, len(rows)):]
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	members, err := membersOfGroups.Page(ctx, on, db.ListArgs{Sort: []db.SortKey{{Column: "number"}},
		Where: []db.Cond{db.InList("group_id", ids), db.EqTo("deleted", false)}})
	if err != nil {
		return nil, err
	}
	servers := map[string][]string{}
	for _, m := range members {
		servers[m.Group] = append(servers[m.Group], m.Server)
	}
	out := make([]nova.ServerGroup, len(rows))
	for i := range rows {
		out[i] = rows[i].group()
		out[i].Members = servers[rows[i].ID]
	}
	return out, nil
}

// ServerGroup returns a group with its members; fault.NotFound.
func ServerGroup(ctx context.Context, on db.Querier, id string) (nova.ServerGroup, error) {
	r, err := serverGroups.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.ServerGroup{}, noServerGroup(id)
	}
	if err != nil {
		return nova.ServerGroup{}, err
	}
	return withMembers(ctx, on, r.group())
}

func noServerGroup(id string) error {
	return fault.NotFoundf("Instance group %s could not be found.", id)
}

func withMembers(ctx context.Context, on db.Querier, g nova.ServerGroup) (nova.ServerGroup, error) {
	rows, err := membersOfGroup.All(ctx, on, g.ID, false)
	for _, r := range rows {
		g.Members = append(g.Members, r.Server)
	}
	return g, err
}

// CountServerGroups returns how many groups a project has, or, if user is not "", one user of it.
func CountServerGroups(ctx context.Context, on db.Querier, project, user string) (int64, error) {
	where := []db.Cond{db.EqTo("project_id", project)}
	if user != "" {
		where = append(where, db.EqTo("user_id", user))
	}
	return serverGroupList.Count(ctx, on, where)
}

// InsertServerGroup writes a new group without members.
func InsertServerGroup(ctx context.Context, tx *db.Tx, g nova.ServerGroup) error {
	n, err := number(ctx, tx, "server_group")
	if err != nil {
		return err
	}
	return serverGroups.Insert(ctx, tx, serverGroupRowOf(&g, n))
}

// DeleteServerGroup deletes a group and what it knows of members, which stay; fault.NotFound.
func DeleteServerGroup(ctx context.Context, tx *db.Tx, id string) error {
	n, err := deleteServerGroup.Do(ctx, tx, id)
	if err == nil && n == 0 {
		return noServerGroup(id)
	}
	if err == nil {
		_, err = deleteMembers.Do(ctx, tx, id)
	}
	return err
}

// JoinServerGroup makes new servers members of a group. The group's row is locked until the end of the transaction;
// fault.NotFound if the group does not exist.
func JoinServerGroup(ctx context.Context, tx *db.Tx, group string, servers []string) error {
	n, err := placeInGroup.Do(ctx, tx, group)
	if err != nil {
		return err
	}
	if n == 0 {
		return noServerGroup(group)
	}
	rows := make([]memberRow, len(servers))
	for i, id := range servers {
		n, err := number(ctx, tx, "server_group_member")
		if err != nil {
			return err
		}
		rows[i] = memberRow{id, group, n}
	}
	return groupMembers.InsertAll(ctx, tx, rows)
}

// CountMembers returns how many servers of a user are in a group.
func CountMembers(ctx context.Context, on db.Querier, group, user string) (int64, error) {
	return countMembers.One(ctx, on, group, user, false)
}

// GroupOf returns the id of the group that a server is in, or "" if it is in none.
func GroupOf(ctx context.Context, on db.Querier, server string) (string, error) {
	m, err := groupMembers.Get(ctx, on, server)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return m.Group, err
}

// GroupHosts returns where the other members of a server's group are, or nil if the server is in no group.
func GroupHosts(ctx context.Context, on db.Querier, server string) (*nova.GroupHosts, error) {
	id, err := GroupOf(ctx, on, server)
	if err != nil || id == "" {
		return nil, err
	}
	return groupHosts(ctx, on, id, server)
}

// LockGroup is GroupHosts for a transaction that is about to record the server's host: it locks the group's row, so
// that no other member is placed before the transaction ends.
func LockGroup(ctx context.Context, tx *db.Tx, server string) (*nova.GroupHosts, error) {
	id, err := GroupOf(ctx, tx, server)
	if err != nil || id == "" {
		return nil, err
	}
	if _, err := placeInGroup.Do(ctx, tx, id); err != nil {
		return nil, err
	}
	return groupHosts(ctx, tx, id, server)
}

func groupHosts(ctx context.Context, on db.Querier, id, server string) (*nova.GroupHosts, error) {
	r, err := serverGroups.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // it was deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	rows, err := hostsOfGroup.All(ctx, on, id, server, false)
	if err != nil {
		return nil, err
	}
	g := &nova.GroupHosts{Policy: nova.GroupPolicy(r.Policy), MaxPerHost: r.MaxPerHost,
		Servers: map[string]int{}}
	for _, h := range rows {
		g.Servers[h.Host] = int(h.Servers)
	}
	return g, nil
}
