package conductor_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

// member creates a server in a group; its build is not done yet.
func (w *world) member(group string) nova.Server {
	w.t.Helper()
	made, err := w.verbs.Create(w.ctx, servers.CreateArgs{Name: "m", Flavor: "nano", Image: image,
		Hints: json.RawMessage(`{"group": "` + group + `"}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	return made.Servers[0]
}

func (w *world) group(p nova.GroupPolicy, most int) string {
	w.t.Helper()
	w.limits.ServerGroupMembers = 10
	g := nova.ServerGroup{ID: ids.UUID(), Name: "g", Project: project, User: "u1", Policy: p, MaxPerHost: most,
		Created: time.Now()}
	if err := w.d.Tx(w.ctx, func(tx *db.Tx) error { return store.InsertServerGroup(w.ctx, tx, g) }); err != nil {
		w.t.Fatal(err)
	}
	return g.ID
}

// meanwhile does another build between the choice of a host and its record, once.
func (w *world) meanwhile() {
	done := false
	w.on = func(point string) {
		if point == "claimed" && !done {
			done = true
			w.step()
		}
	}
}

func TestMembersOfAGroupAreSpreadByItsPolicy(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		policy  nova.GroupPolicy
		most    int
		hosts   []string
		servers int
		used    int // hosts that have servers in the end
		failed  int // builds without a host
	}{
		{"anti-affinity", nova.AntiAffinity, 0, []string{"h1", "h2"}, 3, 2, 1},
		{"anti-affinity of two", nova.AntiAffinity, 2, []string{"h1", "h2"}, 5, 2, 1},
		{"anti-affinity on one host", nova.AntiAffinity, 0, []string{"h1"}, 2, 1, 1},
		{"affinity", nova.Affinity, 0, []string{"h1", "h2", "h3"}, 3, 1, 0},
		{"soft anti-affinity", nova.SoftAntiAffinity, 0, []string{"h1"}, 2, 1, 0},
		{"soft affinity", nova.SoftAffinity, 0, []string{"h1"}, 2, 1, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, x.hosts...)
			g := w.group(x.policy, x.most)
			var all []nova.Server
			for range x.servers {
				all = append(all, w.member(g))
			}
			w.meanwhile()
			w.work()
			on, failed := map[string]int{}, 0
			for _, v := range all {
				v = w.get(v.ID)
				if v.VM == nova.Error {
					failed++
					if !strings.HasPrefix(v.Fault.Message, "No valid host was found.") {
						t.Errorf("fault %q", v.Fault.Message)
					}
					continue
				}
				active(t, w, v)
				on[v.Host]++
			}
			if len(on) != x.used || failed != x.failed {
				t.Errorf("servers are on %v, %d failed; want %d hosts and %d failures", on, failed, x.used, x.failed)
			}
			for h, n := range on {
				if x.policy == nova.AntiAffinity && n > max(1, x.most) {
					t.Errorf("%s has %d servers", h, n)
				}
			}
			w.clean()
		})
	}
}

func TestAServerThatIsDeletedLeavesItsGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	g := w.group(nova.AntiAffinity, 0)
	first := w.member(g)
	w.work()
	if err := w.verbs.Delete(w.ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	w.work()
	second := w.member(g)
	w.work()
	active(t, w, w.get(second.ID))
	v, err := store.ServerGroup(w.ctx, w.d, g)
	if err != nil || len(v.Members) != 1 || v.Members[0] != second.ID {
		t.Errorf("got %+v, %v", v, err)
	}
	w.clean()
}

func TestTheHintOfAGroupIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	g := w.group(nova.Affinity, 0)
	w.limits.ServerGroupMembers = 1
	w.member(g)
	for hint, want := range map[string]string{
		g: "Quota exceeded, too many servers in group", ids.UUID(): "could not be found", "x": "is not a 'uuid'",
	} {
		_, err := w.verbs.Create(w.ctx, servers.CreateArgs{Name: "m", Flavor: "nano", Image: image,
			Hints: json.RawMessage(`{"group": "` + hint + `"}`)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", hint, err)
		}
	}
	w.work()
	w.clean()
}
