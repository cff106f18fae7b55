package conductor

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// powerStates compares guests with their servers.
type powerStates struct{ *Conductor }

// reportPower compares the guests of a report with their servers. It leaves a server that a job owns to the job.
func (c powerStates) reportPower(ctx context.Context, a rpcapi.PowerReport) (messaging.None, error) {
	for _, p := range a.Servers {
		if err := c.compare(ctx, a.Host, p); err != nil {
			return messaging.None{}, err
		}
	}
	return messaging.None{}, nil
}

// finding is what becomes of a server whose guest was found to do something else: a move, and the action by which users
// and operators read that it happened, and why.
type finding struct {
	move   nova.Move
	action string
	told   string // to users
	failed bool   // the action is shown as one that failed
}

// findingOf compares a server that nobody works on with its guest, as nova does; nothing is found where they agree, or
// where the cloud may not correct them. Suspended servers and those in ERROR are let be, whose guests are the business
// of who acts next; so is a guest that is not found, whose host may be about to start it. Other than with nova, the
// server of a guest that was halted by its host is paused, so that unpause is a way out; a guest that somebody paused
// on the host is let be, since who did it may yet let it go on.
func findingOf(vm nova.VMState, p *rpcapi.ServerPower) finding {
	up := vm == nova.Active || vm == nova.Paused
	switch {
	case up && p.Power == nova.Shutdown || up && p.Power == nova.Crashed && p.Restart:
		f := finding{move: nova.MoveFoundStopped, action: nova.StopServer.Name, told: "The guest was found stopped."}
		return f.because(p.Cause)
	case up && p.Power == nova.Crashed, vm == nova.Active && p.Power == nova.PowerSuspended:
		f := finding{move: nova.MoveRestop, action: nova.StopServer.Name, told: "The guest fell asleep."}
		return f.because(p.Cause)
	case vm == nova.Stopped && (p.Power == nova.Running || p.Power == nova.PowerPaused || p.Power == nova.PowerSuspended):
		return finding{move: nova.MoveRestop, action: nova.StopServer.Name,
			told: "The guest was there although its server is stopped."}
	case vm == nova.Active && p.Power == nova.PowerPaused && p.Cause != "":
		f := finding{move: nova.MoveFoundPaused, action: nova.PauseServer.Name, told: "The guest was halted by its host."}
		return f.because(p.Cause)
	case vm == nova.Paused && p.Power == nova.Running:
		return finding{move: nova.MoveFoundUnpaused, action: nova.UnpauseServer.Name, told: "The guest goes on."}
	}
	return finding{}
}

func (f finding) because(c nova.Cause) finding {
	switch c {
	case nova.CauseGuest:
		f.told = "The guest shut itself down."
	case nova.CauseCrash:
		f.told, f.failed = "The guest ended unexpectedly.", true
	case nova.CauseDisk:
		f.told, f.failed = "The guest was halted: its host could not write to a disk of it.", true
	}
	return f
}

func (c powerStates) compare(ctx context.Context, host string, p rpcapi.ServerPower) error {
	f, err := store.PlacementOf(ctx, c.DB, p.Server)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Deleted || f.Host != host || f.State.Task != nova.Idle {
		return nil
	}
	found := findingOf(f.State.VM, &p)
	if found.move.Name == nova.MoveFoundUnpaused.Name {
		if halted, err := c.halted(ctx, p.Server); err != nil || !halted {
			found = finding{} // its user has paused it
			if err != nil {
				return err
			}
		}
	}
	switch {
	case found.action != "":
		return c.DB.Tx(ctx, func(tx *db.Tx) error { return c.found(ctx, tx, host, &p, found) })
	case f.Power != p.Power:
		return store.SetPower(ctx, c.DB, p.Server, p.Power, c.Now())
	}
	return nil
}

// halted reports whether a server is paused because its host halted its guest: that was the last thing that became of
// it.
func (c powerStates) halted(ctx context.Context, server string) (bool, error) {
	last, err := store.Actions(ctx, c.DB, server, db.ListArgs{Sort: []db.SortKey{{Column: "created_at", Desc: true}},
		Limit: 1})
	return len(last) == 1 && last[0].Name == nova.PauseServer.Name && last[0].User == "", err
}

// found moves the server and records why. A guest that must go from its host is stopped by a job; one that crashed is
// started again where its host asks for that.
func (c powerStates) found(ctx context.Context, tx *db.Tx, host string, p *rpcapi.ServerPower, f finding) error {
	_, refusal, err := store.Move(ctx, tx, p.Server, f.move, store.Change{Power: &p.Power}, c.Now())
	if err != nil || refusal != nil {
		return err // a newer request owns the server: its job finds out by itself
	}
	request := ids.Request()
	stop := f.move.Task == nova.PoweringOff
	if err := c.record(ctx, tx, p.Server, f.action, request); err != nil {
		return err
	}
	said := p.Why
	if p.Words != "" {
		said += "\n" + p.Words
	}
	err = store.FinishEvent(ctx, tx, p.Server, request, nova.EventFound,
		store.Outcome{Host: host, Details: f.told, Traceback: said, Success: !f.failed, Last: !stop}, c.Now())
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		log.From(ctx).WarnContext(auth.WithRequest(ctx, request), "a guest changed by itself", log.Server, p.Server, log.Host,
			host,
			"what", f.told, "because", p.Why)
	})
	if stop {
		_, err = jobs.Power.Enqueue(auth.WithRequest(ctx, request), tx, c.Queue, p.Server,
			jobs.PowerArgs{Server: p.Server, Op: nova.StopServer.Key})
		return err
	}
	if !p.Restart || p.Cause != nova.CauseCrash || f.move.To != nova.Stopped {
		return nil
	}
	if may, err := c.mayRestart(ctx, tx, p.Server); err != nil || !may {
		return err
	}
	return c.begin(ctx, tx, p.Server, nova.StartServer)
}

// begin has the cloud itself ask for an action, under a request of its own.
func (c powerStates) begin(ctx context.Context, tx *db.Tx, server string, a nova.ServerAction) error {
	_, refusal, err := store.Move(ctx, tx, server, a.Begin, store.Change{}, c.Now())
	if err != nil || refusal != nil {
		return err
	}
	request := ids.Request()
	if err := c.record(ctx, tx, server, a.Name, request); err != nil {
		return err
	}
	_, err = jobs.Power.Enqueue(auth.WithRequest(ctx, request), tx, c.Queue, server, jobs.PowerArgs{Server: server,
		Op: a.Key})
	return err
}

// record notes an action that nobody asked for: it has neither user nor project.
func (c powerStates) record(ctx context.Context, tx *db.Tx, server, action, request string) error {
	return store.StartActions(ctx, tx, []nova.Action{{Server: server, Name: action, Request: request}}, c.Now())
}

// A guest that crashes again and again is left stopped after so many restarts within so long.
const (
	restartsAtMost = 3
	restartsWithin = 10 * time.Minute
)

func (c powerStates) mayRestart(ctx context.Context, on db.Querier, server string) (bool, error) {
	recent, err := store.Actions(ctx, on, server, db.ListArgs{Where: []db.Cond{db.EqTo("action", nova.StartServer.Name),
		{Column: "created_at", Op: db.Ge, Values: []any{c.Now().Add(-restartsWithin)}}}})
	if err != nil {
		return false, err
	}
	mine := 0
	for _, a := range recent {
		if a.User == "" {
			mine++
		}
	}
	return mine < restartsAtMost, nil
}
