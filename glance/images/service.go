// Package images implements the image service: records, data, imports, copies between stores, locations, members and
// the image cache. Each subject is a type of its own; Service holds one of each.
//
// Dependencies between the types go one way:
//
//	Stores     the configured stores, and the removal of data from them
//	reader     reads data that has checksums, from several places (reader.go, checked.go)
//	Caching    the cache on this host                           uses Stores, reader
//	Records    image records: create, list, update, delete      uses Stores, Caching
//	Members    the projects that an image is shared with
//	intake     inspects, hashes and stores incoming data        uses Stores
//	Data       upload, stage, download                          uses intake, reader, Caching
//	Copies     removal of one copy of an image's data           uses Stores
//	Imports    imports, as tasks of a durable queue             uses intake, reader, Stores
//	Locations  data that is stored elsewhere                    uses intake, Imports, Copies
//	Service    all of them, and the work in the background
//
// Invariant: the data of an active image is complete. Data that no record names is on the trash list or belongs to an
// upload or import in progress. After a crash, Run of the same worker restores this.
package images

import (
	"io/fs"
	"log/slog"
	"slices"

	"hypernova/glance"
	"hypernova/glance/tasks"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Config is the configuration of a Service. A zero value means the default.
type Config struct {
	// Worker is the name of this process, the same after a restart and unique among the processes on one database.
	// Default "glance".
	Worker  string
	Limits  Limits
	Web     WebConfig
	Import  []string   // enabled import methods; nil: all that are possible
	Brought []string   // prefixes of the properties that glance-download copies; nil: glance's default
	Cache   *Cache     // nil: no cache
	Hash    string     // os_hash_algo of new data: sha512 (default) or sha256
	Unread  bool       // do not compute hashes of locations that clients add
	Inspect Inspection // how strictly data is compared with disk_format
}

// Deps are the dependencies of a Service. DB and at least one store are required; the others may be nil.
type Deps struct {
	DB      *db.DB    // with the migrations of glance/store and oslo/tasks
	Stores  []Store   // the first is the default store
	Tasks   tasks.Log // the task records of imports
	Regions Regions   // nil: glance-download cannot be enabled
	Quotas  Quotas    // nil: no unified limits
	Rights  Rights    // nil: compute sees every image that is visible to its caller
	Trusted fs.FS     // certificates for image signatures; nil: none
	Now     clock.Now // default the system clock
	// Clock is the clock of the import queue's leases, the same on all hosts of the database. Default the system clock.
	Clock clock.Now
	Log   *slog.Logger // default: discard
	// Crash is called at named points of an import. Tests use it to end the process there.
	Crash func(point string)
}

// Limits bound one image. Zero means the default, a negative value no limit.
type Limits struct {
	Size       int64 // bytes of one image; default 1 TiB
	Storage    int64 // bytes of a project's images; default no limit
	Properties int   // default 128
	Tags       int   // default 128
	Members    int   // default 128
	Locations  int   // per image, if named by clients; default 10
}

func (l Limits) filled() Limits {
	if l.Size == 0 {
		l.Size = 1 << 40
	}
	for _, n := range []*int{&l.Properties, &l.Tags, &l.Members} {
		if *n == 0 {
			*n = 128
		}
	}
	if l.Locations == 0 {
		l.Locations = 10
	}
	return l
}

// record returns TooLarge if a record has more tags or properties than allowed. A record that is over a limit already
// may stay so but not grow.
func (l Limits) record(i, old glance.Image) error {
	if i.MinDisk < 0 || i.MinRAM < 0 || i.MinDisk > 1<<31-1 || i.MinRAM > 1<<31-1 {
		return fault.Invalidf("min_disk and min_ram must be between 0 and %d.", 1<<31-1)
	}
	if n := l.Tags; n >= 0 && len(i.Tags) > max(n, len(old.Tags)) {
		return fault.New(fault.TooLarge,
			"The limit has been exceeded on the number of allowed image tags. Attempted: %d, Maximum: %d", len(i.Tags), n)
	}
	if n := l.Properties; n >= 0 && len(i.Properties) > max(n, len(old.Properties)) {
		return fault.New(fault.TooLarge,
			"The limit has been exceeded on the number of allowed image properties. Attempted: %d, Maximum: %d",
			len(i.Properties), n)
	}
	return nil
}

// locations returns TooLarge if an image gets more locations than allowed, unless it had as many before.
func (l Limits) locations(n, before int) error {
	if most := l.Locations; most >= 0 && n > max(most, before) {
		return fault.New(fault.TooLarge,
			"The limit has been exceeded on the number of allowed image locations. Attempted: %d, Maximum: %d", n, most)
	}
	return nil
}

// Service is the image service. Its own methods are the contract with compute (glance.API, glance.Local) and the work
// in the background (Run).
type Service struct {
	Stores    *Stores
	Records   *Records
	Members   *Members
	Quota     *Quota
	Data      *Data
	Copies    *Copies
	Imports   *Imports
	Locations *Locations
	Cache     *Caching

	db     *db.DB
	worker string
	rights Rights
	now    clock.Now
	log    *slog.Logger
}

var (
	_ glance.API   = (*Service)(nil)
	_ glance.Local = (*Service)(nil)
)

// New checks the configuration. It does not touch the database; Run does. fault.Invalid for an invalid configuration.
func New(c Config, d Deps) (*Service, error) {
	if c.Hash == "" {
		c.Hash = "sha512"
	}
	if c.Hash != "sha512" && c.Hash != "sha256" {
		return nil, fault.Invalidf("image hash %q is not known", c.Hash)
	}
	if c.Worker == "" {
		c.Worker = "glance"
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	if d.Clock == nil {
		d.Clock = clock.Real
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits = c.Limits.filled()
	web := newWeb(c.Web)
	stores, err := newStores(d, web)
	if err != nil {
		return nil, err
	}
	read := &reader{db: d.DB, stores: stores, log: d.Log}
	quota := &Quota{db: d.DB, limits: d.Quotas}
	cache := newCaching(c, d, read)
	in := &intake{db: d.DB, worker: c.Worker, stores: stores, limits: c.Limits, inspection: c.Inspect, trusted: d.Trusted,
		hash: c.Hash, now: d.Now, log: d.Log}
	imports, err := newImports(c, d, in, read, quota, web)
	if err != nil {
		return nil, err
	}
	copies := &Copies{db: d.DB, stores: stores, now: d.Now}
	return &Service{
		Stores:    stores,
		Records:   &Records{db: d.DB, stores: stores, cache: cache, quota: quota, limits: c.Limits, now: d.Now},
		Members:   &Members{db: d.DB, limit: c.Limits.Members, now: d.Now},
		Quota:     quota,
		Data:      &Data{db: d.DB, intake: in, read: read, cache: cache, quota: quota, worker: c.Worker, now: d.Now},
		Copies:    copies,
		Imports:   imports,
		Locations: &Locations{db: d.DB, intake: in, imports: imports, copies: copies, web: web, unread: c.Unread, now: d.Now},
		Cache:     cache,
		db:        d.DB, worker: c.Worker, rights: d.Rights, now: d.Now, log: d.Log,
	}, nil
}

// newStores checks the configured stores. The web store gets its backend here.
func newStores(d Deps, web *web) (*Stores, error) {
	if len(d.Stores) == 0 {
		return nil, fault.Invalidf("the image service has no store")
	}
	s := &Stores{all: slices.Clone(d.Stores), db: d.DB, log: d.Log}
	for i, st := range s.all {
		if st.ID == "" || slices.ContainsFunc(s.all[:i], func(o Store) bool { return o.ID == st.ID }) {
			return nil, fault.Invalidf("image store %q is unnamed or there twice", st.ID)
		}
		if st.Type == TypeHTTP && st.Backend == nil {
			s.all[i].Backend = webStore{web}
		}
	}
	if s.all[0].ReadOnly() {
		return nil, fault.Invalidf("image store %q is the default one and takes no data", s.all[0].ID)
	}
	return s, nil
}
