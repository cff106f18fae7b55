package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hypernova/oslo/command"
	"hypernova/oslo/fault"
)

func TestFailuresSayWhatHappened(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cmd  command.Cmd
		kind fault.Kind
		text string
	}{
		{"not installed", command.Cmd{Argv: []string{"no-such-program-here"}}, fault.Unavailable,
			"no-such-program-here is not installed"},
		{"its own words", command.Cmd{Argv: []string{"sh", "-c", "echo bad magic >&2; exit 3"}}, fault.Internal, "bad magic"},
		{"full disk", command.Cmd{Argv: []string{"sh", "-c", "echo write: No space left on device >&2; exit 1"}},
			fault.Unavailable, "disk of this host is full"},
		{"too slow", command.Cmd{Argv: []string{"sh", "-c", "echo started; sleep 60"}, Timeout: 50 * time.Millisecond},
			fault.Internal, "did not end within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := command.Runner{}.Run(t.Context(), c.cmd)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want a %v fault with %q", err, c.kind, c.text)
			}
		})
	}
}

func TestCancellingEndsTheProgramAndItsChildren(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err := command.Runner{Record: func([]string) { time.AfterFunc(50*time.Millisecond, cancel) }}.Run(ctx,
		command.Cmd{Argv: []string{"sh", "-c", "sleep 60 & sleep 60"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestOutputIsBoundedAndRunsAreRecorded(t *testing.T) {
	t.Parallel()
	var seen [][]string
	r := command.Runner{Record: func(a []string) { seen = append(seen, a) }}
	res, err := r.Run(t.Context(), command.Cmd{Argv: []string{"sh", "-c", "echo first; echo last"}, Output: 5})
	if err != nil || string(res.Output) != "last\n" {
		t.Errorf("got %q, %v; want the last bytes", res.Output, err)
	}
	if len(seen) != 1 || seen[0][0] != "sh" {
		t.Errorf("recorded %v", seen)
	}
}
