package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
)

type serviceRow struct {
	ID             string  `db:"id,once"`
	Number         int64   `db:"number,once" list:"number"`
	Host           string  `db:"host" list:"host"`
	Program        string  `db:"program" list:"binary"`
	Topic          string  `db:"topic"`
	Level          int     `db:"level"`
	Disabled       bool    `db:"disabled" list:"disabled"`
	DisabledReason string  `db:"disabled_reason"`
	ForcedDown     bool    `db:"forced_down"`
	Seen           db.Time `db:"seen_at"`
	Reports        int64   `db:"reports"`
	Pulse          string  `db:"pulse"`
	Note           string  `db:"note"`
	Created        db.Time `db:"created_at"`
	Updated        db.Time `db:"updated_at"`
}

func (r *serviceRow) value() nova.Service {
	return nova.Service{ID: r.ID, Number: r.Number, Host: r.Host, Binary: r.Program, Topic: r.Topic, Level: r.Level,
		Disabled: r.Disabled, DisabledReason: r.DisabledReason, ForcedDown: r.ForcedDown, Seen: r.Seen.Time,
		Reports: r.Reports, Pulse: r.Pulse, Note: r.Note, Created: r.Created.Time, Updated: r.Updated.Time}
}

// serviceLimit bounds a listing of services; there is one for each role of each host.
const serviceLimit = 100_000

var (
	services        = db.NewTable[serviceRow](stmts, "services", "id")
	serviceList     = services.List()
	serviceByNumber = services.Query("number = ?")
	serviceByHost   = services.Query("host = ?\n  AND program = ?")
	deleteService   = services.Delete("")
	decideOnService = services.Update("", "disabled", "disabled_reason", "forced_down", "updated_at")
	// A heartbeat after the note's cause was found makes the note void.
	noteService = services.Update("seen_at = ?\n  AND note <> ?", "note")
)

// Services returns service records in order of number. host and binary filter the list if they are not empty.
func Services(ctx context.Context, on db.Querier, host, binary string) ([]nova.Service, error) {
	var where []db.Cond
	if host != "" {
		where = append(where, db.EqTo("host", host))
	}
	if binary != "" {
		where = append(where, db.EqTo("binary", binary))
	}
	rows, err := serviceList.Page(ctx, on,
		db.ListArgs{Where: where, Sort: []db.SortKey{{Column: "number"}}, Limit: serviceLimit})
	return values(rows, err, (*serviceRow).value)
}

// Service returns a service record by its id; fault.NotFound.
func Service(ctx context.Context, on db.Querier, id string) (nova.Service, error) {
	r, err := services.Get(ctx, on, id)
	return r.value(), absent(err, "Service %s could not be found.", id)
}

// NumberedService returns a service record by the number that old API versions use as its id; fault.NotFound.
func NumberedService(ctx context.Context, on db.Querier, n int64) (nova.Service, error) {
	r, err := serviceByNumber.One(ctx, on, n)
	return r.value(), absent(err, "Service %d could not be found.", n)
}

// ServiceOf returns the record of a binary on a host; fault.NotFound.
func ServiceOf(ctx context.Context, on db.Querier, host, binary string) (nova.Service, error) {
	r, err := serviceByHost.One(ctx, on, host, binary)
	return r.value(), absent(err, "Could not find binary %s on host %s.", binary, host)
}

// SaveService writes what operators decide: Disabled, DisabledReason and ForcedDown. fault.NotFound.
func SaveService(ctx context.Context, on db.Querier, v *nova.Service, now time.Time) error {
	n, err := decideOnService.Do(ctx, on, serviceRow{ID: v.ID, Disabled: v.Disabled, DisabledReason: v.DisabledReason,
		ForcedDown: v.ForcedDown, Updated: db.At(now)})
	return changed(n, err, "Service %s could not be found.", v.ID)
}

// DeleteService deletes a service record; fault.NotFound.
func DeleteService(ctx context.Context, on db.Querier, id string) error {
	n, err := deleteService.Do(ctx, on, id)
	return changed(n, err, "Service %s could not be found.", id)
}

// NoteService writes why a service that was last seen at seen does not report. It changes nothing if the service has
// reported since.
func NoteService(ctx context.Context, on db.Querier, id, note string, seen time.Time) error {
	_, err := noteService.Do(ctx, on, serviceRow{ID: id, Note: note}, db.At(seen), note)
	return err
}
