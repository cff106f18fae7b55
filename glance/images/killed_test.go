package images_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"testing"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/glance/store"
	"hypernova/oslo/fault"
)

// act is a request to a service about an image.
type act func(*testing.T, *images.Service, string) error

func upload(data []byte) act {
	return func(t *testing.T, s *images.Service, id string) error {
		return s.Data.Upload(admin(t), id, bytes.NewReader(data), -1, "")
	}
}

func stage(data []byte) act {
	return func(t *testing.T, s *images.Service, id string) error {
		return s.Data.Stage(admin(t), id, bytes.NewReader(data), -1)
	}
}

func imported(in images.Import) act {
	return func(t *testing.T, s *images.Service, id string) error { return s.Imports.Begin(admin(t), id, in) }
}

// reachable lets web-download fetch from a test server.
func (w *world) reachable(t *testing.T, server string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	w.web = images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// scenario is a request that is killed at every moment, after another one.
type scenario struct {
	name        string
	before, act act
	stores      []string // afterwards, whether killed or not; nil if that depends on the moment
}

func scenarios(data []byte, site, region string) []scenario {
	direct := func(in images.Import) act { in.Method = images.GlanceDirect; return imported(in) }
	both := func(t *testing.T, s *images.Service, id string) error {
		if err := upload(data)(t, s, id); err != nil {
			return err
		}
		in := images.Import{Method: images.CopyImage, Stores: []string{"b"}, Must: true}
		if err := s.Imports.Begin(admin(t), id, in); err != nil {
			return err
		}
		defer running(t, s)()
		settled(t, s, id)
		return nil
	}
	web := images.Import{Method: images.WebDownload, URI: site, AllStores: true, Must: true}
	some := images.Import{Method: images.WebDownload, URI: site, Stores: []string{"b", "a"}}
	far := images.Import{Method: images.GlanceDownload, AllStores: true, Must: true,
		From: images.Origin{Region: region, Interface: "public", Image: farImage, Token: "good"}}
	return []scenario{
		{"upload", nil, upload(data), nil},
		{"stage", nil, stage(data), nil},
		{"import elsewhere", stage(data), direct(images.Import{Stores: []string{"b"}, Must: true}), []string{"b"}},
		{"import to all", stage(data), direct(images.Import{AllStores: true, Must: true}), []string{"a", "b"}},
		{"import to some", stage(data), direct(images.Import{Stores: []string{"b", "a"}}), []string{"a", "b"}},
		{"web-download", nil, imported(web), []string{"a", "b"}},
		{"web-download to some", nil, imported(some), []string{"a", "b"}},
		{"glance-download", nil, imported(far), nil},
		{"copy", upload(data), imported(images.Import{Method: images.CopyImage, Stores: []string{"b"}, Must: true}),
			[]string{"a", "b"}},
		{"location", nil, func(t *testing.T, s *images.Service, id string) error {
			return s.Locations.Add(admin(t), id, images.Location{URL: site}, false)
		}, []string{"web"}},
		{"delete a copy", both, func(t *testing.T, s *images.Service, id string) error {
			return s.Copies.Delete(admin(t), id, "a")
		}, nil},
	}
}

// A process that is killed at any moment of a request (a call of a store, a transaction of an import, a step of its
// task) leaves an image that the next process completes or resets, and no data without an image.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	all := func(scenario) bool { return true }
	killedAnywhere(t, all, func(w *world, t *testing.T, moment, id string, data []byte, stores []string) {
		w.restarted(t, moment, id, data, stores)
	})
}

// The image is deleted before the next process starts: nothing is left of it.
func TestKilledAnywhereAndDeleted(t *testing.T) {
	t.Parallel()
	some := func(s scenario) bool {
		return s.name == "import to all" || s.name == "web-download to some" || s.name == "copy"
	}
	killedAnywhere(t, some, func(w *world, t *testing.T, moment, id string, _ []byte, _ []string) {
		s := w.process(t, nil)
		if err := s.Records.Delete(admin(t), id); err != nil {
			t.Fatalf("%s: %v", moment, err)
		}
		stop := running(t, s)
		w.idle(t)
		stop()
		w.clean(t, moment)
		w.ended(t, moment, id)
	})
}

func killedAnywhere(t *testing.T, which func(scenario) bool,
	then func(w *world, t *testing.T, moment, id string, data []byte, stores []string)) {
	data := random(1<<20 + 7) // two pieces
	f := newFar(t, data)
	f.doc["disk_format"], f.doc["container_format"] = "raw", "bare"
	for _, c := range scenarios(data, f.URL+"/plain", "far") {
		if !which(c) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				w := newWorld(t)
				w.reachable(t, f.URL)
				w.regions = f.regions
				s := w.process(t, nil)
				i, err := s.Records.Create(admin(t), images.Create{Name: "n", DiskFormat: "raw", ContainerFormat: "bare"})
				if err != nil {
					t.Fatal(err)
				}
				if c.before != nil {
					if err := c.before(t, s, i.ID); err != nil {
						t.Fatal(err)
					}
				}
				k := &killer{left: n, died: make(chan bool)}
				killed := w.acted(t, k, i.ID, c.act)
				then(w, t, fmt.Sprintf("moment %d", n), i.ID, data, c.stores)
				if !killed {
					return
				}
			}
		})
	}
}

// acted lets a process act until it is done or killed.
func (w *world) acted(t *testing.T, k *killer, id string, do act) (killed bool) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end() // a killed process claims no more tasks
	s := w.process(t, k)
	done := make(chan error, 1)
	go func() {
		ready := make(chan bool)
		go s.Run(ctx, func() { close(ready) }) // ends with the test, or is killed
		select {
		case <-ready:
		case <-ctx.Done():
			return
		}
		err := do(t, s, id)
		if err == nil {
			w.idle(t)
		}
		done <- err
	}()
	select {
	case <-k.died:
		return true
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
		return false
	}
}

// restarted is the next process on this world, which mends the state that the last one left.
func (w *world) restarted(t *testing.T, moment, id string, data []byte, stores []string) {
	t.Helper()
	s := w.process(t, nil)
	stop := running(t, s)
	w.idle(t)
	i := settled(t, s, id)
	stop()
	begun := i.Status != glance.Queued && i.Status != glance.Uploading // the request itself may have been killed
	if stores != nil && begun && (i.Status != glance.Active || fmt.Sprint(sorted(i.Stores)) != fmt.Sprint(stores)) {
		jobs, _ := store.TasksOf(t.Context(), w.db, id)
		if len(jobs) > 0 {
			t.Errorf("%s: the image is %s in %v, want it in %v", moment, i.Status, i.Stores, stores)
		}
	}
	switch i.Status {
	case glance.Active:
		for _, st := range i.Stores {
			r, err := s.Data.Read(admin(t), id, 0, -1, st)
			if err != nil {
				t.Fatalf("%s: %s: %v", moment, st, err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d other bytes in %s, %v", moment, len(got), st, err)
			}
		}
	case glance.Queued, glance.Uploading:
		if jobs, err := store.TasksOf(t.Context(), w.db, id); err != nil || stores != nil && len(jobs) > 0 {
			t.Errorf("%s: the image is %s although its import had begun: %+v, %v", moment, i.Status, jobs, err)
		}
	default:
		t.Errorf("%s: the image is %s", moment, i.Status)
	}
	w.clean(t, moment)
	w.ended(t, moment, id)
}

// ended checks that the task records of an image have ended.
func (w *world) ended(t *testing.T, moment, id string) {
	t.Helper()
	all, err := store.TasksOf(t.Context(), w.db, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Status != glance.TaskSuccess && r.Status != glance.TaskFailure {
			t.Errorf("%s: the task record of the import is %s: %s", moment, r.Status, r.Message)
		}
	}
}

// A later attempt owns the record: an earlier one that was only slow changes nothing, and its data goes.
func TestAStaleAttemptChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.process(t, nil)
	i, err := s.Records.Create(admin(t), images.Create{Name: "n", DiskFormat: "raw", ContainerFormat: "bare"})
	if err != nil {
		t.Fatal(err)
	}
	data := random(100)
	in := images.Import{Method: images.GlanceDirect, Stores: []string{"b"}, Must: true}
	if err := stage(data)(t, s, i.ID); err != nil {
		t.Fatal(err)
	}
	if err := imported(in)(t, s, i.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Imports.Attempt(admin(t), i.ID, 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Imports.Attempt(admin(t), i.ID, 1); err == nil || fault.Is(err, fault.Gone) {
		t.Errorf("an attempt with an older fence: %v", err)
	}
	w.restarted(t, "afterwards", i.ID, data, []string{"b"})
}
