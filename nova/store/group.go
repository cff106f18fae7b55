package store

import (
	"context"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/service"
)

// beatsAtOnce is how many heartbeats one statement writes.
const beatsAtOnce = 100

var (
	joinService = services.Update("", "topic", "level", "seen_at", "pulse", "note")
	// By the primary key; a shorter list repeats its last id.
	beatServices = db.NewExec(stmts, "UPDATE services\nSET seen_at = ?, reports = reports + 1, note = ''\nWHERE id IN (?"+
		strings.Repeat(", ?", beatsAtOnce-1)+")")
	beatService  = services.Update("", "seen_at", "reports = reports + 1", "note")
	leaveService = services.Update("", "seen_at", "note")
)

// Group is the service group in the services table: for roles that have the database, and for the conductor on behalf
// of the others. All stamps are of one clock, none is a member's own. Methods may be called concurrently.
type Group struct {
	db  *db.DB
	now clock.Now

	mu      sync.Mutex // guards the fields below
	writing bool       // a batch is being written, or its writer is chosen
	next    *batch     // collects heartbeats; nil: there are none
}

var _ service.Group = (*Group)(nil)

// NewGroup returns the group of a database. A nil now is the real clock. Heartbeats are written together per Group, so
// a process should have one.
func NewGroup(d *db.DB, now clock.Now) *Group {
	if now == nil {
		now = clock.Real
	}
	return &Group{db: d, now: now}
}

// Join finds or inserts the record and marks it seen. What operators decided about it stays.
func (g *Group) Join(ctx context.Context, m service.Member) (string, error) {
	var id string
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		now := db.At(g.now())
		r, err := serviceByHost.One(ctx, tx, m.Host, m.Binary)
		if err == nil {
			id = r.ID
			_, err := joinService.Do(ctx, tx, serviceRow{ID: r.ID, Topic: m.Topic, Level: m.Level, Seen: now, Pulse: m.Pulse})
			return err
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		n, err := number(ctx, tx, "service")
		if err != nil {
			return err
		}
		id = ids.UUID()
		return services.Insert(ctx, tx, serviceRow{ID: id, Number: n, Host: m.Host, Program: m.Binary, Topic: m.Topic,
			Level: m.Level, Seen: now, Pulse: m.Pulse, Created: now, Updated: now})
	})
	return id, err
}

// Beat marks the record seen now; fault.NotFound if an operator deleted it. Heartbeats that come while a transaction
// writes others are written together by the next one, so that a thousand hosts cost a few transactions.
func (g *Group) Beat(ctx context.Context, id string) error {
	g.mu.Lock()
	if g.next == nil {
		g.next = &batch{members: map[string]bool{}, lead: make(chan struct{}, 1), done: make(chan struct{})}
	}
	mine := g.next
	mine.members[id] = true
	if !g.writing {
		g.writing = true
		mine.lead <- struct{}{}
	}
	g.mu.Unlock()
	select {
	case <-mine.lead:
		g.write(ctx, mine)
	case <-mine.done:
	case <-ctx.Done():
		return ctx.Err() // another caller of the batch, or of those that join it, writes it
	}
	if mine.err == nil && mine.gone[id] {
		return fault.NotFoundf("Service %s could not be found.", id)
	}
	return mine.err
}

// Leave marks the record down at once.
func (g *Group) Leave(ctx context.Context, id string) error {
	_, err := leaveService.Do(ctx, g.db, serviceRow{ID: id})
	return err
}

// batch is heartbeats that one of their callers writes together.
type batch struct {
	members map[string]bool
	lead    chan struct{} // holds one element once it is the batch's turn; the caller that takes it writes
	done    chan struct{} // closed after gone and err are set
	gone    map[string]bool
	err     error
}

// write writes a batch and chooses the writer of the next one.
func (g *Group) write(ctx context.Context, mine *batch) {
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	// The heartbeats of the other callers do not end with the writer's context.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	mine.gone, mine.err = writeBeats(ctx, g.db, g.now(), mine.members)
	close(mine.done)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.writing = g.next != nil; g.writing {
		g.next.lead <- struct{}{}
	}
}

// writeBeats marks members seen and returns those without a record.
func writeBeats(ctx context.Context, d *db.DB, now time.Time, members map[string]bool) (gone map[string]bool,
	err error) {
	all := make([]any, 0, len(members))
	for id := range members {
		all = append(all, id)
	}
	err = d.Tx(ctx, func(tx *db.Tx) error {
		gone = map[string]bool{}
		for rest := all; len(rest) > 0; {
			n := min(len(rest), beatsAtOnce)
			if err := writeChunk(ctx, tx, now, rest[:n], gone); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	return gone, err
}

func writeChunk(ctx context.Context, tx *db.Tx, now time.Time, chunk []any, gone map[string]bool) error {
	var n int64
	var err error
	if len(chunk) == 1 {
		n, err = beatService.Do(ctx, tx, serviceRow{ID: chunk[0].(string), Seen: db.At(now)})
	} else {
		args := append(make([]any, 0, beatsAtOnce+1), now)
		args = append(args, chunk...)
		for len(args) <= beatsAtOnce {
			args = append(args, chunk[len(chunk)-1])
		}
		n, err = beatServices.Do(ctx, tx, args...)
	}
	if err != nil || n == int64(len(chunk)) {
		return err
	}
	for _, id := range chunk {
		_, err := services.Get(ctx, tx, id)
		if fault.Is(err, fault.NotFound) {
			gone[id.(string)] = true
		} else if err != nil {
			return err
		}
	}
	return nil
}
