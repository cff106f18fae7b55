// Package servers is the verbs on servers: they check a request, write rows and enqueue a task in one transaction. It
// decides no policy: whoever calls has asked already. The caller in the context is whose server is made and whom locks
// concern.
package servers

import (
	"context"

	"hypernova/glance"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/tasks"
)

// Flavors finds flavors as the caller in ctx may see them; fault.NotFound.
type Flavors interface {
	Flavor(ctx context.Context, id string) (nova.Flavor, error)
}

// Keys finds a user's public key by the pair's name; fault.NotFound.
type Keys interface {
	PublicKey(ctx context.Context, user, name string) (string, error)
}

// Quotas answers the limits in force. Limits with an empty user are the project's; with a user, that user's within the project, or the
// project's where the user has none of its own.
type Quotas interface {
	Limits(ctx context.Context, project, user string) (nova.Limits, error)
}

// Deps are what the verbs use.
type Deps struct {
	DB       *db.DB
	Now      clock.Now // nil: the real clock
	Queue    *tasks.Queue
	Bus      *messaging.Bus
	Images   glance.API
	Networks neutron.API
	Flavors  Flavors
	Keys     Keys
	Quotas   Quotas
	// DefaultZone is where hosts of no aggregate are; empty: "nova". ScheduleZone is asked for when the request names none.
	DefaultZone, ScheduleZone string
}

// Servers is the verbs. Methods may be called concurrently.
type Servers struct{ Deps }

// New makes the verbs.
func New(d Deps) *Servers {
	if d.DefaultZone == "" {
		d.DefaultZone = "nova"
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	return &Servers{d}
}

// Server is one that exists; fault.NotFound.
func (s *Servers) Server(ctx context.Context, id string) (nova.Server, error) {
	return store.Server(ctx, s.DB, id)
}

// AnyServer is one that exists or existed, for readers of its history; fault.NotFound.
func (s *Servers) AnyServer(ctx context.Context, id string) (nova.Server, error) {
	return store.AnyServer(ctx, s.DB, id)
}

// Ports is the server's network cache in full.
func (s *Servers) Ports(ctx context.Context, id string) ([]nova.NIC, error) {
	return store.Ports(ctx, s.DB, id)
}

// GroupNames are the names of the security groups that the server's ports have now.
func (s *Servers) GroupNames(ctx context.Context, id string) ([]string, error) {
	groups, err := s.Networks.GroupNames(ctx, []string{id})
	return groups[id], err
}

// unlocked refuses whoever is not an administrator on a locked server.
func unlocked(ctx context.Context, v *nova.Server) error {
	if v.Locked && !auth.From(ctx).Admin() {
		return fault.Conflictf("Instance %s is locked", v.ID)
	}
	return nil
}

// placed refuses a server that has no host yet, or none any more.
func placed(v *nova.Server) error {
	if v.Host == "" {
		return fault.Conflictf("Instance %s is not ready", v.ID)
	}
	return nil
}
