package images

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/signature"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// progress is the record of an import's steps. A later attempt resumes with it.
type progress struct {
	Failed  []string `json:"failed,omitempty"` // stores that did not take the data
	Data    facts    `json:"data,omitzero"`
	Place   place    `json:"place,omitzero"` // of the data that becomes the image's
	Brought *brought `json:"brought,omitempty"`
	// Rest are the stores that get a copy after the image is active.
	Rest []string `json:"rest,omitempty"`
}

// place is a place of data in a progress record.
type place struct {
	Store    string            `json:"store"`
	Key      string            `json:"key"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// importRun is one attempt of an import's task.
type importRun struct {
	*Imports
	args    importArgs
	fence   int64
	resumed bool                                // an earlier attempt may have left data
	done    func(context.Context, *db.Tx) error // removes the task from the queue, in the last transaction
	record  store.Record                        // as this attempt last read or wrote it
}

// run is the handler of an import's task. It returns an error only if the attempt is to be repeated: a failed import
// is a finished task.
func (s *Imports) run(ctx context.Context, t *tasks.Task, args importArgs) error {
	r := &importRun{Imports: s, args: args, fence: t.Fence, resumed: t.Attempt > 1, done: t.Done}
	p := progress{Failed: args.Failed}
	err := r.begin(ctx)
	if err == nil {
		err = steps.Run(ctx, t.Journal(), &p, r.plan()...)
		s.crash("import ran")
	}
	var failed *steps.Failed
	switch {
	case err == nil:
		err = r.succeed(ctx, &p)
	case errors.Is(err, errTaken):
		err = r.taken(ctx)
	case errors.As(err, &failed):
		err = r.fail(ctx, &p, failed.Err)
	}
	if errors.Is(err, tasks.ErrLost) || errors.Is(context.Cause(ctx), tasks.ErrLost) {
		r.clear(ctx)
		return tasks.ErrLost
	}
	return err
}

// giveUp ends an import after its last attempt; the queue keeps the task for the operator.
func (s *Imports) giveUp(ctx context.Context, t *tasks.Task, args importArgs, reason error) error {
	r := &importRun{Imports: s, args: args, fence: t.Fence, resumed: true}
	r.done = func(context.Context, *db.Tx) error { return nil }
	if err := r.begin(ctx); err != nil {
		if errors.Is(err, errTaken) {
			return r.taken(ctx)
		}
		return err
	}
	p := progress{}
	if left := r.record.Properties[importingTo]; left != "" {
		p.Failed = strings.Split(left, ",")
	}
	return r.fail(ctx, &p, reason)
}

// plan returns the steps of the import. They need no undo: the data that a failed import stored is named by the
// record, and the transaction that ends the import puts it on the trash list.
func (r *importRun) plan() []steps.Step[progress] {
	if r.args.Method == CopyImage {
		return []steps.Step[progress]{{Name: "spread", Do: r.spread}}
	}
	return []steps.Step[progress]{
		{Name: "store", Do: r.store},
		{Name: "copy", Do: r.copyAll},
		{Name: "activate", Do: r.activate},
		{Name: "spread", Do: r.spread},
	}
}

// begin takes the record for this attempt. fault.Gone if the import is no longer wanted.
func (r *importRun) begin(ctx context.Context) error {
	err := r.edit(ctx, func(tx *db.Tx, _ *store.Record) error {
		return r.tasks.Progress(ctx, tx, r.args.Image, "Importing by "+r.args.Method)
	})
	r.crash("import began")
	return err
}

// errTaken means that the image was deleted, or that its import was ended by another request.
var errTaken = errors.New("the import is not wanted any more")

// owns reports whether a record is still being imported by this task.
func (r *importRun) owns(now store.Record) bool {
	return now.ImportMethod != "" && now.Properties[importTask] == r.args.Task
}

// edit changes the record of the import in one transaction and removes the data that it no longer names. fault.Gone
// with errTaken if the import is no longer wanted; tasks.ErrLost if a later attempt has taken the record.
func (r *importRun) edit(ctx context.Context, change func(*db.Tx, *store.Record) error) error {
	var out store.Record
	var left []store.Piece
	err := r.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := store.Image(ctx, tx, r.args.Image)
		switch {
		case fault.Is(err, fault.NotFound), err == nil && !r.owns(now):
			return fault.New(fault.Gone, "Image %s is no longer being imported.", r.args.Image).Because(errTaken)
		case err != nil:
			return err
		case now.Fence > r.fence:
			return tasks.ErrLost
		}
		before := now.Pieces()
		now.Fence = r.fence
		if err := change(tx, &now); err != nil {
			return err
		}
		left = without(before, now.Pieces())
		if err := throw(ctx, tx, left); err != nil {
			return err
		}
		now.Updated = r.now()
		out = now
		out.Generation++
		return store.UpdateImage(ctx, tx, now)
	})
	if err != nil {
		return err
	}
	r.record = out
	r.crash("import edited")
	r.intake.stores.discard(ctx, left...)
	return nil
}

// step is edit within a step: an error that is not about this import, such as an unavailable database, repeats the step
// in a later attempt and does not fail the import.
func (r *importRun) step(ctx context.Context, change func(*db.Tx, *store.Record) error) error {
	err := r.edit(ctx, change)
	if err == nil || errors.Is(err, errTaken) {
		return err
	}
	return steps.Again(repeat{err})
}

// repeat marks the errors of step that repeat it.
type repeat struct{ error }

func (r repeat) Unwrap() error { return r.error }

// store is the step that stores the data in the first store, or examines the data at a location.
func (r *importRun) store(ctx context.Context, p *progress) error {
	p.Failed = nil
	var err error
	if r.args.Method == byLocation {
		err = r.examineLocation(ctx, p)
	} else {
		err = r.first(ctx, p)
	}
	if err != nil {
		return err
	}
	if !r.args.Must {
		p.Rest = slices.DeleteFunc(slices.Clone(r.args.Stores), func(id string) bool {
			return id == p.Place.Store || slices.Contains(p.Failed, id)
		})
	}
	return r.step(ctx, func(tx *db.Tx, now *store.Record) error {
		return store.SetSums(ctx, tx, now.ID, p.Data.pieces)
	})
}

// first stores the data in the first store that takes it. If all must take it, the first must.
func (r *importRun) first(ctx context.Context, p *progress) error {
	stores := slices.Clone(r.args.Stores)
	if len(stores) == 0 { // begun by an early release
		stores = []string{cmp.Or(r.record.Store, r.intake.stores.all[0].ID)}
	}
	if n := slices.Index(stores, r.record.StagedIn); n > 0 { // staged data need not move
		stores[0], stores[n] = stores[n], stores[0]
	}
	for n, id := range stores {
		p.Place = place{Store: id, Key: key(r.args.Image)}
		staged := r.args.Method == GlanceDirect && id == r.record.StagedIn
		if staged {
			p.Place.Key = r.record.Staged
		}
		// The record names the data before it is written. Data of earlier attempts is removed.
		err := r.step(ctx, func(_ *db.Tx, now *store.Record) error {
			now.Store, now.Key, now.More = id, p.Place.Key, nil
			return nil
		})
		if err != nil {
			return err
		}
		if err = r.fetch(ctx, p, staged); err == nil {
			return nil
		}
		p.Failed = append(p.Failed, id)
		var trouble storeError
		if r.args.Must || n == len(stores)-1 || !errors.As(err, &trouble) {
			return err
		}
		r.log.WarnContext(ctx, "store did not take the data of an import, trying the next one", "image", r.args.Image,
			"store", id,
			log.Err, err.Error())
	}
	return fault.Conflictf("No store was named for image %s.", r.args.Image)
}

// fetch stores the data that the method gets, or examines staged data that stays in its store.
func (r *importRun) fetch(ctx context.Context, p *progress, inPlace bool) (err error) {
	if r.args.Method == GlanceDownload {
		return r.fetchRegion(ctx, p)
	}
	var body io.ReadCloser
	size := r.record.Size
	if r.args.Method == GlanceDirect {
		b, err := r.intake.stores.backend(r.record.StagedIn)
		if err != nil {
			return err
		}
		if body, err = b.Open(ctx, r.record.Staged, 0, -1); err != nil {
			return err
		}
	} else if body, size, err = r.web.open(ctx, r.args.URI); err != nil {
		return err
	}
	defer body.Close()
	if inPlace {
		p.Data, err = r.intake.examine(ctx, r.record, body)
	} else {
		p.Data, err = r.intake.put(ctx, r.record, store.Piece{Store: r.record.Store, Key: r.record.Key}, body, size)
	}
	return err
}

// examineLocation reads the data at a location, or only its beginning and end if hashes are not to be computed.
func (r *importRun) examineLocation(ctx context.Context, p *progress) error {
	l := r.args.Location
	p.Place = place{Store: l.Store, Key: l.Key, Metadata: l.Metadata}
	limit, err := r.intake.allowed(ctx, r.record.Owner)
	if err != nil {
		return err
	}
	if l.Unread && !signature.Claimed(r.record.Properties) {
		p.Data, err = r.intake.peek(ctx, r.record.Image, store.Copy{Store: l.Store, Key: l.Key}, limit)
		p.Data.Algo, p.Data.Hash = l.HashAlgo, l.HashValue
		return err
	}
	b, err := r.intake.stores.backend(l.Store)
	if err != nil {
		return err
	}
	data, err := b.Open(ctx, l.Key, 0, -1)
	if err != nil {
		return err
	}
	defer data.Close()
	own := hashOf(l.HashAlgo)
	var read io.Reader = data
	if own != nil {
		read = io.TeeReader(data, own)
	}
	p.Data, err = r.intake.examine(ctx, r.record, limited(&source{r: read}, limit))
	if err == nil && own != nil {
		if got := hex.EncodeToString(own.Sum(nil)); got != l.HashValue {
			return fault.Invalidf("The data at the location does not match os_hash_value.")
		}
		p.Data.Algo, p.Data.Hash = l.HashAlgo, l.HashValue
	}
	return err
}

// copyAll is the step that copies the data to the other stores before the image is active, because all must have it.
func (r *importRun) copyAll(ctx context.Context, p *progress) error {
	if !r.args.Must {
		return nil
	}
	for _, id := range r.args.Stores {
		if id == p.Place.Store {
			continue
		}
		if err := r.copyTo(ctx, id, p); err != nil {
			return err
		}
	}
	return nil
}

// activate is the step that makes the image active although some stores do not have a copy yet. If none is missing, the
// last transaction does it.
func (r *importRun) activate(ctx context.Context, p *progress) error {
	if len(p.Rest) == 0 {
		return nil
	}
	return r.step(ctx, func(_ *db.Tx, now *store.Record) error {
		if now.Status == glance.Importing {
			p.write(now)
			now.Staged, now.StagedIn = "", ""
			now.Properties[importingTo] = strings.Join(p.Rest, ",")
		}
		return nil
	})
}

// write makes a record active with the imported data.
func (p *progress) write(now *store.Record) {
	now.Status, now.Store, now.Key, now.Metadata = glance.Active, p.Place.Store, p.Place.Key, p.Place.Metadata
	p.Data.write(now)
	if p.Brought != nil {
		now.Image = p.Brought.on(now.Image)
	}
}
