// Package change is the unit of work of networking's operations: one write transaction together with the hosts, the
// security groups and the servers that it concerns. Every operation that writes runs in one.
package change

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/hoststate"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/lock"
)

// Deps are what a Writer uses. Notifier may be nil: then nova is not notified and finds changes when it reads.
type Deps struct {
	DB       *db.DB
	States   *hoststate.States
	Notifier neutron.Notifier
	Now      clock.Now
	Log      *slog.Logger
}

// Writer runs units of work. All resources of one database share one Writer.
type Writer struct {
	Deps
	projects *lock.Keyed[string] // nil where the database runs one writer at a time anyway
}

// New makes a Writer.
func New(d Deps) *Writer {
	w := &Writer{Deps: d}
	if d.DB.Dialect().Name() != "sqlite" {
		w.projects = &lock.Keyed[string]{}
	}
	return w
}

// Tx is one unit of work: a write transaction, and what it changes for others. It is valid until Do returns.
type Tx struct {
	*db.Tx
	hoststate.Changes // whose desired state changes: their revisions grow with the commit, and their agents get a hint
	now               clock.Now
	events            []neutron.ServerEvent
}

// Do runs fn in a write transaction and repeats it once if a concurrent transaction inserted the same unique value:
// the second run finds it. After fn the revisions of the hosts concerned grow, in the same transaction; after the
// commit their agents and nova are notified. A lost notification is harmless: both sides also poll. fn must not keep
// state between runs.
func (w *Writer) Do(ctx context.Context, fn func(*Tx) error) error {
	var last *Tx
	run := func(tx *db.Tx) error {
		last = &Tx{Tx: tx, now: w.Now}
		if err := fn(last); err != nil {
			return err
		}
		return w.States.Apply(ctx, tx, &last.Changes)
	}
	err := w.DB.Tx(ctx, run)
	if errors.Is(err, db.ErrDuplicate) {
		err = w.DB.Tx(ctx, run)
	}
	if err != nil {
		return err
	}
	w.notify(ctx, last.events)
	return nil
}

// DoIn is Do for work that adds to a project. Such transactions count the same rows: of several at once a database
// with concurrent writers commits one and repeats the others. Within a process they wait for each other instead.
func (w *Writer) DoIn(ctx context.Context, project string, fn func(*Tx) error) error {
	if w.projects == nil {
		return w.Do(ctx, fn)
	}
	return w.projects.Do(ctx, project, func() error { return w.Do(ctx, fn) })
}

// notify sends events to nova.
func (w *Writer) notify(ctx context.Context, es []neutron.ServerEvent) {
	if w.Notifier == nil || len(es) == 0 {
		return
	}
	// The change is committed, so nova is notified even if the request is cancelled.
	if err := w.Notifier.Notify(context.WithoutCancel(ctx), es); err != nil {
		w.Log.WarnContext(ctx, "cannot notify nova", "events", len(es), "error", err)
	}
}

// Event notifies nova after the commit about a port of a server. It does nothing for other ports.
func (t *Tx) Event(name string, p neutron.Port, status string) {
	if strings.HasPrefix(p.DeviceOwner, neutron.OwnerComputePrefix) && p.DeviceID != "" {
		t.events = append(t.events, neutron.ServerEvent{Name: name, Server: p.DeviceID, Port: p.ID, Status: status})
	}
}

// Now returns the time of the Writer's clock.
func (t *Tx) Now() time.Time { return t.now() }

// Stamp returns the metadata of a new resource of that revision, created now.
func (t *Tx) Stamp(m neutron.Meta, revision int64) neutron.Meta {
	m.Revision, m.Created = revision, t.now()
	m.Updated = m.Created
	return m
}

// Hook is called in the transaction that changed a resource of another package, after its rows are written. was is
// nil for a new resource, is is nil for a deleted one. An error undoes the change and is its error.
type Hook[T any] func(ctx context.Context, tx *Tx, was, is *T) error

// Hooks are the hooks of one type of resource. They are added while the process is put together, before the first
// use.
type Hooks[T any] []Hook[T]

// Add adds a hook, which runs after those added before it.
func (h *Hooks[T]) Add(f Hook[T]) { *h = append(*h, f) }

// Run calls the hooks until one fails.
func (h Hooks[T]) Run(ctx context.Context, tx *Tx, was, is *T) error {
	for _, f := range h {
		if err := f(ctx, tx, was, is); err != nil {
			return err
		}
	}
	return nil
}
