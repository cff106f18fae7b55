// Package images is the verbs of the image service: image records, data, imports and members.
//
// Invariant: data that a record names is whole once the record is active; data that no record names is on the trash list or
// belongs to an upload under way. A crash at any point is mended by Run of the same worker.
package images

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/policy"
)

// Config makes a Service. DB and one store are required; the first store is the default.
type Config struct {
	DB      *db.DB
	Stores  []Store
	Worker  string // who this process is to itself after a restart; unique among processes on one database; default "glance"
	Limits  Limits
	Web     WebConfig
	Import  []string   // enabled import methods; nil: all that can be
	Regions Regions    // for GlanceDownload; nil: it cannot be enabled
	Brought []string   // what of an image's properties comes with it from another region, by how their names begin; nil: the usual ones
	Cache   *Cache     // of images in remote stores; nil for none
	Hash    string     // sha512 (the default) or sha256: what clients are shown of data beside its MD5
	Unread  bool       // do not compute hashes of locations that clients add
	Tasks   tasks.Log  // of imports
	Quotas  Quotas     // nil: no limits are kept
	Rights  Rights     // of users in whose name compute asks; nil: visibility alone decides
	Trusted fs.FS      // certificates that signatures of images are checked by; nil: none
	Inspect Inspection // how strictly data is compared with disk_format
	Now     clock.Now
	Log     *slog.Logger
}

// Limits bound what one image may be; a zero field is the default, a negative one no limit.
type Limits struct {
	Size       int64 // bytes of one image; default 1 TiB
	Storage    int64 // bytes of a project's images; default none
	Properties int   // default 128
	Tags       int   // default 128
	Members    int   // default 128
	Locations  int   // that clients name; default 10
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

// Service is the verbs. It is a glance.API, a glance.Local, and a service to run.
type Service struct {
	db       *db.DB
	stores   []Store
	worker   string
	limits   Limits
	web      *web
	methods  []string
	regions  Regions
	rights   Rights
	brought  []string
	pending  pending
	regional *http.Client
	cache    *cache // nil for none
	unread   bool
	hash     string
	tasks    tasks.Log
	quotas   Quotas
	trusted  fs.FS
	now      clock.Now
	log      *slog.Logger

	inspection Inspection

	wake chan struct{} // capacity 1: an import waits
}

var (
	_ glance.API   = (*Service)(nil)
	_ glance.Local = (*Service)(nil)
)

// New checks the configuration; nothing is touched before Run.
func New(c Config) (*Service, error) {
	if len(c.Stores) == 0 {
		return nil, fault.Invalidf("the image service has no store")
	}
	for i, s := range c.Stores {
		if s.ID == "" || slices.ContainsFunc(c.Stores[:i], func(o Store) bool { return o.ID == s.ID }) {
			return nil, fault.Invalidf("image store %q is unnamed or there twice", s.ID)
		}
	}
	s := &Service{db: c.DB, stores: slices.Clone(c.Stores), unread: c.Unread, worker: c.Worker, limits: c.Limits.filled(), methods: c.Import, regions: c.Regions, hash: c.Hash, brought: c.Brought, tasks: c.Tasks, quotas: c.Quotas, rights: c.Rights, trusted: c.Trusted, now: c.Now, log: c.Log,
		inspection: c.Inspect, wake: make(chan struct{}, 1)}
	if s.hash == "" {
		s.hash = "sha512"
	}
	if s.hash != "sha512" && s.hash != "sha256" {
		return nil, fault.Invalidf("image hash %q is not known", s.hash)
	}
	if s.worker == "" {
		s.worker = "glance"
	}
	if s.now == nil {
		s.now = clock.Real
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
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
	s.web = newWeb(c.Web)
	s.regional = regional(s.web.c.Timeout)
	for i, st := range s.stores {
		if st.Type == TypeHTTP && st.Backend == nil {
			s.stores[i].Backend = webStore{s.web}
		}
	}
	if s.stores[0].ReadOnly() {
		return nil, fault.Invalidf("image store %q is the default one and takes no data", s.stores[0].ID)
	}
	if c.Cache != nil {
		s.cache = newCache(*c.Cache)
	}
	return s, nil
}

// Image is a record as its caller sees it.
type Image struct {
	glance.Image
	Stores []string // that hold the data, as clients list them
	Member string   // the caller's project where the image is shared with it
	copies []store.Copy
}

// PolicyTarget names what glance's rules look at.
func (i Image) PolicyTarget() policy.Target {
	t := policy.Target{"project_id": i.Owner, "tenant": i.Owner, "owner": i.Owner, "visibility": i.Visibility, "image_id": i.ID, "status": i.Status}
	if i.Member != "" {
		t["member_id"] = i.Member
	}
	return t
}

func view(r store.Record, member string) Image {
	i := Image{Image: r.Image, Member: member, copies: r.Copies()}
	for _, c := range i.copies {
		i.Stores = append(i.Stores, c.Store)
	}
	return i
}

// Rights decide by the image service's policy what a user may see of images. The verbs that compute calls ask them about the caller.
type Rights interface {
	// See is the image with those of its properties that the caller may know; fault.NotFound for who may not know of it.
	See(c *auth.Caller, i Image) (Image, error)
	// Download is fault.Forbidden for who may not read the image's data.
	Download(c *auth.Caller, i Image) error
}

// Get finds an image that the caller may know of; fault.NotFound.
func (s *Service) Get(ctx context.Context, id string) (Image, error) {
	r, member, err := s.visible(ctx, s.db, id)
	return view(r, member), err
}

// visible loads a record if the caller may know of it: administrators all, others public, community and their own, and what is
// shared with their project, whatever they answered.
func (s *Service) visible(ctx context.Context, q db.Querier, id string) (store.Record, string, error) {
	r, err := store.Image(ctx, q, id)
	if err != nil {
		return r, "", err
	}
	c := auth.From(ctx)
	project := ""
	if c != nil {
		project = c.ProjectID
	}
	member := ""
	if r.Visibility == glance.Shared && project != "" && project != r.Owner {
		switch _, err := store.Member(ctx, q, id, project); {
		case err == nil:
			member = project
		case !fault.Is(err, fault.NotFound):
			return r, "", err
		}
	}
	if c.Admin() || r.Visibility == glance.Public || r.Visibility == glance.Community || project != "" && project == r.Owner || member != "" {
		return r, member, nil
	}
	return store.Record{}, "", fault.NotFoundf("No image found with ID %s", id)
}

// Create is a new record's wishes. Owner is the caller's project where empty.
type Create struct {
	ID, Name, Owner, Visibility, DiskFormat, ContainerFormat string
	MinDisk, MinRAM                                          int64
	Protected, Hidden                                        bool
	Tags                                                     []string
	Properties                                               map[string]string
}

// Create makes a queued record; fault.Conflict for a taken id.
func (s *Service) Create(ctx context.Context, c Create) (Image, error) {
	now := s.now()
	i := glance.Image{ID: c.ID, Name: c.Name, Owner: c.Owner, Status: glance.Queued, Visibility: c.Visibility, DiskFormat: c.DiskFormat,
		ContainerFormat: c.ContainerFormat, Size: -1, VirtualSize: -1, MinDisk: c.MinDisk, MinRAM: c.MinRAM, Protected: c.Protected, Hidden: c.Hidden,
		Tags: unique(c.Tags), Properties: c.Properties, Created: now, Updated: now}
	if i.ID == "" {
		i.ID = ids.UUID()
	}
	if i.Visibility == "" {
		i.Visibility = glance.Shared
	}
	if caller := auth.From(ctx); i.Owner == "" && caller != nil {
		i.Owner = caller.ProjectID
	}
	if err := s.check(i, glance.Image{}); err != nil {
		return Image{}, err
	}
	limits, err := s.allowance(ctx)
	if err != nil {
		return Image{}, err
	}
	r := store.Record{Image: i}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := within(ctx, tx, limits, CountTotal, 1); err != nil {
			return err
		}
		return store.Insert(ctx, tx, r)
	})
	if fault.Is(err, fault.Conflict) {
		return Image{}, fault.Conflictf("Image ID %s already exists!", i.ID).Because(err)
	}
	return view(r, ""), err
}

func unique(tags []string) []string {
	out := slices.Clone(tags)
	slices.Sort(out)
	return slices.Compact(out)
}

// check holds the rules that every record obeys. What is over a limit already may stay so, but not grow.
func (s *Service) check(i, old glance.Image) error {
	if i.MinDisk < 0 || i.MinRAM < 0 || i.MinDisk > 1<<31-1 || i.MinRAM > 1<<31-1 {
		return fault.Invalidf("min_disk and min_ram must be between 0 and %d.", 1<<31-1)
	}
	if n := s.limits.Tags; n >= 0 && len(i.Tags) > max(n, len(old.Tags)) {
		return fault.New(fault.TooLarge, "The limit has been exceeded on the number of allowed image tags. Attempted: %d, Maximum: %d", len(i.Tags), n)
	}
	if n := s.limits.Properties; n >= 0 && len(i.Properties) > max(n, len(old.Properties)) {
		return fault.New(fault.TooLarge, "The limit has been exceeded on the number of allowed image properties. Attempted: %d, Maximum: %d", len(i.Properties), n)
	}
	return nil
}

// Update lets change work on a record and writes what it made of it. change may run more than once, so it must have no effects
// outside; its error is returned as it is. Formats may change only before there is data.
func (s *Service) Update(ctx context.Context, id string, change func(*glance.Image) error) (Image, error) {
	var out Image
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, member, err := s.visible(ctx, tx, id)
		if err != nil {
			return err
		}
		old := r.Image
		r.Tags, r.Properties = slices.Clone(old.Tags), cloneMap(old.Properties)
		if err := change(&r.Image); err != nil {
			return err
		}
		if r.Status != glance.Queued && r.Status != glance.Importing {
			for name, moved := range map[string]bool{"disk_format": r.DiskFormat != old.DiskFormat, "container_format": r.ContainerFormat != old.ContainerFormat} {
				if moved {
					return fault.Forbiddenf("Attribute %s can be only replaced for a queued image.", name)
				}
			}
		}
		r.Tags = unique(r.Tags)
		if err := s.check(r.Image, old); err != nil {
			return err
		}
		r.Updated = s.now()
		out = view(r, member)
		return store.Update(ctx, tx, r)
	})
	return out, err
}

func cloneMap(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// Delete removes an image and its data; fault.Forbidden for a protected one.
func (s *Service) Delete(ctx context.Context, id string) error {
	var gone store.Record
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Protected {
			return fault.Forbiddenf("Image %s is protected and cannot be deleted.", id)
		}
		gone = r
		return store.Delete(ctx, tx, r)
	})
	if err == nil {
		s.discard(ctx, gone.Pieces()...)
		s.forget(ctx, id)
	}
	return err
}

// Deactivate keeps all but administrators from the data; twice is no error.
func (s *Service) Deactivate(ctx context.Context, id string) error {
	return s.move(ctx, id, glance.Active, glance.Deactivated, "deactivate")
}

// Reactivate undoes Deactivate; twice is no error.
func (s *Service) Reactivate(ctx context.Context, id string) error {
	return s.move(ctx, id, glance.Deactivated, glance.Active, "reactivate")
}

func (s *Service) move(ctx context.Context, id, from, to, verb string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Status == to:
			return nil
		case r.Status != from:
			return fault.Forbiddenf("Not allowed to %s image in status '%s'", verb, r.Status)
		}
		r.Status, r.Updated = to, s.now()
		return store.Update(ctx, tx, r)
	})
}

// ImportMethods are the enabled ones.
func (s *Service) ImportMethods() []string { return s.methods }

// key is a name for data that no other upload has.
func key(image string) string {
	return strings.ToLower(image) + "." + ids.Hex()[:12]
}

// isKey recognises those names.
func isKey(k string) bool {
	id, rest, ok := strings.Cut(k, ".")
	return ok && len(id) == 36 && ids.IsUUID(id) && len(rest) == 12
}

// cleanup is ctx for mending what a request that ended has begun.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // the client may be gone
}
