package images

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Import methods.
const (
	GlanceDirect   = "glance-direct"   // what was staged
	WebDownload    = "web-download"    // what a URI gives
	CopyImage      = "copy-image"      // what the image has, to more stores
	GlanceDownload = "glance-download" // an image of another region, with some of its properties
	byLocation     = "location"        // what is at a place that a client named; not among the methods that clients choose
)

func knownMethods() []string { return []string{GlanceDirect, WebDownload, CopyImage, GlanceDownload} }

// Import is what a client asks for. Without stores it is the default one.
type Import struct {
	Method, URI string
	Stores      []string
	From        Origin // for GlanceDownload
	AllStores   bool
	Must        bool   // all stores must take it, or the import fails
	Task        string // made before, for this import; empty makes one
}

// Import begins an import and returns; Run does it. fault.Invalid for a method that is not enabled or a URI that is not allowed,
// fault.Conflict in a state that does not fit and for a store that is not there.
func (s *Service) Import(ctx context.Context, id string, in Import) error {
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
	begun := false
	if err := s.has(ctx, SizeTotal, 0); err != nil {
		return err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
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
		begun = true
		return s.startImport(ctx, tx, r, in, to)
	})
	if err == nil && begun {
		s.hint()
	}
	if err != nil && in.Method == GlanceDownload {
		s.pending.forget(in.URI)
	}
	return err
}

// startImport writes a record that says what Run has to do, and its task.
func (s *Service) startImport(ctx context.Context, tx *db.Tx, r store.Record, in Import, to []string) error {
	r.Plan.Stores, r.Plan.Must = to, in.Must
	r.Worker, r.ImportMethod, r.ImportURI, r.Updated = s.worker, in.Method, in.URI, s.now()
	task, err := s.startTask(ctx, tx, r, in, to...)
	if err != nil {
		return err
	}
	r.Properties[importTask], r.Properties[importingTo], r.Properties[failedImport] = task, strings.Join(to, ","), ""
	return store.Update(ctx, tx, r)
}

// targets are the stores that an import names, each once.
func (s *Service) targets(in Import) ([]string, error) {
	var out []string
	if in.AllStores {
		for _, st := range s.stores {
			if !st.ReadOnly() {
				out = append(out, st.ID)
			}
		}
		return out, nil
	}
	for _, id := range in.Stores {
		st, err := s.writable(id)
		if err != nil {
			return nil, fault.Conflictf("%s", fault.Message(err)).Because(err)
		}
		if !slices.Contains(out, st.ID) {
			out = append(out, st.ID)
		}
	}
	if len(out) == 0 {
		st, err := s.writable("")
		return []string{st.ID}, err
	}
	return out, nil
}

// missing are those of the stores that do not have the image. Named ones must not have it.
func missing(r store.Record, stores []string, all bool) ([]string, error) {
	var out []string
	for _, id := range stores {
		switch has := slices.ContainsFunc(r.Copies(), func(c store.Copy) bool { return c.Store == id }); {
		case !has:
			out = append(out, id)
		case !all:
			return nil, fault.Invalidf("Image is already present at store '%s'", id)
		}
	}
	return out, nil
}

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

func (s *Service) hint() {
	select {
	case s.wake <- struct{}{}:
	default: // Run looks at all of them anyway
	}
}

// carry does one import to its end. What a shutdown interrupts is taken up by the next Run: the record still says what to do.
func (s *Service) carry(ctx context.Context, r store.Record) {
	method := r.ImportMethod
	if method == GlanceDownload {
		defer s.pending.forget(r.ImportURI)
	}
	s.noteTask(ctx, r.ID, "Importing by "+method)
	var err error
	if r.Status == glance.Importing {
		err = s.take(ctx, r)
	} else {
		err = s.spread(ctx, r)
	}
	switch {
	case err == nil:
		s.log.InfoContext(ctx, "image imported", "image", r.ID, "method", method)
	case ctx.Err() == nil:
		s.log.ErrorContext(ctx, "image import failed", "image", r.ID, "method", method, log.Err, err.Error())
	}
}

// take imports into an image without data: the first store is given what the method gets, the others a copy of that.
func (s *Service) take(ctx context.Context, r store.Record) error {
	var f facts
	var at store.Copy
	var err error
	if r.ImportMethod == byLocation {
		f, at, err = s.examine(ctx, r)
	} else {
		r, f, err = s.first(ctx, r)
		at = store.Copy{Store: r.Store, Key: r.Key}
	}
	if err == nil && r.Plan.Must {
		for _, id := range r.Plan.Stores {
			if id != at.Store && err == nil {
				r, err = s.copyTo(ctx, r, id, &f)
			}
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return s.abandon(ctx, r, err)
	}
	rest := slices.DeleteFunc(slices.Clone(r.Plan.Stores), func(id string) bool { return id == at.Store || slices.Contains(r.Plan.Failed, id) })
	if r.Plan.Must || len(rest) == 0 {
		return s.finish(ctx, r, f, at)
	}
	// It is usable from its first store on; what remains is a copy like any other.
	r, err = s.edit(ctx, r, func(tx *db.Tx, now *store.Record) error {
		now.Status, now.ImportMethod, now.Staged, now.Plan.StagedIn = glance.Active, CopyImage, "", ""
		now.Plan.Stores = rest
		now.Properties[importingTo] = strings.Join(rest, ",")
		return keep(ctx, tx, now, f)
	})
	if err != nil {
		return err
	}
	return s.spread(ctx, r)
}

// first stores the data in the first store that takes it. Where all must, the first must.
func (s *Service) first(ctx context.Context, r store.Record) (store.Record, facts, error) {
	stores := slices.Clone(r.Plan.Stores)
	if len(stores) == 0 { // begun by an older version
		stores = []string{cmp.Or(r.Store, s.stores[0].ID)}
	}
	if at := slices.Index(stores, r.Plan.StagedIn); at > 0 { // staged data need not move
		stores[0], stores[at] = stores[at], stores[0]
	}
	r.Plan.Failed = nil
	var f facts
	for n, id := range stores {
		k := key(r.ID)
		adopt := r.ImportMethod == GlanceDirect && id == r.Plan.StagedIn
		if adopt {
			k = r.Staged
		}
		var err error
		if r, err = s.claim(ctx, r, id, k); err != nil {
			return r, f, err
		}
		if adopt {
			f, err = s.adopt(ctx, r)
		} else {
			f, err = s.fetch(ctx, r)
		}
		if err == nil {
			return r, f, nil
		}
		r.Plan.Failed = append(r.Plan.Failed, id)
		var place placeError
		if r.Plan.Must || n == len(stores)-1 || !errors.As(err, &place) {
			return r, f, err
		}
		s.log.WarnContext(ctx, "a store does not take an image", "image", r.ID, "store", id, log.Err, err.Error())
	}
	return r, f, fault.Conflictf("No store was named for image %s.", r.ID)
}

// claim names the data before it is written, so that a crash leaves nothing unknown. What earlier attempts wrote is thrown away.
func (s *Service) claim(ctx context.Context, r store.Record, storeID, key string) (store.Record, error) {
	return s.edit(ctx, r, func(_ *db.Tx, now *store.Record) error {
		now.Store, now.Key, now.More, now.Plan.Failed = storeID, key, nil, r.Plan.Failed
		return nil
	})
}

// edit changes a record that this worker is importing into, and removes data that it names no more. It is fault.Gone when the image was
// deleted or taken over.
func (s *Service) edit(ctx context.Context, r store.Record, change func(*db.Tx, *store.Record) error) (store.Record, error) {
	var out store.Record
	var left []store.Piece
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := store.Image(ctx, tx, r.ID)
		if fault.Is(err, fault.NotFound) || err == nil && (now.Worker != s.worker || now.ImportMethod != r.ImportMethod || now.Properties[importTask] != r.Properties[importTask]) {
			return fault.New(fault.Gone, "Image %s is no longer being imported.", r.ID)
		}
		if err != nil {
			return err
		}
		before := now.Pieces()
		if err := change(tx, &now); err != nil {
			return err
		}
		left = without(before, now.Pieces())
		if err := throw(ctx, tx, left); err != nil {
			return err
		}
		now.Updated = s.now()
		out = now
		out.Generation++
		return store.Update(ctx, tx, now)
	})
	if err != nil {
		return r, err
	}
	s.discard(ctx, left...)
	return out, nil
}

// adopt reads staged data once to look at it and hash it; it stays where it is.
func (s *Service) adopt(ctx context.Context, r store.Record) (facts, error) {
	data, err := s.staged(ctx, r)
	if err != nil {
		return facts{}, err
	}
	defer data.Close()
	return s.study(ctx, r, data)
}

func (s *Service) staged(ctx context.Context, r store.Record) (io.ReadCloser, error) {
	b, err := s.backend(r.Plan.StagedIn)
	if err != nil {
		return nil, err
	}
	return b.Open(ctx, r.Staged, 0, -1)
}

// study looks at data and hashes it without keeping it.
func (s *Service) study(ctx context.Context, r store.Record, data io.Reader) (facts, error) {
	all, verify, err := s.signed(r, data)
	if err != nil {
		return facts{}, err
	}
	looked, err := s.look(all, r.Image)
	if err != nil {
		return facts{}, err
	}
	h := newHashing(looked, s.hash)
	defer h.close()
	n, err := h.WriteTo(until{ctx})
	if err != nil {
		return facts{}, err
	}
	if err := looked.whole(); err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, looked.virtual(n)), nil
}

// until takes everything until ctx ends.
type until struct{ ctx context.Context }

func (u until) Write(p []byte) (int, error) { return len(p), u.ctx.Err() }

// fetch stores what was staged in another store, what the URI gives, or what another region has.
func (s *Service) fetch(ctx context.Context, r store.Record) (facts, error) {
	if r.ImportMethod == GlanceDownload {
		return s.fetchRegion(ctx, r)
	}
	var body io.ReadCloser
	size := r.Size
	var err error
	if r.ImportMethod == GlanceDirect {
		body, err = s.staged(ctx, r)
	} else {
		body, size, err = s.web.open(ctx, r.ImportURI)
	}
	if err != nil {
		return facts{}, err
	}
	defer body.Close()
	return s.put(ctx, r, store.Piece{Store: r.Store, Key: r.Key}, body, size)
}
