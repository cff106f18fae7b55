package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
)

// Change is what a move writes besides the states; nil leaves a column as it is.
type Change struct {
	Host, Node, Zone, LaunchedOn *string
	Power                        *nova.PowerState
	Progress                     *int
	Launched, Terminated         *time.Time
	Ports                        *[]nova.NIC
	Fault                        *nova.Fault
	ClearFault                   bool
}

var moveServer = db.NewExec(stmts, `
UPDATE servers
SET vm_state = ?, task_state = ?, updated_at = ?,
    host = COALESCE(?, host), node = COALESCE(?, node), zone = COALESCE(?, zone), launched_on = COALESCE(?, launched_on),
    power_state = COALESCE(?, power_state), progress = COALESCE(?, progress),
    launched_at = COALESCE(launched_at, ?), terminated_at = COALESCE(?, terminated_at), fault = COALESCE(?, fault),
    deleted = ?, deleted_at = ?
WHERE id = ?
  AND vm_state = ?
  AND task_state = ?
  AND deleted = ?`)

// Move is the one writer of states: it reads the row, asks the transition table, and writes guarded by what it read. The first answer is
// the state before. A refusal is a *nova.Refusal and no error; a server that is not there, or is gone, is fault.NotFound.
func (s *Store) Move(ctx context.Context, tx *db.Tx, id string, m nova.Move, c Change) (nova.State, *nova.Refusal, error) {
	f, err := s.Fate(ctx, tx, id)
	if err != nil {
		return nova.State{}, nil, err
	}
	if f.Deleted {
		return f.State, nil, NoServer(id)
	}
	next, refusal := m.Next(f.State)
	if refusal != nil {
		return f.State, refusal, nil
	}
	now := s.now()
	var faultText *string
	switch {
	case c.Fault != nil:
		t, err := encode(c.Fault)
		if err != nil {
			return f.State, nil, err
		}
		faultText = &t
	case c.ClearFault:
		t := "null"
		faultText = &t
	}
	gone := next.VM == nova.Deleted
	var deletedAt db.Time
	if gone {
		deletedAt = db.At(now)
	}
	var power *int
	if c.Power != nil {
		p := int(*c.Power)
		power = &p
	}
	n, err := moveServer.Do(ctx, tx, string(next.VM), string(next.Task), now, c.Host, c.Node, c.Zone, c.LaunchedOn,
		power, c.Progress, orZero(c.Launched), orZero(c.Terminated), faultText, gone, deletedAt,
		id, string(f.State.VM), string(f.State.Task), false)
	if err != nil {
		return f.State, nil, err
	}
	if n == 0 { // the transaction is serializable, so the row that was read is the row that is written
		return f.State, &nova.Refusal{Attr: "task_state", State: string(f.State.Task)}, nil
	}
	if c.Ports != nil {
		return f.State, nil, s.SetPorts(ctx, tx, id, *c.Ports)
	}
	return f.State, nil, nil
}

var setPower = db.NewExec(stmts, `
UPDATE servers
SET power_state = ?, updated_at = ?
WHERE id = ?
  AND power_state <> ?
  AND task_state = ''
  AND deleted = ?`)

// SetPower notes what the hypervisor says of a server that no job owns.
func (s *Store) SetPower(ctx context.Context, on db.Querier, id string, p nova.PowerState) error {
	_, err := setPower.Do(ctx, on, int(p), s.now(), id, int(p), false)
	return err
}
