package steps_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/steps/stepstest"
)

type build struct {
	Port, Disk string
	Sum        int
}

// world holds what the steps make: port and disk names.
func world(*testing.T) stepstest.World[build] {
	made := map[string]bool{}
	make1 := func(name string, set func(*build)) func(context.Context, *build) error {
		return func(_ context.Context, b *build) error { made[name] = true; set(b); return nil }
	}
	drop := func(name string) func(context.Context, *build) error {
		return func(context.Context, *build) error { delete(made, name); return nil }
	}
	return stepstest.World[build]{
		Plan: []steps.Step[build]{
			{Name: "port", Do: make1("port", func(b *build) { b.Port = "p" }), Undo: drop("port")},
			{Name: "sum", Do: func(_ context.Context, b *build) error { b.Sum = len(b.Port); return nil }, Light: true},
			{Name: "disk", Do: make1("disk", func(b *build) { b.Disk = "d" }), Undo: drop("disk")},
			{Name: "tell", Do: func(context.Context, *build) error { return nil }},
		},
		Check: func(t *testing.T, done bool, b build) {
			want := map[string]bool{}
			if done {
				want = map[string]bool{"port": true, "disk": true}
				if b != (build{"p", "d", 1}) {
					t.Errorf("state: got %+v", b)
				}
			}
			if !maps.Equal(made, want) {
				t.Errorf("left over: got %v, want %v", made, want)
			}
		},
	}
}

func TestPlanSurvivesEverything(t *testing.T) {
	t.Parallel()
	stepstest.Run(t, world)
}

func TestFailureKeepsItsKindOverARestart(t *testing.T) {
	t.Parallel()
	j := &steps.Memory{}
	undos := 0
	broken := errors.New("the disk is stuck")
	plan := []steps.Step[build]{
		{Name: "port", Undo: func(context.Context, *build) error {
			if undos++; undos == 1 {
				return broken
			}
			return nil
		}},
		{Name: "disk", Do: func(context.Context, *build) error { return fault.OverQuotaf("No more disks.").Coded("disks") }},
	}
	var failed *steps.Failed
	err := steps.Run(t.Context(), j, &build{}, plan...)
	if !errors.As(err, &failed) || !errors.Is(failed.Undo, broken) {
		t.Fatalf("first run: got %v", err)
	}
	for range 2 {
		err = steps.Run(t.Context(), j, &build{}, plan...)
		f := fault.Of(err)
		if f == nil || f.Kind != fault.OverQuota || f.Code != "disks" || undos != 2 {
			t.Errorf("later run: got %v after %d undos", err, undos)
		}
	}
}

func TestShutdownStopsWithoutUndo(t *testing.T) {
	t.Parallel()
	j := &steps.Memory{}
	ctx, stop := context.WithCancel(t.Context())
	ran := 0
	plan := []steps.Step[build]{
		{Name: "a", Do: func(context.Context, *build) error { stop(); return nil },
			Undo: func(context.Context, *build) error { t.Error("undone at shutdown"); return nil }},
		{Name: "b", Do: func(context.Context, *build) error { ran++; return nil }},
	}
	if err := steps.Run(ctx, j, &build{}, plan...); !errors.Is(err, context.Canceled) || ran != 0 {
		t.Errorf("got %v, b ran %d times", err, ran)
	}
	if err := steps.Run(t.Context(), j, &build{}, plan...); err != nil || ran != 1 {
		t.Errorf("resumed: got %v, b ran %d times", err, ran)
	}
}

func TestAgainKeepsTheWorkAndPanicUndoesIt(t *testing.T) {
	t.Parallel()
	j := &steps.Memory{}
	undone := false
	busy := errors.New("busy")
	second := func(context.Context, *build) error { return steps.Again(busy) }
	plan := []steps.Step[build]{
		{Name: "a", Undo: func(context.Context, *build) error { undone = true; return nil }},
		{Name: "b", Do: func(ctx context.Context, b *build) error { return second(ctx, b) }},
	}
	if err := steps.Run(t.Context(), j, &build{}, plan...); !errors.Is(err, busy) || undone {
		t.Errorf("got %v, undone %v", err, undone)
	}
	second = func(context.Context, *build) error { panic("ouch") }
	var failed *steps.Failed
	if err := steps.Run(t.Context(), j, &build{}, plan...); !errors.As(err, &failed) || failed.Undo != nil || !undone {
		t.Errorf("got %v, undone %v", err, undone)
	}
}

func TestUnwindGivesUp(t *testing.T) {
	t.Parallel()
	j := &steps.Memory{}
	undone := 0
	plan := []steps.Step[build]{
		{Name: "a", Undo: func(context.Context, *build) error { undone++; return nil }},
		{Name: "b", Do: func(context.Context, *build) error { return steps.Again(errors.New("busy")) }},
	}
	late := fault.Unavailablef("It took too long.")
	if err := steps.Unwind(t.Context(), j, &build{}, late, plan...); err != nil {
		t.Errorf("nothing had run: got %v", err)
	}
	_ = steps.Run(t.Context(), j, &build{}, plan...)
	for range 2 {
		if err := steps.Unwind(t.Context(), j, &build{}, late, plan...); !fault.Is(err, fault.Unavailable) || undone != 1 {
			t.Errorf("got %v, undone %d times", err, undone)
		}
	}
}
