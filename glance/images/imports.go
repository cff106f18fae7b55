package images

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	log "hypernova/glance/tasks"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// Import methods.
const (
	GlanceDirect   = "glance-direct"   // the staged data
	WebDownload    = "web-download"    // the data of a URI
	CopyImage      = "copy-image"      // the image's own data, to more stores
	GlanceDownload = "glance-download" // an image of another region, with some of its properties
	byLocation     = "location"        // data at a location; clients cannot choose this method
)

func knownMethods() []string { return []string{GlanceDirect, WebDownload, CopyImage, GlanceDownload} }

// Properties that show clients the progress of an import. After its end they remain with an empty value.
const (
	importTask   = "os_glance_import_task"
	importingTo  = "os_glance_importing_to_stores"
	failedImport = "os_glance_failed_import"
)

// importsAtOnce is how many imports a process runs at a time. They are limited by the network and the disk.
const importsAtOnce = 4

// importOptions: a failed import is not repeated. The attempts are for interrupted ones: a process that ended, a
// database that was unavailable.
var importOptions = tasks.Options{MaxAttempts: 20, Backoff: time.Second}

// importKind is the kind of all imports that any process can run.
var importKind = tasks.NewKind[importArgs]("image.import", importOptions)

// importArgs are the stored arguments of an import's task.
type importArgs struct {
	Image  string   `json:"image"`
	Task   string   `json:"task"` // id of the task record that clients see
	Method string   `json:"method"`
	URI    string   `json:"uri,omitempty"` // of web-download; the Origin's name for glance-download
	Stores []string `json:"stores"`        // the stores to which the data goes
	Must   bool     `json:"must,omitempty"`
	// Failed are stores that failed before a process of an earlier release ended.
	Failed   []string      `json:"failed,omitempty"`
	Location *locationArgs `json:"location,omitempty"`
}

// locationArgs describe data at a location.
type locationArgs struct {
	Store     string            `json:"store"`
	Key       string            `json:"key"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	HashAlgo  string            `json:"hash_algo,omitempty"`
	HashValue string            `json:"hash_value,omitempty"` // the data must have it
	Unread    bool              `json:"unread,omitempty"`     // do not compute hashes
}

// Imports imports data into images. An import is a task of a durable queue; its key is the image's id. The record
// holds only its traces: status, import_method while it runs, the keys of its data, and the fence of the attempt that
// owns the record. Any process may run or resume an import, except glance-download, whose token is in the memory of
// the process that accepted it.
type Imports struct {
	db       *db.DB
	queue    *tasks.Queue
	local    *tasks.Kind[importArgs] // imports that only this worker can run
	intake   *intake
	read     *reader
	quota    *Quota
	web      *web
	methods  []string
	regions  Regions
	brought  []string
	pending  pending
	regional *http.Client
	tasks    log.Log
	now      clock.Now
	log      *slog.Logger
	crash    func(point string)
}

func newImports(c Config, d Deps, in *intake, read *reader, quota *Quota, web *web) (*Imports, error) {
	s := &Imports{db: d.DB, intake: in, read: read, quota: quota, web: web, methods: c.Import, regions: d.Regions,
		brought:  c.Brought,
		regional: regional(web.c.Timeout), tasks: d.Tasks, now: d.Now, log: d.Log, crash: d.Crash}
	if s.methods == nil {
		s.methods = knownMethods()
		if s.regions == nil {
			s.methods = slices.DeleteFunc(s.methods, func(m string) bool { return m == GlanceDownload })
		}
	}
	for _, m := range s.methods {
		if !slices.Contains(knownMethods(), m) {
			return nil, fault.Invalidf("import method %q is not known; there are: %s", m, strings.Join(knownMethods(), ", "))
		}
	}
	if s.regions == nil && slices.Contains(s.methods, GlanceDownload) {
		return nil, fault.Invalidf("import method %q needs a way to find other regions", GlanceDownload)
	}
	if s.brought == nil {
		s.brought = defaultBrought()
	}
	if s.crash == nil {
		s.crash = func(string) {}
	}
	s.queue = tasks.New(d.DB, tasks.Config{Owner: c.Worker, Exclusive: true, Workers: importsAtOnce, Now: d.Clock,
		Log: d.Log, Crash: d.Crash})
	s.local = tasks.NewKind[importArgs]("image.import@"+c.Worker, importOptions)
	for _, k := range []*tasks.Kind[importArgs]{importKind, s.local} {
		k.Handle(s.queue, s.run, s.giveUp)
	}
	return s, nil
}

// Methods returns the enabled import methods.
func (s *Imports) Methods() []string { return s.methods }

// Reachable checks a URI as a web-download import does before it begins. fault.Invalid for a URI that may not be
// fetched.
func (s *Imports) Reachable(ctx context.Context, uri string) error { return s.web.allowed(ctx, uri) }

// Import describes an import. Without stores it goes to the default store.
type Import struct {
	Method, URI string
	Stores      []string
	From        Origin // for GlanceDownload
	AllStores   bool
	Must        bool   // the import fails if one of the stores fails
	Task        string // id of an existing task record for this import; "": Begin creates one
}

// Begin enqueues an import and returns. fault.Invalid for a method that is not enabled or a URI that is not allowed,
// fault.Conflict if the image's state does not allow the import or a store does not exist.
func (s *Imports) Begin(ctx context.Context, id string, in Import) error {
	if !slices.Contains(s.methods, in.Method) {
		return fault.Invalidf("Unknown import method name '%s'.", in.Method)
	}
	stores, err := s.targets(in)
	if err != nil {
		return err
	}
	if in.Method == WebDownload {
		if err := s.web.allowed(ctx, in.URI); err != nil {
			return err
		}
	}
	if in.Method == GlanceDownload {
		in.URI = s.pending.put(ctx, in.From, s.now())
	}
	if err := s.quota.allows(ctx, SizeTotal, 0); err != nil {
		return err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := importable(r, in.Method); err != nil {
			return err
		}
		if in.Method == GlanceDownload {
			if err := in.From.check(); err != nil {
				return err
			}
		}
		to := stores
		if in.Method == CopyImage {
			if to, err = missing(r, stores, in.AllStores); err != nil {
				return err
			}
			if len(to) == 0 {
				return s.nothingToDo(ctx, tx, r, in)
			}
		} else {
			r.Status = glance.Importing
		}
		return s.start(ctx, tx, r, in, importArgs{Stores: to})
	})
	if err != nil && in.Method == GlanceDownload {
		s.pending.forget(in.URI)
	}
	return err
}

// start marks the record, creates the task record and enqueues the task. args has the stores and the location.
func (s *Imports) start(ctx context.Context, tx *db.Tx, r store.Record, in Import, args importArgs) error {
	task, err := s.startTask(ctx, tx, r, in, args.Stores...)
	if err != nil {
		return err
	}
	args.Image, args.Task, args.Method, args.URI, args.Must = r.ID, task, in.Method, in.URI, in.Must
	r.Worker, r.ImportMethod, r.Fence, r.Updated = "", in.Method, 0, s.now()
	r.Properties[importTask], r.Properties[importingTo], r.Properties[failedImport] = task, strings.Join(args.Stores,
		","), ""
	if err := store.UpdateImage(ctx, tx, r); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, args)
}

func (s *Imports) enqueue(ctx context.Context, tx *db.Tx, args importArgs) error {
	kind := importKind
	if args.Method == GlanceDownload {
		kind = s.local
	}
	_, err := kind.Enqueue(ctx, tx, s.queue, args.Image, args)
	return err
}

// targets returns the stores of an import, each once.
func (s *Imports) targets(in Import) ([]string, error) {
	var out []string
	stores := s.intake.stores
	if in.AllStores {
		for _, st := range stores.all {
			if !st.ReadOnly() {
				out = append(out, st.ID)
			}
		}
		return out, nil
	}
	for _, id := range in.Stores {
		st, err := stores.writable(id)
		if err != nil {
			return nil, fault.Conflictf("%s", fault.Message(err)).Because(err)
		}
		if !slices.Contains(out, st.ID) {
			out = append(out, st.ID)
		}
	}
	if len(out) == 0 {
		st, err := stores.writable("")
		return []string{st.ID}, err
	}
	return out, nil
}

// missing returns the stores that do not have the image. fault.Invalid if one that the client named has it.
func missing(r store.Record, stores []string, all bool) ([]string, error) {
	var out []string
	for _, id := range stores {
		switch {
		case !has(r, id):
			out = append(out, id)
		case !all:
			return nil, fault.Invalidf("Image is already present at store '%s'", id)
		}
	}
	return out, nil
}

// importable returns fault.Conflict if an image's state does not allow an import.
func importable(r store.Record, method string) error {
	switch {
	case r.ImportMethod != "":
		return fault.Conflictf("Image has active task")
	case method == CopyImage && r.Status != glance.Active:
		return fault.Conflictf("Only images with status active can be targeted for copying")
	case method != CopyImage && r.Status == glance.Active:
		return fault.Conflictf("Image with status active cannot be target for import")
	case (method == WebDownload || method == GlanceDownload) && r.Status != glance.Queued:
		return fault.Conflictf("Image needs to be in 'queued' state to use '%s' method", method)
	case method == GlanceDirect && (r.Status != glance.Uploading || r.Size < 0):
		return fault.Conflictf("Image needs to be staged before 'glance-direct' method can be used")
	case r.ContainerFormat == "":
		return fault.Conflictf("'container_format' needs to be set before import")
	case r.DiskFormat == "":
		return fault.Conflictf("'disk_format' needs to be set before import")
	}
	return nil
}

// ended removes the traces of an upload or import from a record. failed are the stores that an import did not reach.
func ended(r *store.Record, failed []string) {
	imported := r.ImportMethod != ""
	r.Worker, r.ImportMethod, r.Staged, r.StagedIn, r.Fence, r.Former = "", "", "", "", 0, store.FormerImport{}
	delete(r.Properties, importTask)
	if imported {
		r.Properties[importingTo], r.Properties[failedImport] = "", strings.Join(failed, ",")
	} else {
		delete(r.Properties, importingTo)
		delete(r.Properties, failedImport)
	}
}

// adopt puts the imports into the queue that a process of this worker with an earlier release began: their records say
// what is to be done. A process of that release leaves the records of other workers alone, and so does this.
func (s *Imports) adopt(ctx context.Context) error {
	rs, err := store.FormerImportsOf(ctx, s.db, s.intake.worker)
	if err != nil {
		return err
	}
	for _, r := range rs {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			r, err := store.Image(ctx, tx, r.ID)
			if err != nil || r.Worker != s.intake.worker || r.ImportMethod == "" {
				return err
			}
			f := r.Former
			args := importArgs{Image: r.ID, Task: r.Properties[importTask], Method: r.ImportMethod, URI: f.URI, Stores: f.Stores,
				Must: f.Must, Failed: f.Failed}
			if l := f.Location; l.Store != "" {
				args.Location = &locationArgs{Store: l.Store, Key: l.Key, Metadata: l.Metadata, HashAlgo: l.HashAlgo,
					HashValue: l.HashValue, Unread: l.Unread}
			}
			if r.Status != glance.Importing {
				args.Method = CopyImage
			}
			r.Worker, r.Former = "", store.FormerImport{}
			if err := store.UpdateImage(ctx, tx, r); err != nil {
				return err
			}
			return s.enqueue(ctx, tx, args)
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		s.log.InfoContext(ctx, "resuming an import that an earlier release began", "image", r.ID, "method", r.ImportMethod)
	}
	return nil
}
