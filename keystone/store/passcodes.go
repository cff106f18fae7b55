package store

import (
	"context"

	"hypernova/oslo/db"
)

type passcodeRow struct {
	User string `db:"user_id"`
	Step int64  `db:"step"`
	Code string `db:"code"`
}

var (
	passcodes     = db.NewTable[passcodeRow](Statements, "used_passcodes", "user_id", "step", "code")
	passcodePurge = db.NewExec(Statements, `DELETE FROM used_passcodes WHERE step < ?`)
)

// UsePasscode keeps that a user has shown a passcode of a step of time, and reports whether it is the first time.
func UsePasscode(ctx context.Context, tx *db.Tx, user string, step int64, code string) (bool, error) {
	return passcodes.Absent(ctx, tx, passcodeRow{user, step, code})
}

// PurgePasscodes forgets those of the steps before one.
func PurgePasscodes(ctx context.Context, q db.Querier, before int64) error {
	_, err := passcodePurge.Do(ctx, q, before)
	return err
}
