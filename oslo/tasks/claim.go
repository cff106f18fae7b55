package tasks

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/log"
)

// claimer takes due tasks from the table, with a lease for this process.
type claimer struct {
	d       *db.DB
	owner   string // unique to this queue: Owner and a random part, unless Exclusive
	rivals  bool   // the database has concurrent writers
	leases  *leases
	claimed func(n int) // counts claims
	now     clock.Now
	log     *slog.Logger

	mu       sync.Mutex
	analyzed time.Time // time of the last analyze
}

// claim claims due tasks and, on a tick, tasks whose lease has run out: at most n, of the given kinds.
func (c *claimer) claim(ctx context.Context, kinds string, n int, tick bool) ([]row, error) {
	now := db.At(c.now())
	var got []row
	if tick {
		late, err := expired.All(ctx, c.d, now, kinds, n)
		if err != nil {
			return nil, err
		}
		if got, err = c.each(ctx, c.leases.others(late)); err != nil {
			return got, err
		}
	}
	if len(got) == n {
		return got, nil
	}
	more, err := c.due(ctx, now, kinds, n-len(got))
	return append(got, more...), err
}

// due claims due tasks. On a database with concurrent writers it does so in one statement. With one writer it first
// reads, which is cheap, because most reads find nothing.
func (c *claimer) due(ctx context.Context, now db.Time, kinds string, n int) ([]row, error) {
	began := time.Now()
	if c.rivals {
		got, err := claimDue.All(ctx, c.d.Lone(), c.owner, db.At(c.leases.end()), now, kinds, n)
		if !errors.Is(err, db.ErrDuplicate) {
			if time.Since(began) > slowClaim {
				c.analyze(ctx)
			}
			slices.SortFunc(got, inOrder)
			c.claimed(len(got))
			return got, err
		}
	}
	rows, err := due.All(ctx, c.d, now, kinds, n)
	if err != nil {
		return nil, err
	}
	return c.each(ctx, rows)
}

// inOrder is the order in which due tasks start.
func inOrder(a, b row) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Seq, b.Seq))
}

// each claims the found tasks in one transaction or, if another process claimed one of them first, one by one.
func (c *claimer) each(ctx context.Context, found []row) ([]row, error) {
	if len(found) == 0 {
		return nil, nil
	}
	got, err := c.rows(ctx, found)
	if !errors.Is(err, db.ErrDuplicate) {
		return got, err
	}
	got = nil
	for _, r := range found {
		one, err := c.rows(ctx, []row{r})
		if err != nil && !errors.Is(err, db.ErrDuplicate) { // a duplicate means that another task of the key is running
			return got, err
		}
		got = append(got, one...)
	}
	return got, nil
}

// rows claims the found tasks in one transaction and leaves out those that another process has claimed or changed.
func (c *claimer) rows(ctx context.Context, found []row) ([]row, error) {
	var got []row
	until := db.At(c.leases.end())
	err := c.d.Tx(ctx, func(tx *db.Tx) error {
		got = nil
		for _, r := range found {
			n, err := claim.Do(ctx, tx, c.owner, until, r.ID, r.Fence, r.State)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			r.State, r.Owner, r.Due = running, c.owner, until
			r.Attempt++
			r.Fence++
			got = append(got, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.claimed(len(got))
	return got, nil
}

const (
	slowClaim    = 10 * time.Millisecond
	analyzeAgain = 30 * time.Second
)

// analyze updates PostgreSQL's statistics of the queue's table, at most every analyzeAgain. The table grows and shrinks
// faster than autovacuum runs; with statistics of an empty table each claim would sort all rows.
func (c *claimer) analyze(ctx context.Context) {
	c.mu.Lock()
	again := time.Since(c.analyzed) > analyzeAgain
	if again {
		c.analyzed = time.Now()
	}
	c.mu.Unlock()
	if !again {
		return
	}
	if _, err := analyze.Do(ctx, c.d); err != nil && ctx.Err() == nil {
		c.log.Warn("cannot analyze the queue's table; claims may be slow", log.Err, err)
	}
}
