package store

import (
	"context"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/service"
)

// beatsAtOnce is how many heartbeats one statement writes.
const beatsAtOnce = 100

var (
	joinService = db.NewExec(stmts, "UPDATE services\nSET topic = ?, level = ?, seen_at = ?, pulse = ?, note = ''\nWHERE id = ?")
	// By the primary key; a shorter list repeats its last id.
	beatServices = db.NewExec(stmts, "UPDATE services\nSET seen_at = ?, reports = reports + 1, note = ''\nWHERE id IN (?"+
		strings.Repeat(", ?", beatsAtOnce-1)+")")
	beatService  = db.NewExec(stmts, "UPDATE services\nSET seen_at = ?, reports = reports + 1, note = ''\nWHERE id = ?")
	leaveService = db.NewExec(stmts, "UPDATE services\nSET seen_at = NULL, note = ''\nWHERE id = ?")
	noteService  = db.NewExec(stmts, "UPDATE services\nSET note = ?\nWHERE id = ?\n  AND seen_at = ?\n  AND note <> ?")
)

// Group is membership kept in the services table, for roles that have the database at hand and for the conductor, which keeps it for the
// others. All times are of the store's clock, none is a member's own.
type Group struct{ s *Store }

var _ service.Group = Group{}

// Group of this store.
func (s *Store) Group() Group { return Group{s} }

// Join finds or creates the record and marks it seen; what an operator decided about it stays.
func (g Group) Join(ctx context.Context, m service.Member) (string, error) {
	var id string
	err := g.s.Tx(ctx, func(tx *db.Tx) error {
		now := db.At(g.s.now())
		r, err := serviceByHost.One(ctx, tx, m.Host, m.Binary)
		if err == nil {
			id = r.ID
			_, err := joinService.Do(ctx, tx, m.Topic, m.Level, now, m.Pulse, r.ID)
			return err
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		n, err := g.s.number(ctx, tx, "service")
		if err != nil {
			return err
		}
		id = ids.UUID()
		return services.Insert(ctx, tx, serviceRow{ID: id, Number: n, Host: m.Host, Program: m.Binary, Topic: m.Topic, Level: m.Level,
			Seen: now, Pulse: m.Pulse, Created: now, Updated: now})
	})
	return id, err
}

// Beat marks the record seen now; fault.NotFound when an operator deleted it. Heartbeats that come while one is being written are written
// together by the next transaction, so that a thousand hosts cost a few transactions and not a thousand.
func (g Group) Beat(ctx context.Context, id string) error { return g.s.beats.add(ctx, g.s, id) }

// Leave marks it down at once.
func (g Group) Leave(ctx context.Context, id string) error {
	_, err := leaveService.Do(ctx, g.s.DB, id)
	return err
}

// NoteService writes what was found of a service that was last seen at seen; a heartbeat since then makes it void.
func (s *Store) NoteService(ctx context.Context, id, note string, seen time.Time) error {
	_, err := noteService.Do(ctx, s.DB, note, id, db.At(seen), note)
	return err
}

// beats gathers heartbeats while earlier ones are being written. The zero value is ready.
type beats struct {
	mu      sync.Mutex // guards what follows
	writing bool       // somebody writes, or has been told to
	next    *batch     // gathers; nil: empty
}

// batch is heartbeats that are written together, by one of those who wait for it.
type batch struct {
	members map[string]bool
	lead    chan struct{} // holds one element once it is the batch's turn: whoever takes it writes
	done    chan struct{} // closed after gone and err are set
	gone    map[string]bool
	err     error
}

func (b *beats) add(ctx context.Context, s *Store, id string) error {
	b.mu.Lock()
	if b.next == nil {
		b.next = &batch{members: map[string]bool{}, lead: make(chan struct{}, 1), done: make(chan struct{})}
	}
	mine := b.next
	mine.members[id] = true
	if !b.writing {
		b.writing = true
		mine.lead <- struct{}{}
	}
	b.mu.Unlock()
	select {
	case <-mine.lead:
		b.write(ctx, s, mine)
	case <-mine.done:
	case <-ctx.Done():
		return ctx.Err() // the others of the batch, or those who join it, write
	}
	if mine.err == nil && mine.gone[id] {
		return fault.NotFoundf("Service %s could not be found.", id)
	}
	return mine.err
}

// write writes a batch and lets the next one begin.
func (b *beats) write(ctx context.Context, s *Store, mine *batch) {
	b.mu.Lock()
	b.next = nil
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second) // the others of the batch do not end with its writer
	defer cancel()
	mine.gone, mine.err = s.beat(ctx, mine.members)
	close(mine.done)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writing = b.next != nil; b.writing {
		b.next.lead <- struct{}{}
	}
}

// beat writes heartbeats and names those that nobody has a record of.
func (s *Store) beat(ctx context.Context, members map[string]bool) (gone map[string]bool, err error) {
	all := make([]any, 0, len(members))
	for id := range members {
		all = append(all, id)
	}
	err = s.Tx(ctx, func(tx *db.Tx) error {
		gone = map[string]bool{}
		now := s.now()
		for rest := all; len(rest) > 0; {
			n := min(len(rest), beatsAtOnce)
			if err := s.beatChunk(ctx, tx, now, rest[:n], gone); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	return gone, err
}

func (s *Store) beatChunk(ctx context.Context, tx *db.Tx, now time.Time, chunk []any, gone map[string]bool) error {
	var n int64
	var err error
	if len(chunk) == 1 {
		n, err = beatService.Do(ctx, tx, now, chunk[0])
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
