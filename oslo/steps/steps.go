// Package steps runs a plan of named steps with undo and records its progress, so that another process can resume it (a
// saga).
package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"hypernova/oslo/fault"
)

// Step is one named part of a plan that works on the record S. Do and Undo are idempotent and take all inputs from S:
// either may run again after an interruption. Undo also runs for a Do that failed half way or never started.
type Step[S any] struct {
	Name string
	Do   func(ctx context.Context, s *S) error
	Undo func(ctx context.Context, s *S) error // nil: nothing to undo
	// Light marks a step that only computes. It is not recorded and runs again together with the recorded step before it.
	Light bool
}

// Journal stores the progress record. Save is durable when it returns. An error of Save stops the run without undo,
// because another worker owns the plan now. Load returns nil if nothing was saved.
type Journal interface {
	Load(ctx context.Context) ([]byte, error)
	Save(ctx context.Context, record []byte) error
}

// Ending is a Journal whose owner removes it in a transaction of its own after the last step. Run does not record the
// end for it. If that transaction does not commit, the last step runs again.
type Ending interface {
	Journal
	EndsLater()
}

type underWay struct{}

// ahead is a run as Ahead sees it.
type ahead interface {
	next() ([]byte, error)
	written()
}

// Ahead is for a step that stores the progress in its own last transaction. It returns the record with which the plan
// continues after the step, as S is now, nil if the step is the last one. The step calls written after the commit; Run
// then does not save before the next step. After that the step must not fail.
func Ahead(ctx context.Context) (record []byte, written func(), err error) {
	r, ok := ctx.Value(underWay{}).(ahead)
	if !ok {
		return nil, func() {}, nil
	}
	record, err = r.next()
	return record, r.written, err
}

type state string

const (
	doing   state = "doing"   // Step runs or is about to run
	done    state = "done"    // all steps have run
	undoing state = "undoing" // Step and all steps before it are to be undone
	undone  state = "undone"
)

// record is the progress as the journal stores it.
type record struct {
	Step    string          `json:"step,omitempty"`
	State   state           `json:"state"`
	Failure *failure        `json:"failure,omitempty"`
	Data    json.RawMessage `json:"data"`
}

// failure is the error that started the undo.
type failure struct {
	Step  string `json:"step,omitempty"`
	Kind  string `json:"kind"`
	Msg   string `json:"msg"`
	Code  string `json:"code,omitempty"`
	Cause string `json:"cause,omitempty"`
}

func failureOf(step string, err error) *failure {
	f := fault.Of(err)
	if f == nil {
		return &failure{Step: step, Kind: fault.Internal.String(), Msg: err.Error()}
	}
	r := &failure{Step: step, Kind: f.Kind.String(), Msg: f.Msg, Code: f.Code}
	if f.Err != nil {
		r.Cause = f.Err.Error()
	}
	return r
}

func (f *failure) fault() error {
	e := &fault.Fault{Kind: fault.ParseKind(f.Kind), Msg: f.Msg, Code: f.Code}
	if f.Cause != "" {
		e.Err = errors.New(f.Cause)
	}
	return e
}

// Failed is the error of a run whose step failed. If Undo is nil, all steps are undone.
type Failed struct {
	Step string
	Err  error // the step's error; after a restart a fault of the same kind, text and code
	Undo error // errors of the undo; the next run tries again
}

func (f *Failed) Error() string {
	if f.Undo != nil {
		return fmt.Sprintf("step %s: %v; undo: %v", f.Step, f.Err, f.Undo)
	}
	return fmt.Sprintf("step %s: %v", f.Step, f.Err)
}

// Unwrap lists the step's error first, so that fault.KindOf returns its kind.
func (f *Failed) Unwrap() []error {
	if f.Undo == nil {
		return []error{f.Err}
	}
	return []error{f.Err, f.Undo}
}

// again marks an error after which the step runs again later.
type again struct{ err error }

func (a *again) Error() string { return a.err.Error() }
func (a *again) Unwrap() error { return a.err }

// Again wraps a step's error that must not undo the work. The run stops; the next run resumes with this step.
func Again(err error) error {
	if err == nil {
		return nil
	}
	return &again{err}
}

// Run executes the steps in order. Before each step it records the step's name, and after it the changed S: N steps
// cause at most N+1 saves. A run that was interrupted resumes at the recorded step, with the recorded S, and executes
// that step again. If a step fails or panics, that step and all before it are undone in reverse order, and Run returns
// a *Failed with its error. An interrupted undo resumes and returns the recorded failure. An Undo that failed is tried
// again by the next run. If ctx ends (shutdown), Run stops without undo and returns the error of ctx.
func Run[S any](ctx context.Context, j Journal, s *S, plan ...Step[S]) error {
	r, err := load(ctx, j, s, plan)
	if err != nil {
		return err
	}
	switch r.rec.State {
	case done:
		return nil
	case undone:
		return r.failed(nil)
	case undoing:
		return r.unwind(ctx, r.at, nil)
	}
	return r.forward(ctx)
}

// Unwind abandons the plan for the given reason, for example an expired deadline: it undoes all steps as if the
// recorded step had failed. A plan that is finished or undone stays as it is.
func Unwind[S any](ctx context.Context, j Journal, s *S, reason error, plan ...Step[S]) error {
	r, err := load(ctx, j, s, plan)
	if err != nil {
		return err
	}
	switch {
	case r.rec.State == done || r.fresh:
		return nil
	case r.rec.State == undone:
		return r.failed(nil)
	case r.rec.State == doing:
		return r.fail(ctx, r.at, reason)
	}
	return r.unwind(ctx, r.at, nil)
}

type run[S any] struct {
	j     Journal
	s     *S
	plan  []Step[S]
	rec   record
	at    int  // index of rec.Step, then of the step under way
	fresh bool // nothing is recorded yet
	saved int  // index of the step before which a step has saved already
}

// following returns the index of the next recorded step, the length of the plan if there is none.
func (r *run[S]) following() int {
	i := r.at + 1
	for i < len(r.plan) && r.plan[i].Light {
		i++
	}
	return i
}

func (r *run[S]) next() ([]byte, error) {
	i := r.following()
	if i == len(r.plan) {
		return nil, nil
	}
	return r.text(doing, r.plan[i].Name)
}

func (r *run[S]) written() { r.saved = r.following() }

func load[S any](ctx context.Context, j Journal, s *S, plan []Step[S]) (*run[S], error) {
	r := &run[S]{j: j, s: s, plan: plan}
	b, err := j.Load(ctx)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		r.fresh, r.rec.State = true, doing
		return r, nil
	}
	if err := json.Unmarshal(b, &r.rec); err != nil {
		return nil, fmt.Errorf("steps: record: %w", err)
	}
	var from S
	if err := json.Unmarshal(r.rec.Data, &from); err != nil {
		return nil, fmt.Errorf("steps: data of the record: %w", err)
	}
	*s = from
	if r.rec.Step == "" {
		return r, nil
	}
	for i, p := range plan {
		if p.Name == r.rec.Step {
			r.at = i
			return r, nil
		}
	}
	return nil, fmt.Errorf("steps: the record is at step %q, which this program does not have", r.rec.Step)
}

func (r *run[S]) save(ctx context.Context, st state, step string) error {
	b, err := r.text(st, step)
	if err != nil {
		return err
	}
	return r.j.Save(ctx, b)
}

func (r *run[S]) text(st state, step string) ([]byte, error) {
	data, err := json.Marshal(r.s)
	if err != nil {
		return nil, fmt.Errorf("steps: data after step %q: %w", step, err)
	}
	r.rec.State, r.rec.Step, r.rec.Data = st, step, data
	return json.Marshal(r.rec)
}

func (r *run[S]) forward(ctx context.Context) error {
	inside := context.WithValue(ctx, underWay{}, r)
	r.saved = -1
	for first := r.at; r.at < len(r.plan); r.at++ {
		i := r.at
		if err := ctx.Err(); err != nil {
			return err
		}
		p := r.plan[i]
		resumed := i == first && !r.fresh // the record already has this step
		if !p.Light && !resumed && i != r.saved {
			if err := r.save(ctx, doing, p.Name); err != nil {
				return err
			}
		}
		err := guarded(inside, p.Do, r.s)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var later *again
		if errors.As(err, &later) {
			return fmt.Errorf("step %s: %w", p.Name, err)
		}
		return r.fail(ctx, i, err)
	}
	if _, later := r.j.(Ending); later {
		return nil
	}
	return r.save(ctx, done, "")
}

// fail starts the undo of step i and all steps before it.
func (r *run[S]) fail(ctx context.Context, i int, err error) error {
	r.rec.Failure = failureOf(r.plan[i].Name, err)
	return r.unwind(ctx, i, err)
}

// unwind undoes step from and all steps before it. cause is the step's error; nil means that the recorded failure
// applies.
func (r *run[S]) unwind(ctx context.Context, from int, cause error) error {
	recorded := cause == nil
	var errs []error
	top := -1 // the last step whose undo failed; the next run starts there
	for i := from; i >= 0; i-- {
		p := r.plan[i]
		if p.Undo == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !recorded && top < 0 {
			if err := r.save(ctx, undoing, p.Name); err != nil {
				return err
			}
		}
		recorded = false
		if err := guarded(ctx, p.Undo, r.s); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs = append(errs, fmt.Errorf("step %s: %w", p.Name, err))
			if top < 0 {
				top = i
			}
		}
	}
	if top >= 0 {
		if err := r.save(ctx, undoing, r.plan[top].Name); err != nil {
			return err
		}
		return r.withCause(cause, errors.Join(errs...))
	}
	if err := r.save(ctx, undone, ""); err != nil {
		return err
	}
	return r.withCause(cause, nil)
}

func (r *run[S]) withCause(cause, undo error) error {
	if cause == nil {
		return r.failed(undo)
	}
	return &Failed{Step: r.rec.Failure.Step, Err: cause, Undo: undo}
}

func (r *run[S]) failed(undo error) error {
	if r.rec.Failure == nil {
		return &Failed{Err: fault.New(fault.Internal, "the record does not say why"), Undo: undo}
	}
	return &Failed{Step: r.rec.Failure.Step, Err: r.rec.Failure.fault(), Undo: undo}
}

// guarded runs a step and returns its panic as an error, so that the step is undone like any failed one.
func guarded[S any](ctx context.Context, f func(context.Context, *S) error, s *S) (err error) {
	if f == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "panic").Because(fmt.Errorf("%v\n%s", p, debug.Stack()))
		}
	}()
	return f(ctx, s)
}
