package conductor_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// agentStory is something users do to a server on one host, and what must have come of its last action although the
// agent ended in it.
type agentStory struct {
	name    string
	prepare func(w *world)           // before the last action; may be nil
	keys    []string                 // actions of the table
	state   func(v nova.Server) bool // of the server at the end
}

// agentStories has one for each row of the table of actions, so that a new row is covered, and those of failures that
// the agent undoes.
func agentStories(t *testing.T) []agentStory {
	t.Helper()
	all := []agentStory{{name: "build", state: func(v nova.Server) bool { return v.VM == nova.Active && v.Fault == nil }}}
	for _, a := range nova.ServerActions() {
		way, ok := wayTo(a)
		if !ok {
			t.Fatalf("no actions lead to a state in which %s may begin", a.Key)
		}
		all = append(all, agentStory{name: "action " + a.Key, keys: append(slices.Clone(way), a.Key),
			state: func(v nova.Server) bool { return (a.Done.To == "" || v.VM == a.Done.To) && v.Fault == nil }})
	}
	fails := func(ops ...string) func(w *world) {
		return func(w *world) {
			var faults []fake.Fault
			for _, op := range ops {
				faults = append(faults, fake.Fault{Op: op, Fail: "no luck", Kind: fault.Invalid})
			}
			w.hosts["h1"].driver.SetFaults(faults...)
		}
	}
	back := func(v nova.Server) bool {
		return v.VM == nova.Active && v.Power == nova.Running && (v.Fault == nil || v.Fault.Message == "no luck")
	}
	return append(all,
		agentStory{name: "a rebuild that fails", keys: []string{"rebuild"}, prepare: fails("rebuild"),
			state: func(v nova.Server) bool { return v.VM == nova.Error && v.Fault.Message == "no luck" }},
		agentStory{name: "a rescue that fails", keys: []string{"rescue"}, prepare: fails("rescue"), state: back},
		agentStory{name: "a shelving that fails", keys: []string{"shelve"}, prepare: fails("snapshot-open"), state: back},
		agentStory{name: "an image that fails", keys: []string{"create-image"}, prepare: fails("snapshot-open"),
			state: back},
		agentStory{name: "an attachment that fails", keys: []string{"attach-interface"},
			prepare: func(w *world) { fails("attach-interface")(w); w.nics-- }, state: back},
		agentStory{name: "a detachment that fails", keys: []string{"detach-interface"},
			prepare: func(w *world) { fails("detach-interface")(w); w.nics++ }, state: back})
}

// TestAgentMayEndAtAnyInstant ends the agent at each instant of the last action of each story, and starts it again
// once the jobs are done or wait for it, or only when they have given up. Together the stories must use all operations
// of the hypervisor, so that a new one is not forgotten here.
func TestAgentMayEndAtAnyInstant(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ended := map[string]bool{}
	all := agentStories(t)
	told := 0
	t.Cleanup(func() {
		for _, op := range fake.Operations() {
			if told == len(all) && (!ended["before "+op] || !ended["after "+op]) {
				t.Errorf("the agent was never ended before and after %s", op)
			}
		}
	})
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			calm := s.run(t, 0, false)
			for k := range calm {
				t.Run(fmt.Sprintf("%d %s", k+1, calm[k]), func(t *testing.T) { s.run(t, k+1, false) })
				t.Run(fmt.Sprintf("%d %s for long", k+1, calm[k]), func(t *testing.T) { s.run(t, k+1, true) })
			}
			mu.Lock()
			defer mu.Unlock()
			told++
			for _, p := range calm {
				ended[p] = true
			}
		})
	}
}

// interfaces reports whether the story changes the NICs of the guest.
func (s *agentStory) interfaces() bool {
	return slices.Contains(s.keys, nova.AttachInterface.Key) || slices.Contains(s.keys, nova.DetachInterface.Key)
}

// run tells the story, with an agent that ends at the instant crashAt of the last action (0: at none), and returns the
// instants of the last action. With long it is away until all jobs have given up; then the server must be in no task,
// and what is left of the action must go when the agent is back.
func (s *agentStory) run(t *testing.T, crashAt int, long bool) (points []string) {
	w := newWorld(t, "h1")
	h := w.hosts["h1"]
	var mu sync.Mutex
	last := false
	h.hook = func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if !last {
			return
		}
		points = append(points, point)
		if len(points) == crashAt {
			h.kill()
		}
	}
	begin := func() {
		if s.prepare != nil {
			s.prepare(w)
		}
		mu.Lock()
		defer mu.Unlock()
		last = true
	}
	rest := func() {
		for range 3 {
			w.step()
		}
		if h.dead.Load() {
			if long {
				w.giveUp()
			}
			h.start()
		}
		w.work()
	}
	if len(s.keys) == 0 {
		begin()
	}
	id := w.create().ID
	rest()
	for i, key := range s.keys {
		if i == len(s.keys)-1 {
			begin()
		}
		request := fmt.Sprintf("req-%s-%d", key, i)
		if err := w.asked(id, key, request); err != nil && (crashAt == 0 || key != nova.ChangePasswordServer.Key) {
			t.Fatalf("%s: %v", key, err) // a password is set while its request waits, which then fails with the agent
		}
		rest()
	}
	v := w.get(id)
	if !long && !s.state(v) {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	if long { // an attachment may be done or not, and the guest differs until its next hard reboot
		w.nics = len(v.Addresses)
		if s.interfaces() {
			w.ask(id, nova.HardRebootServer.Key, "req-last")
			w.work()
		}
	}
	w.clean()
	left, err := h.driver.Leftovers(w.ctx)
	if err != nil || len(left) > 0 && !left[0].Rescued {
		t.Errorf("the host is left with %+v, %v", left, err)
	}
	if disks := h.driver.Disks(id); len(disks) > 0 && !strings.HasPrefix(disks[0], v.Image.ID) &&
		(strings.HasPrefix(disks[0], image) || strings.HasPrefix(disks[0], image2)) {
		t.Errorf("the disk is made of %v, the server of %s", disks, v.Image.ID)
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(points)
}

// giveUp does all jobs, with time passing, until only those are left that wait for a host as long as it takes.
func (w *world) giveUp() {
	w.t.Helper()
	for range 400 {
		all, err := w.queue.List(w.ctx, tasks.ListArgs{})
		if err != nil {
			w.t.Fatal(err)
		}
		waits := func(i tasks.Info) bool { return i.State == "dead" || i.Kind == jobs.Cleanup.Name() }
		if len(slices.DeleteFunc(all, waits)) == 0 {
			return
		}
		if _, did := w.step(); !did {
			w.offset.Add(int64(2 * time.Minute))
		}
	}
	w.t.Fatal("the jobs do not give up")
}
