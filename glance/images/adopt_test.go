package images_test

import (
	"flag"
	"strings"
	"testing"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/glance/store"
	log "hypernova/glance/tasks"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A task that waits in the queue while the cloud is upgraded is run by the new release, and resumed with its progress.
func TestStoredImportsOfOlderReleasesAreRead(t *testing.T) {
	t.Parallel()
	taskstest.Golden(t, *update, images.ImportKind)
	taskstest.Record[images.Progress](t, *update, "image.import.progress")
}

// former makes a row what a release without tasks for imports left behind when it ended during an import.
var former = db.NewExec(db.NewSet("test"), `UPDATE images
SET status = ?, worker = ?, import_method = ?, import_uri = ?, import_plan = ?, copies = ?, properties = ?
WHERE id = ?`)

// Imports that a process of an earlier release had begun are completed, or ended, by the next process of its worker.
// Those of other workers may be running and are left alone.
func TestImportsOfAnEarlierReleaseAreAdopted(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		data := random(1<<20 + 3)
		f := newFar(t, data)
		for _, c := range []struct {
			name, worker, status, method, uri, plan, copies string
			before                                          act
			want                                            string
			stores                                          []string
		}{
			{name: "staged", worker: "glance", status: glance.Importing, method: images.GlanceDirect,
				plan:   `{"stores":["b"],"must":true,"staged_in":"a"}`,
				before: stage(data), want: glance.Active, stores: []string{"b"}},
			{name: "web-download", worker: "glance", status: glance.Importing, method: images.WebDownload, uri: f.URL + "/plain",
				plan: `{"stores":["a","b"]}`, want: glance.Active, stores: []string{"a", "b"}},
			{name: "copy with half a copy", worker: "glance", status: glance.Active, method: images.CopyImage,
				plan: `{"stores":["b"],"must":true}`, copies: `{"more":[{"store":"b","key":"half"}]}`,
				before: upload(data), want: glance.Active, stores: []string{"a", "b"}},
			{name: "location", worker: "glance", status: glance.Importing, method: "location", uri: f.URL + "/plain",
				plan: `{"stores":["web"],"must":true,"location":{"Store":"web","Key":"` + f.URL + `/plain"}}`,
				want: glance.Active, stores: []string{"web"}},
			{name: "glance-download", worker: "glance", status: glance.Importing, method: images.GlanceDownload,
				uri:  "forgotten",
				plan: `{"stores":["a"],"must":true}`, want: glance.Queued},
			{name: "another worker's", worker: "other", status: glance.Importing, method: images.WebDownload,
				uri:  f.URL + "/plain",
				plan: `{"stores":["a"]}`, want: glance.Importing},
		} {
			t.Run(c.name, func(t *testing.T) {
				w := worldOn(t, d)
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
				task, err := log.Log{}.Start(admin(t), d, log.Begin{Type: glance.TaskImageImport, Image: i.ID})
				if err != nil {
					t.Fatal(err)
				}
				props := "\n\"os_glance_failed_import\":\"\"\n\"os_glance_import_task\":\"" + task +
					"\"\n\"os_glance_importing_to_stores\":\"b\"\n"
				n, err := former.Do(t.Context(), d, c.status, c.worker, c.method, c.uri, c.plan, c.copies, props, i.ID)
				if err != nil || n != 1 {
					t.Fatal(n, err)
				}
				next := w.process(t, nil)
				stop := running(t, next)
				w.idle(t)
				stop()
				got, err := next.Records.Get(admin(t), i.ID)
				if err != nil || got.Status != c.want || strings.Join(sorted(got.Stores), ",") != strings.Join(c.stores, ",") {
					t.Fatalf("got %s in %v, %v; want %s in %v", got.Status, got.Stores, err, c.want, c.stores)
				}
				record, err := store.Task(t.Context(), d, task)
				if err != nil {
					t.Fatal(err)
				}
				ends := map[string]string{glance.Active: glance.TaskSuccess, glance.Queued: glance.TaskFailure,
					glance.Importing: glance.TaskPending}
				if record.Status != ends[c.want] {
					t.Errorf("the task record is %s: %s", record.Status, record.Message)
				}
				if c.want == glance.Importing { // it has to end before its data is counted below
					row, err := store.Image(t.Context(), d, i.ID)
					if err != nil || row.Worker != "other" || row.Former.URI != c.uri || len(row.Former.Stores) != 1 {
						t.Errorf("the record of another worker was changed: %+v, %v", row, err)
					}
					return
				}
				w.clean(t, c.name)
				if err := next.Records.Delete(admin(t), i.ID); err != nil {
					t.Error(err)
				}
			})
		}
	}, tables...)
}
