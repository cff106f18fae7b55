package images

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"io"
	"slices"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Import methods.
const (
	GlanceDirect = "glance-direct" // what was staged
	WebDownload  = "web-download"  // what a URI gives
)

// failedImport is the property that tells a client why its import is queued again.
const failedImport = "os_glance_failed_import"

// Import is what a client asks for.
type Import struct {
	Method, URI, Store string
	Task               string // made before, for this import; empty makes one
}

// Import begins an import and returns; Run does it. fault.Invalid for a method that is not enabled or a URI that is not allowed,
// fault.Conflict in a state that does not fit.
func (s *Service) Import(ctx context.Context, id string, in Import) error {
	if !slices.Contains(s.methods, in.Method) {
		return fault.Invalidf("Unknown import method name '%s'.", in.Method)
	}
	st, err := s.store(in.Store)
	if err != nil {
		return err
	}
	if in.Method == WebDownload {
		if err := s.web.allowed(ctx, in.URI); err != nil {
			return err
		}
	}
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
		if in.Method == WebDownload {
			r.Store = st.ID
		}
		r.Status, r.Worker, r.ImportMethod, r.ImportURI, r.Updated = glance.Importing, s.worker, in.Method, in.URI, s.now()
		delete(r.Properties, failedImport)
		if err := s.startTask(ctx, tx, r, in, st.ID); err != nil {
			return err
		}
		return store.Update(ctx, tx, r)
	})
	if err == nil {
		s.hint()
	}
	return err
}

func importable(r store.Record, method string) error {
	switch {
	case r.Status == glance.Active:
		return fault.Conflictf("Image with status active cannot be target for import")
	case method == WebDownload && r.Status != glance.Queued:
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

// carry does one import to its end: active, or queued with the reason in the log.
func (s *Service) carry(ctx context.Context, r store.Record) {
	var f facts
	var failed error
	s.noteTask(ctx, r.ID, "Importing by "+r.ImportMethod)
	switch r.ImportMethod {
	case GlanceDirect:
		f, failed = s.adopt(ctx, r)
		r.Key = r.Staged
	case WebDownload:
		r, failed = s.claim(ctx, r)
		if failed == nil {
			f, failed = s.fetch(ctx, r)
		}
	default:
		failed = fault.Invalidf("import method %q is not known", r.ImportMethod)
	}
	if failed != nil && ctx.Err() != nil {
		return // shutting down: the record still says what to do
	}
	if failed != nil {
		s.log.ErrorContext(ctx, "image import failed", "image", r.ID, "method", r.ImportMethod, log.Err, failed.Error())
		if again := s.abandon(ctx, r, failed); again != failed {
			s.log.WarnContext(ctx, "image import left something to do", "image", r.ID, log.Err, again.Error())
		}
		return
	}
	if err := s.finish(ctx, r, f); err != nil {
		s.log.WarnContext(ctx, "imported image was not kept", "image", r.ID, log.Err, err.Error())
		return
	}
	s.log.InfoContext(ctx, "image imported", "image", r.ID, "method", r.ImportMethod, "bytes", f.size)
}

// adopt reads staged data once to look at it and hash it; it stays where it is.
func (s *Service) adopt(ctx context.Context, r store.Record) (facts, error) {
	b, err := s.backend(r.Store)
	if err != nil {
		return facts{}, err
	}
	data, err := b.Open(ctx, r.Staged, 0, -1)
	if err != nil {
		return facts{}, err
	}
	defer data.Close()
	all, verify, err := s.signed(r, data)
	if err != nil {
		return facts{}, err
	}
	h := newHashing(all, md5.New(), sha512.New())
	defer h.close()
	looked, found, err := look(h, r.Image)
	if err != nil {
		return facts{}, err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{until{ctx}}, struct{ io.Reader }{looked}, make([]byte, 1<<20))
	if err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, found), nil
}

// until takes everything until ctx ends.
type until struct{ ctx context.Context }

func (u until) Write(p []byte) (int, error) { return len(p), u.ctx.Err() }

// claim names the data before it is written, so that a crash leaves nothing unknown.
func (s *Service) claim(ctx context.Context, r store.Record) (store.Record, error) {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := store.Image(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if now.Status != glance.Importing || now.Worker != s.worker {
			return fault.Conflictf("Image %s is no longer being imported.", r.ID)
		}
		if err := throw(ctx, tx, pieces(now)); err != nil {
			return err
		}
		now.Key = key(r.ID)
		r = now
		return store.Update(ctx, tx, now)
	})
	return r, err
}

func (s *Service) fetch(ctx context.Context, r store.Record) (facts, error) {
	body, size, err := s.web.open(ctx, r.ImportURI)
	if err != nil {
		return facts{}, err
	}
	defer body.Close()
	return s.put(ctx, r, r.Key, body, size)
}
