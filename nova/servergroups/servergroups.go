// Package servergroups implements the operations on server groups, whose policies say how servers are spread over
// hosts.
package servergroups

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Limits returns how many groups a project or user may have; nova/quota does.
type Limits interface {
	Limits(ctx context.Context, project, user string) (nova.Limits, error)
}

// Groups has the operations on server groups; New makes it. Methods may be called concurrently and block on the
// database.
type Groups struct {
	db     *db.DB
	now    clock.Now
	limits Limits
}

// New makes the operations on a database. A nil now is the real clock.
func New(d *db.DB, now clock.Now, l Limits) *Groups {
	if now == nil {
		now = clock.Real
	}
	return &Groups{d, now, l}
}

// List lists groups in the order in which they were made. An empty project means all projects; a limit of 0 means all
// groups behind the offset.
func (g *Groups) List(ctx context.Context, project string, offset, limit int) ([]nova.ServerGroup, error) {
	return store.ServerGroups(ctx, g.db, project, offset, limit)
}

// Group returns a group; fault.NotFound.
func (g *Groups) Group(ctx context.Context, id string) (nova.ServerGroup, error) {
	return store.ServerGroup(ctx, g.db, id)
}

// Of returns the id of the group that a server is in, or "" if it is in none.
func (g *Groups) Of(ctx context.Context, server string) (string, error) {
	return store.GroupOf(ctx, g.db, server)
}

// Create makes a group: Name, Project, User, Policy and MaxPerHost are the caller's. Faults: Invalid for MaxPerHost
// with a policy other than nova.AntiAffinity, OverQuota.
func (g *Groups) Create(ctx context.Context, v nova.ServerGroup) (nova.ServerGroup, error) {
	if v.MaxPerHost != 0 && v.Policy != nova.AntiAffinity {
		return v, fault.Invalidf("Only anti-affinity policy supports rules.")
	}
	project, err := g.limits.Limits(ctx, v.Project, "")
	if err != nil {
		return v, err
	}
	own, err := g.limits.Limits(ctx, v.Project, v.User)
	if err != nil {
		return v, err
	}
	v.ID, v.Created = ids.UUID(), g.now()
	err = g.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := store.CountServerGroups(ctx, tx, v.Project, "")
		if err != nil {
			return err
		}
		mine, err := store.CountServerGroups(ctx, tx, v.Project, v.User)
		if err != nil {
			return err
		}
		if over(project.ServerGroups, n) || over(own.ServerGroups, mine) {
			return fault.OverQuotaf("Quota exceeded, too many server groups.")
		}
		return store.InsertServerGroup(ctx, tx, v)
	})
	return v, err
}

func over(limit, used int64) bool { return limit >= 0 && used >= limit }

// Delete deletes a group; its servers stay where they are. fault.NotFound.
func (g *Groups) Delete(ctx context.Context, id string) error {
	return g.db.Tx(ctx, func(tx *db.Tx) error { return store.DeleteServerGroup(ctx, tx, id) })
}
