package images

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	log "hypernova/glance/tasks"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// succeed ends the import: the image is active with all its copies.
func (r *importRun) succeed(ctx context.Context, p *progress) error {
	err := r.end(ctx, nil, func(_ *db.Tx, now *store.Record) error {
		if now.Status == glance.Importing {
			p.write(now)
		}
		now.More = complete(now.More)
		ended(now, p.Failed)
		return nil
	})
	if err == nil {
		r.log.InfoContext(ctx, "image imported", "image", r.args.Image, "method", r.args.Method)
	}
	return err
}

// fail ends the import: an image that is not active becomes queued without data, an active one loses the copies of this
// import.
func (r *importRun) fail(ctx context.Context, p *progress, why error) error {
	err := r.end(ctx, why, func(tx *db.Tx, now *store.Record) error {
		if now.Status == glance.Importing {
			emptied(now)
			ended(now, r.args.Stores)
			return store.SetSums(ctx, tx, now.ID, nil)
		}
		now.More = complete(now.More)
		kept := slices.DeleteFunc(now.Copies(), func(c store.Copy) bool { return slices.Contains(r.wanted(p), c.Store) })
		if len(kept) > 0 {
			now.SetCopies(kept)
		}
		ended(now, p.Failed)
		return nil
	})
	if err == nil {
		r.log.ErrorContext(ctx, "image import failed", "image", r.args.Image, "method", r.args.Method, "err", why.Error())
	}
	return err
}

func complete(cs []store.Copy) []store.Copy {
	return slices.DeleteFunc(slices.Clone(cs), func(c store.Copy) bool { return !c.Whole })
}

// end ends the import in one transaction: the record, the task record that clients see, and the queue's task.
func (r *importRun) end(ctx context.Context, why error, change func(*db.Tx, *store.Record) error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	err := r.edit(ctx, func(tx *db.Tx, now *store.Record) error {
		if err := change(tx, now); err != nil {
			return err
		}
		if err := r.endTask(ctx, tx, r.args.Image, why); err != nil {
			return err
		}
		return r.done(ctx, tx)
	})
	if errors.Is(err, errTaken) {
		return r.taken(ctx)
	}
	if err == nil {
		r.pending.forget(r.args.URI)
	}
	return err
}

// taken ends an import whose image was deleted or taken over, and removes its data.
func (r *importRun) taken(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	r.clear(ctx)
	why := fault.New(fault.Gone, "The image was deleted or taken over during the import.")
	err := r.db.Tx(ctx, func(tx *db.Tx) error {
		// The task record of an image that exists again belongs to its present import.
		if _, err := store.Image(ctx, tx, r.args.Image); fault.Is(err, fault.NotFound) {
			if err := r.endTask(ctx, tx, r.args.Image, why); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		return r.done(ctx, tx)
	})
	if err == nil {
		r.pending.forget(r.args.URI)
		r.log.ErrorContext(ctx, "image import failed", "image", r.args.Image, "method", r.args.Method, "err", why.Error())
	}
	return err
}

// clear removes the data of this attempt, and of earlier ones if the image is gone, that no record names.
func (r *importRun) clear(ctx context.Context) {
	ctx, cancel := detached(ctx)
	defer cancel()
	mine := r.record.Pieces()
	now, err := store.Image(ctx, r.db, r.args.Image)
	if fault.Is(err, fault.NotFound) && r.resumed {
		for _, st := range r.intake.stores.all {
			mine = append(mine, ofImage(ctx, st, r.args.Image)...)
		}
		now, err = store.Image(ctx, r.db, r.args.Image) // the names are read after the lists
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return // the sweep will find the data
	}
	r.intake.stores.drop(ctx, without(mine, now.Pieces())...)
}

// ofImage returns a store's data of an image. A store that cannot be listed is left to the sweep.
func ofImage(ctx context.Context, st Store, image string) []store.Piece {
	all, err := st.Backend.List(ctx)
	if err != nil {
		return nil
	}
	var out []store.Piece
	for _, i := range all {
		if isKey(i.Key) && strings.HasPrefix(i.Key, strings.ToLower(image)+".") {
			out = append(out, store.Piece{Store: st.ID, Key: i.Key})
		}
	}
	return out
}

// input is the input of an import's task record, as clients see it.
type input struct {
	Image   string   `json:"image_id"`
	Request request  `json:"import_req"`
	Stores  []string `json:"backend"`
}

type request struct {
	Method struct {
		Name      string `json:"name"`
		URI       string `json:"uri,omitempty"`
		Region    string `json:"glance_region,omitempty"`
		Image     string `json:"glance_image_id,omitempty"`
		Interface string `json:"glance_service_interface,omitempty"`
	} `json:"method"`
}

// startTask creates the task record of an import and returns its id.
func (s *Imports) startTask(ctx context.Context, tx *db.Tx, r store.Record, in Import,
	stores ...string) (string, error) {
	doc := input{Image: r.ID, Stores: stores}
	m := &doc.Request.Method
	m.Name, m.URI = in.Method, in.URI
	if in.Method == GlanceDownload {
		m.URI, m.Region, m.Image, m.Interface = "", in.From.Region, in.From.Image, in.From.Interface
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	kind := glance.TaskImageImport
	if in.Method == byLocation {
		kind = glance.TaskLocation
	}
	return s.tasks.Start(ctx, tx, log.Begin{ID: in.Task, Type: kind, Image: r.ID, Input: b})
}

// nothingToDo creates and ends the task record of an import whose stores all have the image, so that clients find one.
func (s *Imports) nothingToDo(ctx context.Context, tx *db.Tx, r store.Record, in Import) error {
	if _, err := s.startTask(ctx, tx, r, in); err != nil {
		return err
	}
	if err := s.endTask(ctx, tx, r.ID, nil); err != nil {
		return err
	}
	r.ImportMethod = in.Method
	ended(&r, nil)
	r.Updated = s.now()
	return store.UpdateImage(ctx, tx, r)
}

// endTask ends the open task record of an image. A nil why is success.
func (s *Imports) endTask(ctx context.Context, tx *db.Tx, image string, why error) error {
	if why != nil {
		message := fault.Message(why)
		if fault.KindOf(why) == fault.Internal {
			message = "The import failed." // the cause is in the log, not for clients
		}
		return s.tasks.Fail(ctx, tx, image, message)
	}
	b, err := json.Marshal(map[string]string{"image_id": image})
	if err != nil {
		return err
	}
	return s.tasks.Done(ctx, tx, image, b)
}
