package store

import (
	"context"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
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

func (r *serviceRow) noun() nova.Service {
	return nova.Service{ID: r.ID, Number: r.Number, Host: r.Host, Binary: r.Program, Topic: r.Topic, Level: r.Level,
		Disabled: r.Disabled, DisabledReason: r.DisabledReason, ForcedDown: r.ForcedDown, Seen: r.Seen.Time, Reports: r.Reports, Pulse: r.Pulse, Note: r.Note,
		Created: r.Created.Time, Updated: r.Updated.Time}
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
)

// Services lists service records in order of number; host and binary narrow it where they are not empty.
func (s *Store) Services(ctx context.Context, on db.Querier, host, binary string) ([]nova.Service, error) {
	var where []db.Cond
	if host != "" {
		where = append(where, db.EqTo("host", host))
	}
	if binary != "" {
		where = append(where, db.EqTo("binary", binary))
	}
	rows, err := serviceList.Page(ctx, on, db.ListArgs{Where: where, Sort: []db.SortKey{{Column: "number"}}, Limit: serviceLimit})
	if err != nil {
		return nil, err
	}
	out := make([]nova.Service, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, nil
}

// Service by its id; fault.NotFound.
func (s *Store) Service(ctx context.Context, on db.Querier, id string) (nova.Service, error) {
	r, err := services.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.Service{}, fault.NotFoundf("Service %s could not be found.", id)
	}
	return r.noun(), err
}

// NumberedService is a service by the number that old API versions know it by; fault.NotFound.
func (s *Store) NumberedService(ctx context.Context, on db.Querier, number int64) (nova.Service, error) {
	r, err := serviceByNumber.One(ctx, on, number)
	if fault.Is(err, fault.NotFound) {
		return nova.Service{}, fault.NotFoundf("Service %d could not be found.", number)
	}
	return r.noun(), err
}

// ServiceOf is the record of a binary on a host; fault.NotFound.
func (s *Store) ServiceOf(ctx context.Context, on db.Querier, host, binary string) (nova.Service, error) {
	r, err := serviceByHost.One(ctx, on, host, binary)
	if fault.Is(err, fault.NotFound) {
		return nova.Service{}, fault.NotFoundf("Could not find binary %s on host %s.", binary, host)
	}
	return r.noun(), err
}

// SaveService writes what an operator decides: Disabled, DisabledReason, ForcedDown.
func (s *Store) SaveService(ctx context.Context, on db.Querier, v *nova.Service) error {
	n, err := decideOnService.Do(ctx, on, serviceRow{ID: v.ID, Disabled: v.Disabled, DisabledReason: v.DisabledReason,
		ForcedDown: v.ForcedDown, Updated: db.At(s.now())})
	if err == nil && n == 0 {
		return fault.NotFoundf("Service %s could not be found.", v.ID)
	}
	return err
}

// DeleteService forgets a service.
func (s *Store) DeleteService(ctx context.Context, on db.Querier, id string) error {
	n, err := deleteService.Do(ctx, on, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("Service %s could not be found.", id)
	}
	return err
}
