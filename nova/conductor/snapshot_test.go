package conductor_test

import (
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/servers"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// imaged is the story of a server that goes on as it was, with so many images that are whole.
func imaged(vm nova.VMState, power nova.PowerState, images int) func(*testing.T, *world, nova.Server) {
	return func(t *testing.T, w *world, v nova.Server) {
		if v.VM != vm || v.Power != power || v.Task != nova.Idle {
			t.Errorf("server is %+v, fault %+v", v, v.Fault)
		}
		wholeImages(t, w, images)
	}
}

func wholeImages(t *testing.T, w *world, n int) {
	all := w.images.All()
	if len(all) != n {
		t.Errorf("%d images, want %d: %+v", len(all), n, all)
	}
	for _, i := range all {
		if i.Status != glance.Active {
			t.Errorf("image %s is %s", i.ID, i.Status)
		}
	}
	for name, h := range w.hosts {
		for _, id := range h.guests() {
			if h.driver.Copied(id) {
				t.Errorf("host %s still has a snapshot of %s", name, id)
			}
		}
	}
}

func snapshotStories() []story {
	one := []string{"h1"}
	del := func(w *world, id string) error { return w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id) }
	withoutImages := func(want func(*testing.T, *world, nova.Server)) func(*testing.T, *world, nova.Server) {
		return func(t *testing.T, w *world, v nova.Server) {
			want(t, w, v)
			wholeImages(t, w, 0)
		}
	}
	during := func(at, key string, do func(*world, string) error) func(*world) string {
		return func(w *world) string {
			id := power()(w)
			done := false
			w.hosts["h1"].hook = func(point string) {
				if point == at && !done {
					done = true
					if err := do(w, id); err != nil {
						w.t.Error(err)
					}
				}
			}
			w.ask(id, key, "req-"+key)
			w.work()
			return id
		}
	}
	return []story{
		{"image of a running server", one, power("create-image"), imaged(nova.Active, nova.Running, 1)},
		{"image of a stopped server", one, power("stop", "create-image"), imaged(nova.Stopped, nova.Shutdown, 1)},
		{"backups take turns", one, power("create-backup", "create-backup", "create-backup"),
			imaged(nova.Active, nova.Running, 2)},
		{"an image whose disk cannot be copied", one, failing("snapshot", "create-image"),
			imaged(nova.Active, nova.Running, 0)},
		{"an image that the image service refuses", one, func(w *world) string {
			w.images.FailUpload = fault.New(fault.TooLarge, "too large")
			return power("create-image")(w)
		}, imaged(nova.Active, nova.Running, 0)},
		{"delete while an image is made", one, during("after snapshot", "create-image", del), withoutImages(gone)},
		{"a request for an image that ends half way", one, func(w *world) string {
			id := power()(w)
			image := ids.UUID()
			if _, err := w.images.Create(w.ctx, glance.NewImage{ID: image}); err != nil {
				w.t.Fatal(err)
			}
			err := w.d.Tx(w.ctx, func(tx *db.Tx) error {
				_, err := jobs.Unclaimed.EnqueueAfter(w.ctx, tx, w.queue, "image:"+image, time.Minute,
					jobs.UnclaimedArgs{Image: image, Server: id})
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
			w.offset.Add(int64(2 * time.Minute))
			w.work()
			return id
		}, imaged(nova.Active, nova.Running, 0)},
	}
}

// TestImagesOfServers checks what an image has of its server, and what a refused request leaves.
func TestImagesOfServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	shots := servers.Snapshots{Servers: w.verbs}
	image, err := shots.CreateImage(auth.WithRequest(w.ctx, "req-image"), id, servers.SnapshotArgs{Name: "shot",
		Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if v := w.get(id); v.Task != nova.ImageSnapshotPending {
		t.Errorf("the task state is %s", v.Task)
	}
	if _, err := shots.CreateImage(w.ctx, id, servers.SnapshotArgs{Name: "two"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second one: got %v, want a Conflict fault", err)
	}
	w.work()
	all := w.images.All()
	if len(all) != 1 || all[0].ID != image {
		t.Fatalf("the images are %+v", all)
	}
	i := all[0]
	if i.Name != "shot" || i.Status != glance.Active || i.DiskFormat != "qcow2" || i.ContainerFormat != "bare" ||
		i.MinDisk != 1 {
		t.Errorf("the image is %+v", i)
	}
	for name, want := range map[string]string{"a": "b", "image_type": "snapshot", "instance_uuid": id,
		"base_image_ref": "", "image_state": "available"} {
		if got := i.Properties[name]; got != want && name != "base_image_ref" || got == "" {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
