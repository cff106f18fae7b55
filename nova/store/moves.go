package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Change is the columns that a move writes besides the states; nil leaves a column as it is.
type Change struct {
	Host, Node, Zone, LaunchedOn *string
	Power                        *nova.PowerState
	Progress                     *int
	Launched                     *time.Time // only where the server was never launched before
	Relaunched                   bool       // write Launched also where the server was launched before
	Terminated                   *time.Time
	Ports                        *[]nova.NIC
	Fault                        *nova.Fault
	ClearFault                   bool // where Fault is nil
}

// movedRow is the columns of a server that a move may write.
type movedRow struct {
	ID         string  `db:"id"`
	VM         string  `db:"vm_state"`
	Task       string  `db:"task_state"`
	Updated    db.Time `db:"updated_at,set"`
	Host       string  `db:"host"`
	Node       string  `db:"node"`
	Zone       string  `db:"zone"`
	LaunchedOn string  `db:"launched_on"`
	Power      int     `db:"power_state"`
	Progress   int     `db:"progress"`
	Launched   db.Time `db:"launched_at"`
	Terminated db.Time `db:"terminated_at"`
	Fault      string  `db:"fault"`
	Deleted    bool    `db:"deleted"`
	DeletedAt  db.Time `db:"deleted_at"`
}

var (
	movedServers = db.NewPart[movedRow](stmts, "servers", "id")
	moveServer   = movedServers.Update("vm_state = ?\n  AND task_state = ?\n  AND deleted = ?")
	setPower     = movedServers.Update("power_state <> ?\n  AND task_state = ''\n  AND deleted = ?",
		"power_state", "updated_at")
)

// apply writes the change into the row.
func (c *Change) apply(r *movedRow) error {
	for _, x := range []struct {
		to   *string
		from *string
	}{{&r.Host, c.Host}, {&r.Node, c.Node}, {&r.Zone, c.Zone}, {&r.LaunchedOn, c.LaunchedOn}} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
	if c.Power != nil {
		r.Power = int(*c.Power)
	}
	if c.Progress != nil {
		r.Progress = *c.Progress
	}
	if c.Launched != nil && (c.Relaunched || r.Launched.IsZero()) {
		r.Launched = db.At(*c.Launched)
	}
	if c.Terminated != nil {
		r.Terminated = db.At(*c.Terminated)
	}
	if c.Fault == nil && !c.ClearFault {
		return nil
	}
	var err error
	r.Fault, err = encode(faultForm(c.Fault))
	return err
}

// Move is the only writer of states. It reads the row, asks the transition table for the next state, and writes it with
// the change, guarded by the states that it read. It returns the state before the move. A move that the table forbids
// is a *nova.Refusal, not an error; a server that is absent or deleted is fault.NotFound.
func Move(ctx context.Context, tx *db.Tx, id string, m nova.Move, c Change, now time.Time) (nova.State, *nova.Refusal,
	error) {
	r, err := movedServers.Get(ctx, tx, id)
	if fault.Is(err, fault.NotFound) || err == nil && r.Deleted {
		return nova.State{VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task)}, nil, NoServer(id)
	}
	if err != nil {
		return nova.State{}, nil, err
	}
	before := nova.State{VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task)}
	next, refusal := m.Next(before)
	if refusal != nil {
		return before, refusal, nil
	}
	if err := c.apply(&r); err != nil {
		return before, nil, err
	}
	r.VM, r.Task, r.Updated = string(next.VM), string(next.Task), db.At(now)
	if r.Deleted = next.VM == nova.Deleted; r.Deleted {
		r.DeletedAt = db.At(now)
	}
	n, err := moveServer.Do(ctx, tx, r, string(before.VM), string(before.Task), false)
	if err != nil {
		return before, nil, err
	}
	if n == 0 { // the transaction is serializable, so the row that was read is the row that is written
		return before, &nova.Refusal{Attr: "task_state", State: string(before.Task)}, nil
	}
	if r.Deleted {
		if err := endConsoles(ctx, tx, id); err != nil {
			return before, nil, err
		}
	}
	if c.Ports != nil {
		return before, nil, SetPorts(ctx, tx, id, *c.Ports, now)
	}
	return before, nil, nil
}

// SetPower writes the hypervisor's power state of a server that no job owns; otherwise it changes nothing.
func SetPower(ctx context.Context, on db.Querier, id string, p nova.PowerState, now time.Time) error {
	_, err := setPower.Do(ctx, on, movedRow{ID: id, Power: int(p), Updated: db.At(now)}, int(p), false)
	return err
}
