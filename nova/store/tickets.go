package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// ticketRow is the result of a job whose request waits for it. Kind is empty for a success.
type ticketRow struct {
	ID      string  `db:"id,once"`
	Result  string  `db:"result"`
	Kind    string  `db:"kind"`
	Message string  `db:"message"`
	Code    string  `db:"code"`
	Created db.Time `db:"created_at"`
}

var (
	tickets    = db.NewTable[ticketRow](stmts, "tickets", "id")
	takeTicket = tickets.Delete("")
	// tickets_created serves it.
	purgeTickets = db.NewDelete(stmts, "tickets", "id IN (SELECT id FROM tickets WHERE created_at < ? LIMIT ?)")
)

// FillTicket stores the result of a job, or why it failed, for the request that waits for it. A ticket that is filled
// stays as it is.
func FillTicket(ctx context.Context, tx *db.Tx, id, result string, why error, now time.Time) error {
	row := ticketRow{ID: id, Result: result, Created: db.At(now)}
	if why != nil {
		row.Kind, row.Message = fault.KindOf(why).String(), why.Error()
		if f := fault.Of(why); f != nil {
			row.Message, row.Code = f.Msg, f.Code
		}
	}
	_, err := tickets.Absent(ctx, tx, row)
	return err
}

// TakeTicket returns the result of a job, or why it failed, and removes it. filled is false while the job has not
// ended.
func TakeTicket(ctx context.Context, tx *db.Tx, id string) (result string, filled bool, failed, err error) {
	row, err := tickets.Get(ctx, tx, id)
	if fault.Is(err, fault.NotFound) {
		return "", false, nil, nil
	}
	if err != nil {
		return "", false, nil, err
	}
	if row.Kind != "" {
		failed = &fault.Fault{Kind: fault.ParseKind(row.Kind), Msg: row.Message, Code: row.Code}
	}
	_, err = takeTicket.Do(ctx, tx, id)
	return row.Result, true, failed, err
}
