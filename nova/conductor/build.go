package conductor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// attempt is the record of one try on one host.
type attempt struct {
	Choice nova.Choice
	Ports  []nova.NIC
	Power  nova.PowerState
}

// awayRounds is how often a build tries hosts anew that answered that they lack something, a second later at first and
// twice as long each time.
const awayRounds = 3

// build tries hosts until the server runs. Each try is a run of steps that leaves nothing behind when it fails; the
// last failure puts the server in ERROR with a fault.
func (c *Conductor) build(ctx context.Context, t *tasks.Task, a jobs.BuildArgs) error {
	j, err := openAttempts(ctx, t, "claim")
	if err != nil {
		return err
	}
	return c.building(ctx, t, &a, j).run(ctx)
}

// run tries hosts until the server runs or cannot.
func (b *building) run(ctx context.Context) error {
	j := b.journal
	for {
		var at attempt
		err := steps.Run(ctx, j, &at, b.plan()...)
		b.point("built")
		var failed *steps.Failed
		switch {
		case err == nil:
			return b.built(ctx, &at)
		case !errors.As(err, &failed):
			if ctx.Err() == nil && fault.Is(err, fault.Unavailable) && !j.rec.Since.IsZero() {
				return b.wait(ctx, err)
			}
			return err
		case failed.Undo != nil:
			return retried(failed.Undo)
		case codeOf(failed.Err) == errUnwanted.Code:
			return b.unwanted(ctx)
		}
		silent := at.Choice.Host != "" && messaging.NoReply(failed.Err)
		late := fault.Is(failed.Err, fault.Unavailable) && !j.rec.Since.IsZero() && j.waits(b.Queue.Now()) >= b.c.BuildWait
		last := late || !silent && !b.again(failed, at.Choice.Host)
		if fault.Is(failed.Err, fault.NoValidHost) {
			// What a host lacked may be there after a pause.
			if again, err := j.again(ctx, awayRounds); err != nil {
				return err
			} else if again {
				return retried(failed.Err)
			}
		}
		if last {
			return b.failed(ctx, failed, at.Choice.Host)
		}
		if err := b.noteTry(ctx, failed, at.Choice.Host); err != nil {
			return err
		}
		away := at.Choice.Host != "" && fault.Is(failed.Err, fault.Unavailable)
		if !silent {
			j.arrived()
		}
		if err := j.next(ctx, try{at.Choice.Host, reason(failed.Err), failed.Error(), away, silent}); err != nil {
			return err
		}
	}
}

// unclassified is the message for users of an error whose text is not for them.
const unclassified = "An internal error occurred; administrators find it in the details."

// reason returns the message of a failure for users. A fault with a kind or a code has a text for users. The text of
// any other error may name things that only the operator may know; it is in the details.
func reason(err error) string {
	if f := fault.Of(err); f != nil && f.Msg != "" && (f.Kind != fault.Internal || f.Code != "") {
		return f.Msg
	}
	return unclassified
}

// retried turns an error of any kind into one after which the queue runs the job again.
func retried(err error) error {
	if err == nil || fault.KindOf(err) == fault.Unavailable || fault.KindOf(err) == fault.Internal {
		return err
	}
	return fault.Unavailablef("%s", reason(err)).Because(err)
}

// built makes the server active and ends the job. A deletion that took it meanwhile finds host, ports and claim with
// the server.
func (b *building) built(ctx context.Context, at *attempt) error {
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		now := b.Now()
		_, refusal, err := store.Move(ctx, tx, b.server, b.moves.built, store.Change{Power: &at.Power, Launched: &now,
			Relaunched: b.shelved != nil, ClearFault: true}, b.Now())
		if err != nil {
			return err
		}
		o := store.Outcome{Host: at.Choice.Host, Last: true}
		if refusal != nil {
			o.Details = "Another request took the server while it was built."
			// An operator who gave the build up when all was done finds the server in ERROR, and with all that it has.
			if _, _, err := store.Move(ctx, tx, b.server, b.moves.failed, store.Change{Power: &at.Power, Launched: &now},
				b.Now()); err != nil {
				return err
			}
		}
		if err := b.unshelved(ctx, tx, refusal == nil); err != nil {
			return err
		}
		return b.close(ctx, tx, b.event, o)
	})
}

// close ends the action and the job.
func (b *building) close(ctx context.Context, tx *db.Tx, event string, o store.Outcome) error {
	if err := store.FinishEvent(ctx, tx, b.server, b.request, event, o, b.Now()); err != nil {
		return err
	}
	return b.end(ctx, tx)
}

func codeOf(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	return ""
}

// plan is the steps of one try.
func (b *building) plan() []steps.Step[attempt] {
	host := func(at *attempt) string { return at.Choice.Host }
	network := steps.Step[attempt]{Name: "network", Light: true} // without ports there is nothing to do
	if len(b.a.NICs) > 0 {
		network = steps.Step[attempt]{Name: "network", Do: whileOwnedAs(b.work, b.glance, host, b.network), Undo: b.unnetwork}
	}
	return []steps.Step[attempt]{
		{Name: "claim", Do: whileOwned(b.work, host, b.claim), Undo: b.unclaim},
		network,
		{Name: "prepare", Do: whileOwnedAs(b.work, b.glance, host, b.prepare), Undo: b.unprepare},
		{Name: "spawn", Do: whileOwned(b.work, host, b.spawn)}, // prepare's undo takes the guest away too
	}
}

// again decides whether another host may do better. What is wrong with the request is wrong everywhere.
func (b *building) again(f *steps.Failed, host string) bool {
	if b.journal.count()+1 >= b.c.MaxAttempts || b.a.Request.Host != "" && host != "" &&
		!fault.Is(f.Err, fault.Unavailable) {
		return false
	}
	switch fault.KindOf(f.Err) {
	case fault.NoValidHost, fault.Invalid, fault.TooLarge, fault.OverQuota, fault.Forbidden, fault.Unauthorized,
		fault.NotImplemented:
		return false
	case fault.NotFound: // the host forgot what was prepared there: another may not
		return f.Step == "spawn"
	case fault.Conflict: // a port or address that somebody else has is taken on every host
		return f.Step != "network"
	case fault.Internal, fault.Unavailable, fault.Gone:
	}
	return true
}

// noteTry ends the event of a try that will be repeated elsewhere.
func (b *building) noteTry(ctx context.Context, f *steps.Failed, host string) error {
	if host == "" {
		return nil
	}
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		return store.FinishEvent(ctx, tx, b.server, b.request, b.event, failure(f, host, false), b.Now())
	})
}

func failure(f *steps.Failed, host string, last bool) store.Outcome {
	return store.Outcome{Host: host, Details: reason(f.Err), Traceback: fmt.Sprintf("host %s, step %s: %v", host, f.Step,
		f.Err), Last: last}
}

// failed puts the server in ERROR. Done before, or the server taken by somebody else: nothing.
func (b *building) failed(ctx context.Context, f *steps.Failed, host string) error {
	j := b.journal
	text := reason(f.Err)
	if fault.Is(f.Err, fault.Unavailable) && !j.rec.Since.IsZero() {
		text = fmt.Sprintf("No valid host was found. %s It was waited for since %s.", text,
			j.rec.Since.UTC().Format(time.RFC3339))
	}
	if past := j.summary(); past != "" {
		text = fmt.Sprintf("%s Tried before: %s.", strings.TrimRight(text, " ."), past)
		if fault.KindOf(f.Err) != fault.NoValidHost {
			text = fmt.Sprintf("Exceeded maximum number of retries. Exceeded max scheduling attempts %d for instance %s. Last exception: %s", j.count()+1, b.server, text)
		}
	}
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		nf := nova.Fault{Code: 500, Message: text, Details: f.Error() + j.details(), Created: b.Now()}
		_, refusal, err := store.Move(ctx, tx, b.server, b.moves.failed, store.Change{Fault: &nf}, b.Now())
		if fault.Is(err, fault.NotFound) || err == nil && refusal != nil {
			return b.end(ctx, tx)
		}
		if err != nil {
			return err
		}
		name := b.event
		if host == "" && j.rec.Told == "" {
			name = nova.EventSchedule
		}
		o := failure(f, host, true)
		o.Details = text
		if !b.logged {
			tx.AfterCommit(func() {
				b.host = host
				b.logFailure(ctx, "server not built", fmt.Errorf("%w%s", f, j.details()))
			})
		}
		return b.close(ctx, tx, name, o)
	})
}

// unwanted closes the action of a build that a deletion overtook; the delete job does the rest.
func (b *building) unwanted(ctx context.Context) error {
	return b.DB.Tx(ctx, func(tx *db.Tx) error {
		f := nova.Fault{Code: 500, Message: "An administrator gave the server up while it was built.", Created: b.Now()}
		_, refusal, err := store.Move(ctx, tx, b.server, b.moves.failed, store.Change{Fault: &f}, b.Now())
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err != nil || refusal != nil {
			f.Message = "The server was deleted while it was built."
		}
		return b.close(ctx, tx, b.event, store.Outcome{Details: f.Message, Last: true})
	})
}

// buildDied unwinds a build that could go neither forward nor back for too long, as far as it goes, and puts the
// server in ERROR.
func (c *Conductor) buildDied(ctx context.Context, t *tasks.Task, a jobs.BuildArgs, reason error) error {
	j, err := openAttempts(ctx, t, "claim")
	if err != nil {
		return err
	}
	return c.building(ctx, t, &a, j).died(ctx, reason)
}

func (b *building) died(ctx context.Context, reason error) error {
	b.givenUp()
	var at attempt
	failed := &steps.Failed{Step: "build", Err: reason}
	if err := steps.Unwind(ctx, b.journal, &at, reason, b.plan()...); err != nil && !errors.As(err, &failed) {
		return err
	}
	return b.failed(ctx, failed, at.Choice.Host)
}

// buildMoves are the moves of a build, of a new server or of one that comes back.
type buildMoves struct{ place, spawn, again, built, failed nova.Move }

// building is a build under way.
type building struct {
	*work
	a     *jobs.BuildArgs
	asker *auth.Caller // whose wishes the ports and the image are

	moves   buildMoves
	shelved *jobs.UnshelveArgs // of a server that comes back; nil: a new one

	groups   []string // names of the security groups, which prepare reads and spawn uses
	spawning bool     // prepare has moved the server on
}

// askerOf is who asked for the server: the caller whom the task keeps, with the roles of the moment when it was asked
// for. A task that keeps none is its owner's, as an ordinary member.
func askerOf(ctx context.Context, user, project string) *auth.Caller {
	if c := auth.From(ctx); !c.Own() {
		return c
	}
	return &auth.Caller{UserID: user, ProjectID: project, Roles: []string{"member", "reader"}}
}

// asAsker is ctx with the rights of who asked for the server.
func (b *building) asAsker(ctx context.Context) context.Context { return auth.With(ctx, b.asker) }

func (c *Conductor) building(ctx context.Context, t *tasks.Task, a *jobs.BuildArgs, j *attempts) *building {
	w := c.workOn(t, a.Server, nova.EventBuild, func(f *store.Placement) bool {
		return f.State.VM == nova.Building && f.State.Task != nova.Deleting
	})
	w.journal = j
	moves := buildMoves{nova.MovePlace, nova.MoveSpawn, nova.MoveReschedule, nova.MoveBuilt, nova.MoveUnbuilt}
	return &building{work: w, a: a, moves: moves, asker: askerOf(ctx, a.Request.User, a.Request.Project)}
}

// spec is all that the host must know.
func (b *building) spec(at *attempt) nova.Spec {
	v := b.current
	s := v.Spec(at.Ports)
	s.Files, s.AdminPass = b.a.Files, b.a.AdminPass
	if b.shelved != nil {
		s.Image = b.a.Request.Image
	}
	s.Host, s.Node, s.AZ = at.Choice.Host, at.Choice.Node, at.Choice.Zone
	s.SecurityGroups = b.groups
	return s
}

// names reads the names of the security groups of the server's ports.
func (b *building) names(ctx context.Context) error {
	b.groups = nil
	if len(b.a.NICs) == 0 {
		return nil
	}
	groups, err := b.Networks.GroupNames(asNova(ctx), []string{b.server})
	b.groups = groups[b.server]
	return err
}

// taken is a move that must succeed; a refusal means that somebody else owns the server now.
func (b *building) taken(ctx context.Context, tx *db.Tx, m nova.Move, c store.Change) error {
	_, refusal, err := store.Move(ctx, tx, b.a.Server, m, c, b.Now())
	if err == nil && refusal != nil {
		return errUnwanted
	}
	return err
}

func ptr[T any](v T) *T { return &v }

// dedupe keeps the first of each host.
func dedupe(hosts []string) []string {
	var out []string
	for _, h := range hosts {
		if h != "" && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}
