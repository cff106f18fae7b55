package servers

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// ActionQuery narrows a list of actions.
type ActionQuery struct {
	Since, Before time.Time
	Marker        string // a request id
	Limit         int    // 0: all
}

// Actions lists the instance actions of a server without their events, latest first, also for a deleted server.
func (s *Servers) Actions(ctx context.Context, server string, q ActionQuery) ([]nova.Action, error) {
	a := db.ListArgs{Sort: []db.SortKey{{Column: "created_at", Desc: true}}, Limit: q.Limit}
	if !q.Since.IsZero() {
		a.Where = append(a.Where, db.Cond{Column: "updated_at", Op: db.Ge, Values: []any{q.Since}})
	}
	if !q.Before.IsZero() {
		a.Where = append(a.Where, db.Cond{Column: "updated_at", Op: db.Le, Values: []any{q.Before}})
	}
	if q.Marker != "" {
		m, err := store.Action(ctx, s.DB, server, q.Marker)
		if err != nil {
			return nil, fault.Invalidf("Marker %s could not be found.", q.Marker)
		}
		a.Marker = m.ID
	}
	return store.Actions(ctx, s.DB, server, a)
}

// Action returns the instance action of a request, with its events; fault.NotFound.
func (s *Servers) Action(ctx context.Context, server, request string) (nova.Action, error) {
	return store.Action(ctx, s.DB, server, request)
}
