// Package networks is the verbs on networks, subnets and ports. Each verb is one transaction that also moves on the
// revisions of the hosts concerned; hints to agents and to compute go out after its commit. Who may do what is decided
// before these are called.
package networks

import (
	"context"
	"errors"
	"log/slog"

	"hypernova/neutron"
	"hypernova/neutron/hosts"
	"hypernova/neutron/ml2"
	"hypernova/neutron/quota"
	"hypernova/neutron/secgroups"
	"hypernova/nova"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/lock"
	"hypernova/oslo/messaging"
)

// Config is what operators decide.
type Config struct {
	ML2    ml2.Config
	Quotas quota.Config
}

// Deps is what the verbs stand on. Bus and Events may be nil: then nobody is told, and finds out by asking.
type Deps struct {
	DB         *db.DB
	Bus        *messaging.Bus
	Now        clock.Now
	Log        *slog.Logger
	Events     nova.Events
	Types      []ml2.Type
	Mechanisms []ml2.Mechanism // in the order they are asked
	Rights     Rights          // nil: users' wishes that come by the contract of compute are refused
	Config     Config
}

// Service are the verbs. It is the neutron.API of this process.
type Service struct {
	db     *db.DB
	now    clock.Now
	log    *slog.Logger
	events nova.Events
	types  map[string]ml2.Type
	mechs  []ml2.Mechanism
	config Config
	rights Rights
	turns  *lock.Keyed[string] // of projects; nil where the database takes one writer at a time anyway

	Quotas *quota.Quotas
	Groups *secgroups.Groups
	Hosts  *hosts.Hosts
}

var _ neutron.API = (*Service)(nil)

// New makes the verbs over a migrated database.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = clock.Real
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{db: d.DB, now: d.Now, log: d.Log, events: d.Events, types: map[string]ml2.Type{}, mechs: d.Mechanisms, config: d.Config, rights: d.Rights}
	if s.rights == nil {
		s.rights = nobody{}
	}
	for _, t := range d.Types {
		s.types[t.Name()] = t
	}
	if d.DB.Dialect().Name() != "sqlite" {
		s.turns = &lock.Keyed[string]{}
	}
	s.Quotas = quota.New(d.DB, d.Config.Quotas)
	s.Hosts = hosts.New(d.DB, d.Bus, d.Log)
	s.Groups = secgroups.New(d.DB, s.Quotas, s.Hosts, d.Now)
	return s
}

// work is one transaction under way: what it changed, and what compute is to be told of it.
type work struct {
	*db.Tx
	changes hosts.Changes
	events  []nova.ExternalEvent
}

// changeIn is change for work that adds to a project. Such transactions count the same rows, so of several at once a database with many
// writers lets one through and makes the others try again: within a process they queue instead.
func (s *Service) changeIn(ctx context.Context, project string, fn func(*work) error) error {
	if s.turns == nil {
		return s.change(ctx, fn)
	}
	return s.turns.Do(ctx, project, func() error { return s.change(ctx, fn) })
}

// change runs fn in a write transaction, once more where somebody made the same thing at the same time: the second run finds it.
// Afterwards the hosts concerned and compute are told.
func (s *Service) change(ctx context.Context, fn func(*work) error) error {
	var w *work
	run := func(tx *db.Tx) error {
		w = &work{Tx: tx}
		if err := fn(w); err != nil {
			return err
		}
		return s.Hosts.Apply(ctx, tx, &w.changes)
	}
	err := s.db.Tx(ctx, run)
	if errors.Is(err, db.ErrDuplicate) {
		err = s.db.Tx(ctx, run)
	}
	if err != nil {
		return err
	}
	s.tell(ctx, w.events)
	return nil
}

// tell gives compute its hints. They may be lost; compute asks as well.
func (s *Service) tell(ctx context.Context, es []nova.ExternalEvent) {
	if s.events == nil || len(es) == 0 {
		return
	}
	// The change is made, whatever becomes of the request that asked for it.
	if err := s.events.ExternalEvents(context.WithoutCancel(ctx), es); err != nil {
		s.log.WarnContext(ctx, "no hint to compute", "events", len(es), "err", err)
	}
}
