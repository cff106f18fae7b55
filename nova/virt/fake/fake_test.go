package fake_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/fake"
	"hypernova/nova/virt/virttest"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

func open(t *testing.T, c fake.Config) *fake.Driver {
	t.Helper()
	d := fake.New(c)
	if err := d.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func kill(t *testing.T, d virt.Driver, id string) {
	if err := d.(*fake.Driver).Change(id, nova.Crashed); err != nil {
		t.Error(err)
	}
}

func hold(t *testing.T, d virt.Driver, id string) func(bool) {
	end := d.(*fake.Driver).Hold(id)
	return func(ok bool) {
		if err := end(ok); err != nil {
			t.Error(err)
		}
	}
}

func TestObeysTheContractInMemory(t *testing.T) {
	t.Parallel()
	virttest.Run(t, virttest.Harness{New: func(t *testing.T) virt.Driver { return open(t, fake.Config{}) }, Kill: kill,
		Hold: hold})
}

func TestObeysTheContractInAFolder(t *testing.T) {
	t.Parallel()
	dirs := map[virt.Driver]string{}
	lock := make(chan struct{}, 1)
	virttest.Run(t, virttest.Harness{
		New: func(t *testing.T) virt.Driver {
			dir := t.TempDir()
			d := open(t, fake.Config{Dir: dir})
			lock <- struct{}{}
			dirs[d] = dir
			<-lock
			return d
		},
		Reopen: func(t *testing.T, d virt.Driver) virt.Driver {
			lock <- struct{}{}
			dir := dirs[d]
			<-lock
			return open(t, fake.Config{Dir: dir})
		},
		Kill: kill,
		Hold: hold,
	})
}

type noImages struct{}

func (noImages) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("data")), nil
}

func spec(name string) *nova.Spec {
	return &nova.Spec{ID: ids.UUID(), Name: name, Hostname: name, Flavor: nova.Flavor{VCPUs: 1, RAM: 64, Disk: 1},
		Image: nova.ImageMeta{ID: "i"}}
}

func TestFaultsHitTheCallsTheyName(t *testing.T) {
	t.Parallel()
	fs, err := fake.ParseFaults(
		"spawn server=bad-* fail=no such machine type; prepare nth=2 kind=unavailable fail=the store; is away; destroy late=gone before the reply; stop lie")
	if err == nil {
		t.Fatalf("a broken entry passed: %+v", fs)
	}
	fs, err = fake.ParseFaults(
		"spawn server=bad-* fail=no such machine type; prepare nth=2 kind=unavailable fail=the store is away; destroy late=gone before the reply; stop lie")
	if err != nil {
		t.Fatal(err)
	}
	d, ctx := open(t, fake.Config{Faults: fs}), t.Context()
	good, bad := spec("good"), spec("bad-1")
	if err := d.Prepare(ctx, bad, noImages{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Prepare(ctx, good, noImages{}); !fault.Is(err, fault.Unavailable) ||
		fault.Message(err) != "the store is away" {
		t.Errorf("second prepare: got %v", err)
	}
	if err := d.Prepare(ctx, good, noImages{}); err != nil {
		t.Errorf("third prepare: got %v", err)
	}
	if err := d.Spawn(ctx, good); err != nil {
		t.Errorf("spawn of the good one: got %v", err)
	}
	if err := d.Spawn(ctx, bad); err == nil || !strings.Contains(err.Error(), "no such machine type") {
		t.Errorf("spawn of the bad one: got %v", err)
	}
	if err := d.Stop(ctx, good.ID, 0); err != nil {
		t.Error(err)
	}
	if i, _ := d.Info(ctx, good.ID); i.Power != nova.Running {
		t.Errorf("a lie stopped the server: %+v", i)
	}
	if err := d.Destroy(ctx, good.ID); err == nil {
		t.Error("a late fault did not show")
	}
	if _, err := d.Info(ctx, good.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a late fault came before the work: %v", err)
	}
}

// TestAStartGoesOnWithoutItsProcess: the driver of the next process finds the server between two states, and later
// running.
func TestAStartGoesOnWithoutItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs, err := fake.ParseFaults("spawn passing=1m")
		if err != nil {
			t.Fatal(err)
		}
		d, s := open(t, fake.Config{Dir: dir, Faults: fs}), spec("a")
		if err := d.Prepare(t.Context(), s, noImages{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := d.Spawn(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		d = open(t, fake.Config{Dir: dir})
		want := virt.Info{ID: s.ID, Name: virt.DomainName(s.ID), Passing: true}
		if i, err := d.Info(t.Context(), s.ID); err != nil || i != want {
			t.Errorf("after half the time: got %+v, %v, want %+v", i, err, want)
		}
		if err := d.Spawn(t.Context(), s); err != nil {
			t.Error(err)
		}
		want.Power, want.Passing = nova.Running, false
		if i, err := d.Info(t.Context(), s.ID); err != nil || i != want {
			t.Errorf("in the end: got %+v, %v, want %+v", i, err, want)
		}
		if log, err := d.ConsoleLog(t.Context(), s.ID, 1<<20); err != nil || strings.Count(string(log), "login:") != 1 {
			t.Errorf("the guest booted not once: %v\n%s", err, log)
		}
	})
}

func TestADownHypervisorIsUnavailable(t *testing.T) {
	t.Parallel()
	d := open(t, fake.Config{})
	d.SetDown(true)
	if _, err := d.Servers(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want an Unavailable fault", err)
	}
	d.SetDown(false)
	if _, err := d.Servers(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSlowOperationsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, fake.Config{Delay: time.Minute})
		s := spec("a")
		start := time.Now()
		if err := d.Prepare(t.Context(), s, noImages{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("prepare took %v, want a minute", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Spawn(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func BenchmarkServer(b *testing.B) {
	d := fake.New(fake.Config{})
	for b.Loop() {
		s := spec("b")
		_ = d.Prepare(b.Context(), s, noImages{})
		_ = d.Spawn(b.Context(), s)
		_ = d.Destroy(b.Context(), s.ID)
	}
}
