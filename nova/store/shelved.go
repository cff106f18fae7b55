package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// shelvedRow is what a shelved server comes back from, and when it was shelved. A server that is not shelved has
// neither.
type shelvedRow struct {
	ID    string  `db:"id"`
	Image string  `db:"shelved_image"`
	At    db.Time `db:"shelved_at"`
}

// requestedZoneRow is the availability zone that a server is pinned to; empty: none.
type requestedZoneRow struct {
	ID   string `db:"id"`
	Zone string `db:"requested_zone"`
}

var (
	shelvedServers = db.NewPart[shelvedRow](stmts, "servers", "id")
	setShelved     = shelvedServers.Update("deleted = ?")
	pinnedServers  = db.NewPart[requestedZoneRow](stmts, "servers", "id")
	setPinned      = pinnedServers.Update("deleted = ?")
	shelvedBefore  = db.NewQuery[shelvedRow](stmts, `SELECT id, shelved_image, shelved_at
FROM servers
WHERE vm_state = 'shelved'
  AND task_state = ''
  AND shelved_at < ?
  AND deleted = ?
ORDER BY shelved_at
LIMIT 100`)
)

// ShelvedImage returns the ID of the image of a shelved server; empty for none. fault.NotFound. The server may be
// deleted.
func ShelvedImage(ctx context.Context, on db.Querier, id string) (string, error) {
	r, err := shelvedServers.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return "", NoServer(id)
	}
	return r.Image, err
}

// SaveShelved writes the image of a shelved server and the time; an empty image says that it is not shelved any more.
// fault.NotFound.
func SaveShelved(ctx context.Context, on db.Querier, id, image string, now time.Time) error {
	r := shelvedRow{ID: id, Image: image}
	if image != "" {
		r.At = db.At(now)
	}
	n, err := setShelved.Do(ctx, on, r, false)
	if err == nil && n == 0 {
		return NoServer(id)
	}
	return err
}

// SaveRequestedZone pins a server to an availability zone; empty: to none. fault.NotFound.
func SaveRequestedZone(ctx context.Context, on db.Querier, id, zone string) error {
	n, err := setPinned.Do(ctx, on, requestedZoneRow{id, zone}, false)
	if err == nil && n == 0 {
		return NoServer(id)
	}
	return err
}

// ShelvedBefore lists up to 100 servers that are still on their hosts, were shelved before a time, and that no job
// owns: the oldest first.
func ShelvedBefore(ctx context.Context, on db.Querier, t time.Time) ([]string, error) {
	rows, err := shelvedBefore.All(ctx, on, db.At(t), false)
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids, err
}
