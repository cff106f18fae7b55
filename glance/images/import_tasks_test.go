package images_test

import (
	"strings"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/glance/store"
	"hypernova/oslo/fault"
)

func TestSweepForgetsTasksWhoseTimeHasPassed(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	now := time.Now()
	for id, expires := range map[string]time.Time{"old": now.Add(-time.Minute), "young": now.Add(time.Hour), "open": {}} {
		if err := store.InsertTask(t.Context(), c.db, glance.Task{ID: id, Type: glance.TaskImageImport,
			Status: glance.TaskSuccess, ImageID: "i", Created: now, Updated: now, Expires: expires}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, there := range map[string]bool{"old": false, "young": true, "open": true} {
		if _, err := store.Task(t.Context(), c.db, id); fault.Is(err, fault.NotFound) == there {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestLimitOfLocations(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	for _, n := range []struct {
		name    string
		n, had  int
		refused bool
	}{{"as many as may be", 10, 0, false}, {"one more", 11, 10, true}, {"more than may be, as before", 12, 12,
		false}, {"still more", 13, 12, true}} {
		if err := c.CountLocations(n.n, n.had); fault.Is(err, fault.TooLarge) != n.refused {
			t.Errorf("%s: %v", n.name, err)
		}
	}
}

// TestACopyOfWhatIsEverywhere copies an image to all stores where the only one has it.
func TestACopyOfWhatIsEverywhere(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	id := c.create(t, "raw")
	if err := c.Data.Upload(owner(t), id, strings.NewReader("data"), -1, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Imports.Begin(owner(t), id, images.Import{Method: images.CopyImage, AllStores: true}); err != nil {
		t.Fatal(err)
	}
	i, err := c.Records.Get(owner(t), id)
	if err != nil {
		t.Fatal(err)
	}
	left, told := i.Properties["os_glance_importing_to_stores"]
	if !told || left != "" || i.Status != glance.Active {
		t.Errorf("image: %+v", i)
	}
	if ts, err := store.TasksOf(t.Context(), c.db, id); err != nil || len(ts) != 1 || ts[0].Status != glance.TaskSuccess {
		t.Errorf("tasks: %+v, %v", ts, err)
	}
}
