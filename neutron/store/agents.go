package store

import (
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type agentRow struct {
	ID          string                     `db:"id"`
	Host        string                     `db:"host"`
	Binary      string                     `db:"binary_name"`
	Topic       string                     `db:"topic"`
	Type        string                     `db:"agent_type"`
	AdminUp     bool                       `db:"admin_state_up"`
	Description string                     `db:"description"`
	Config      db.JSON[map[string]string] `db:"configurations"`
	TunnelIP    string                     `db:"tunnel_ip"`
	Level       int64                      `db:"level"`
	Created     db.Time                    `db:"created_at"`
	Started     db.Time                    `db:"started_at"`
	Heartbeat   db.Time                    `db:"heartbeat_at"`
	Pulse       string                     `db:"pulse"`
	Note        string                     `db:"note"`
}

func (r agentRow) resource() neutron.Agent {
	return neutron.Agent{
		ID: r.ID, Host: r.Host, Binary: r.Binary, Topic: r.Topic, Type: r.Type, AdminUp: r.AdminUp,
		Description: r.Description, Config: r.Config.V,
		TunnelIP: addr(r.TunnelIP), Created: r.Created.Time, Started: r.Started.Time, Heartbeat: r.Heartbeat.Time,
		Pulse: r.Pulse, Note: r.Note,
	}
}

const agentSelect = `SELECT a.id, a.host, a.binary_name, a.topic, a.agent_type, a.admin_state_up, a.description, a.configurations, a.tunnel_ip, a.level,
       a.created_at, a.started_at, a.heartbeat_at, a.pulse, a.note
FROM agents a`

var (
	agentReport = db.NewExec(Stmts, `
INSERT INTO agents (id, host, binary_name, topic, agent_type, admin_state_up, description, configurations, tunnel_ip, level, created_at, started_at, heartbeat_at, pulse)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (host, binary_name) DO UPDATE SET topic = excluded.topic, agent_type = excluded.agent_type, configurations = excluded.configurations,
    tunnel_ip = excluded.tunnel_ip, level = excluded.level, started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at,
    pulse = excluded.pulse, note = ''`)
	agentByID = db.NewQuery[agentRow](Stmts, agentSelect+` WHERE a.id = ?`)
	agentsOn  = db.NewQuery[agentRow](Stmts, agentSelect+` WHERE a.host = ? ORDER BY a.binary_name`)
	// The whole table: a host has three rows.
	agentsSilent = db.NewQuery[agentRow](Stmts, agentSelect+
		` WHERE a.pulse <> '' AND a.heartbeat_at < ? ORDER BY a.host, a.binary_name`)
	// By the unique host; a heartbeat since then makes it void.
	agentNote = db.NewExec(Stmts,
		`UPDATE agents SET note = ? WHERE host = ? AND pulse = ? AND heartbeat_at = ? AND note <> ?`)
	agentUpdate = db.NewExec(Stmts, `UPDATE agents SET admin_state_up = ?, description = ? WHERE id = ?`)
	agentDelete = db.NewExec(Stmts, `DELETE FROM agents WHERE id = ?`)
	agentList   = db.NewList[agentRow](Stmts, agentSelect, map[string]string{
		"id": "a.id NOT NULL", "host": "a.host NOT NULL", "binary": "a.binary_name NOT NULL", "topic": "a.topic NOT NULL",
		"agent_type": "a.agent_type NOT NULL", "admin_state_up": "a.admin_state_up NOT NULL",
		"description": "a.description NOT NULL", "heartbeat_at": "a.heartbeat_at NOT NULL",
		"created_at": "a.created_at NOT NULL", "started_at": "a.started_at NOT NULL",
	}, "a.id")
)

// ReportAgent writes or refreshes an agent's record; what operators set (admin state, description) stays.
func ReportAgent(ctx context.Context, on db.Querier, a neutron.Agent, level int) error {
	if a.Config == nil {
		a.Config = map[string]string{}
	}
	_, err := agentReport.Do(ctx, on, a.ID, a.Host, a.Binary, a.Topic, a.Type, true, "",
		db.JSON[map[string]string]{V: a.Config}, addrText(a.TunnelIP), level,
		db.At(a.Created), db.At(a.Started), db.At(a.Heartbeat), a.Pulse)
	return err
}

// SilentAgents are the agents that can be asked beside the bus and have not reported since before, those of a host
// together.
func SilentAgents(ctx context.Context, on db.Querier, before time.Time) ([]neutron.Agent, error) {
	rows, err := agentsSilent.All(ctx, on, db.At(before))
	return resources(rows, agentRow.resource), err
}

// NoteAgents writes what was found of the agents of one process that were last heard of at seen.
func NoteAgents(ctx context.Context, on db.Querier, host, pulse string, seen time.Time, found string) error {
	_, err := agentNote.Do(ctx, on, found, host, pulse, db.At(seen), found)
	return err
}

// Agent reads one agent; fault AgentNotFound.
func Agent(ctx context.Context, on db.Querier, id string) (neutron.Agent, error) {
	return one("Agent", id, agentRow.resource)(agentByID.One(ctx, on, id))
}

// AgentsOn are the agents of a host.
func AgentsOn(ctx context.Context, on db.Querier, host string) ([]neutron.Agent, error) {
	rows, err := agentsOn.All(ctx, on, host)
	return resources(rows, agentRow.resource), err
}

// UpdateAgent writes what operators may change.
func UpdateAgent(ctx context.Context, on db.Querier, a neutron.Agent) error {
	_, err := agentUpdate.Do(ctx, on, a.AdminUp, a.Description, a.ID)
	return err
}

// DeleteAgent forgets an agent; its next report makes it known anew. One that is not there, perhaps since another
// request was quicker, is fault.NotFound.
func DeleteAgent(ctx context.Context, on db.Querier, id string) error {
	n, err := agentDelete.Do(ctx, on, id)
	if err == nil && n == 0 {
		return neutron.Missing("Agent", id)
	}
	return err
}

// Agents lists agents.
func Agents(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.Agent, error) {
	return page(ctx, on, agentList, a, agentRow.resource)
}

// Since is the condition that an agent has reported at or after t, or not.
func Since(t time.Time, alive bool) db.Cond {
	op := db.Ge
	if !alive {
		op = db.Lt
	}
	return db.Cond{Column: "heartbeat_at", Op: op, Values: []any{db.At(t)}}
}
