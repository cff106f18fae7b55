package conductor_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
)

// A build, whenever and wherever it is done, makes ports and reads the image by the rights that its asker had when he
// asked. That roles were taken from him since changes nothing: the task keeps what his token said.
func TestABuildHasTheRightsOfItsAsker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	opened := make(chan *auth.Caller, 8)
	w.opened = func(c *auth.Caller) { opened <- c }
	asked := &auth.Caller{UserID: "u7", ProjectID: project, Roles: []string{"member", "special"}}
	w.ctx = auth.WithRequest(auth.With(t.Context(), asked), "req-create")
	v := w.create()
	w.conductor() // another process does the work
	w.work()
	if got := w.get(v.ID); got.VM != nova.Active {
		t.Fatalf("server is %+v, fault %+v", got, got.Fault)
	}
	if len(w.ports.asked) == 0 {
		t.Fatal("no port was asked for")
	}
	if len(opened) == 0 {
		t.Fatal("no image was read")
	}
	for _, c := range append(w.ports.asked, <-opened) {
		if d := cmp.Diff(asked, c); d != "" {
			t.Errorf("asked as somebody else: %s", d)
		}
	}
	w.clean()
}

// A task that keeps no caller is its owner's as an ordinary member: never the service's.
func TestABuildOfNobodyIsItsOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	v := w.create()
	strip := db.NewExec(db.NewSet("test"), "UPDATE tasks SET caller = 'null'")
	if _, err := strip.Do(context.WithoutCancel(t.Context()), w.d); err != nil {
		t.Fatal(err)
	}
	w.work()
	if got := w.get(v.ID); got.VM != nova.Active {
		t.Fatalf("server is %+v, fault %+v", got, got.Fault)
	}
	want := &auth.Caller{UserID: v.User, ProjectID: v.Project, Roles: []string{"member", "reader"}}
	for _, c := range w.ports.asked {
		if d := cmp.Diff(want, c); d != "" {
			t.Errorf("asked as somebody else: %s", d)
		}
	}
	w.clean()
}
