package agent

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
	"hypernova/neutron/rpcapi"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/service"
)

// fakeServer answers from what a test sets; each report is one element.
type fakeServer struct {
	mu      sync.Mutex
	reply   rpcapi.HostStateReply
	away    bool
	deaf    bool // takes no reports
	known   []int64
	reports []rpcapi.PortsWiredArgs
	beats   int
}

func (f *fakeServer) state(_ context.Context, a rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = append(f.known, a.Known)
	if f.away {
		return rpcapi.HostStateReply{}, fault.Unavailablef("away")
	}
	if f.reply.State.Revision == a.Known {
		return rpcapi.HostStateReply{Unchanged: true}, nil
	}
	return f.reply, nil
}

func (f *fakeServer) wired(_ context.Context, a rpcapi.PortsWiredArgs) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deaf {
		return fault.Unavailablef("deaf")
	}
	f.reports = append(f.reports, a)
	return nil
}

func (f *fakeServer) alive(context.Context, rpcapi.AgentReportArgs) error { f.beats++; return nil }

func (f *fakeServer) pulls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.known)
}

// fakeHost counts what it is given; ports in broken fail.
type fakeHost struct {
	applied []int64
	broken  map[string]string
}

func (h *fakeHost) open(context.Context) error { return nil }
func (h *fakeHost) close() error               { return nil }
func (h *fakeHost) report(io.Writer)           {}
func (h *fakeHost) watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}
func (h *fakeHost) apply(ctx context.Context, s neutron.HostState) ([]string, map[string]string, error) {
	h.applied = append(h.applied, s.Revision)
	up, down, _ := pretend{}.apply(ctx, s)
	kept := up[:0]
	for _, id := range up {
		if why := h.broken[id]; why != "" {
			down[id] = why
		} else {
			kept = append(kept, id)
		}
	}
	return kept, down, nil
}

func ports(revision int64, status string, names ...string) rpcapi.HostStateReply {
	n := neutron.HostNetwork{ID: "net"}
	for _, id := range names {
		n.Ports = append(n.Ports, neutron.PortInfo{ID: id, AdminUp: true, Status: status})
	}
	return rpcapi.HostStateReply{State: neutron.HostState{Revision: revision, Networks: []neutron.HostNetwork{n}}}
}

func testAgent(h host, s server) *agent {
	return newAgent(Config{Host: "h1"}.filled(), h, s, nil, service.Options{}, slog.New(slog.DiscardHandler))
}

func (f *fakeServer) take() (up, down []string) {
	for _, r := range f.reports {
		up, down = append(up, r.Up...), append(down, r.Down...)
	}
	f.reports = nil
	return up, down
}

func wantReport(t *testing.T, f *fakeServer, what string, up, down []string) {
	t.Helper()
	gotUp, gotDown := f.take()
	if d := cmp.Diff([2][]string{up, down}, [2][]string{gotUp, gotDown}); d != "" {
		t.Errorf("%s: report (-want +got): %s", what, d)
	}
}

func TestReportsWhatTheServerDoesNotKnow(t *testing.T) {
	t.Parallel()
	s, h := &fakeServer{reply: ports(1, "DOWN", "a", "b")}, &fakeHost{broken: map[string]string{"b": "no device"}}
	a := testAgent(h, s)
	round := func() {
		t.Helper()
		if err := a.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if why := s.reports[0].Reasons["b"]; why != "no device" {
		t.Errorf("reason %q", why)
	}
	wantReport(t, s, "first", []string{"a"}, []string{"b"})
	round()
	wantReport(t, s, "unchanged", nil, nil)
	h.broken = nil
	round()
	wantReport(t, s, "repaired", []string{"b"}, nil)
	s.reply = ports(2, "ACTIVE", "a", "b")
	round()
	wantReport(t, s, "the server's own echo", nil, nil)
	s.reply = ports(3, "DOWN", "a", "b") // bound anew
	round()
	wantReport(t, s, "the server believes them down", []string{"a", "b"}, nil)
	s.reply = ports(4, "ACTIVE", "a")
	round()
	s.reply = ports(5, "ACTIVE", "a", "b") // gone and back
	round()
	wantReport(t, s, "gone and back", []string{"b"}, nil)
	if d := cmp.Diff([]int64{0, 1, 1, 1, 2, 3, 4}, s.known); d != "" {
		t.Error(d)
	}
}

func TestReportIsRepeatedUntilHeard(t *testing.T) {
	t.Parallel()
	s := &fakeServer{reply: ports(1, "DOWN", "a"), deaf: true}
	a := testAgent(&fakeHost{}, s)
	if err := a.round(t.Context()); err == nil {
		t.Fatal("round succeeded, want the failed report as its error")
	}
	s.deaf = false
	if err := a.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantReport(t, s, "second", []string{"a"}, nil)
}

func TestHostIsKeptWhileServerIsAway(t *testing.T) {
	t.Parallel()
	s, h := &fakeServer{away: true}, &fakeHost{}
	a := testAgent(h, s)
	if err := a.round(t.Context()); err == nil || len(h.applied) != 0 {
		t.Errorf("error %v, applied %v: before the server has spoken the host must be left alone", err, h.applied)
	}
	s.away, s.reply = false, ports(7, "DOWN", "a")
	if err := a.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.away = true
	if err := a.round(t.Context()); err == nil {
		t.Error("round without a server succeeded, want its error")
	}
	if d := cmp.Diff([]int64{7, 7}, h.applied); d != "" {
		t.Error(d)
	}
}

func TestHostWithoutPortsIsCleared(t *testing.T) {
	t.Parallel()
	h := &fakeHost{}
	if err := testAgent(h, &fakeServer{}).round(t.Context()); err != nil { // revision 0, so "unchanged"
		t.Fatal(err)
	}
	if len(h.applied) != 1 {
		t.Errorf("applied %v, want the empty state once", h.applied)
	}
}

func TestLoopsPollBeatAndBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{away: true}
		a := testAgent(&fakeHost{}, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); a.repeat(ctx, a.c.Poll, a.hinted, "pull", a.round) }()
		time.Sleep(10 * time.Second) // virtual
		synctest.Wait()
		if n := s.pulls(); n < 5 || n > 8 { // 0.25, 0.5, 1, 2, 4, then the poll's 5 s
			t.Errorf("%d pulls in 10 s of silence, want growing distances", n)
		}
		s.mu.Lock()
		s.away = false
		s.mu.Unlock()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		before := s.pulls()
		a.hint()
		synctest.Wait()
		if s.pulls() != before+1 {
			t.Error("a hint did not wake the agent")
		}
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if got := s.pulls() - before - 1; got != 4 {
			t.Errorf("%d polls in 21 s, want 4", got)
		}
		cancel()
		<-done
	})
}

func TestFakeAgentOverTheBus(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bus, err := messaging.Open(ctx, "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.WithoutCancel(ctx))
	// the first and the hinted one
	states := make(chan rpcapi.HostStateReply, 2)
	// it joins, and becomes a member
	wired, beats := make(chan rpcapi.PortsWiredArgs, 2), make(chan rpcapi.AgentReportArgs, 2)
	srv := messaging.NewServer(bus, rpcapi.Plugin, "controller")
	rpcapi.HostState.Handle(srv, func(context.Context, rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
		return <-states, nil
	})
	rpcapi.PortsWired.Handle(srv, func(_ context.Context, a rpcapi.PortsWiredArgs) (messaging.None, error) {
		wired <- a
		return messaging.None{}, nil
	})
	rpcapi.AgentReport.Handle(srv, func(_ context.Context, a rpcapi.AgentReportArgs) (messaging.None, error) {
		beats <- a
		return messaging.None{}, nil
	})
	srv.Seal()
	if err := srv.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	a := NewFake(Config{Host: "h1", Poll: time.Hour}, Deps{Bus: bus, Log: slog.New(slog.DiscardHandler)})
	ready, ended := make(chan struct{}), make(chan error, 1)
	run, stop := context.WithCancel(ctx)
	go func() { ended <- a.Run(run, func() { close(ready) }) }()
	<-ready
	states <- ports(1, "DOWN", "a")
	if got := <-wired; got.Host != "h1" || len(got.Up) != 1 || got.Up[0] != "a" {
		t.Errorf("report %+v, want a up", got)
	}
	if got := <-beats; got.Host != "h1" || len(got.Agents) != 4 {
		t.Errorf("heartbeat %+v, want four agents of h1", got)
	}
	if err := rpcapi.Changed.Do(ctx, bus, "h1", rpcapi.ChangedArgs{Revision: 2}); err != nil {
		t.Fatal(err)
	}
	states <- ports(2, "DOWN", "b")
	if got := <-wired; len(got.Up) != 1 || got.Up[0] != "b" {
		t.Errorf("report %+v, want b up", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("agent ended with %v", err)
	}
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	err := contained(t.Context(), "pull", func(context.Context) error { panic("oops") })
	if err == nil || !strings.Contains(err.Error(), "oops") {
		t.Errorf("error %v, want the panic's", err)
	}
}

// changed is an answer with one section that changed, from a server that knows sections.
func changed(revision int64, id string, all neutron.Revisions) rpcapi.HostStateReply {
	return rpcapi.HostStateReply{Sections: all,
		State: neutron.HostState{Revision: revision, Groups: []neutron.HostGroup{{ID: id}}}}
}

// An agent keeps the sections that it was not sent again, and reports only ports of those that it was.
func TestTakesSections(t *testing.T) {
	t.Parallel()
	s, h := &fakeServer{reply: ports(1, "DOWN", "a")}, &fakeHost{}
	net, web := neutron.NetworkSection("net"), neutron.GroupSection("web")
	s.reply.Sections = neutron.Revisions{net: 1}
	a := testAgent(h, s)
	for _, step := range []struct {
		name         string
		reply        rpcapi.HostStateReply
		up           []string
		fails        bool
		have         neutron.Revisions
		nets, groups int
	}{
		{"the first answer", s.reply, []string{"a"}, false, neutron.Revisions{net: 1}, 1, 0},
		{"a group", changed(2, "web", neutron.Revisions{net: 1, web: 1}), nil, false,
			neutron.Revisions{net: 1, web: 1}, 1, 1},
		{"a section that is nowhere", changed(3, "web", neutron.Revisions{net: 1, web: 2, "network:x": 1}), nil, true,
			neutron.Revisions{}, 1, 1},
		{"the network gone", changed(4, "web", neutron.Revisions{web: 2}), nil, false, neutron.Revisions{web: 2}, 0, 1},
		{"a server without sections", ports(5, "ACTIVE", "a"), []string{"a"}, false, neutron.Revisions{}, 1, 0},
	} {
		s.reply = step.reply
		if err := a.round(t.Context()); (err != nil) != step.fails {
			t.Fatalf("%s: %v", step.name, err)
		}
		wantReport(t, s, step.name, step.up, nil)
		if d := cmp.Diff(step.have, a.have); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
		if len(a.current.Networks) != step.nets || len(a.current.Groups) != step.groups {
			t.Errorf("%s: %+v", step.name, a.current)
		}
	}
	if got := s.known[len(s.known)-2]; got != 0 {
		t.Errorf("after an answer that lacks a section the agent said that it knows revision %d", got)
	}
}
