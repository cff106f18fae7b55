package images

import (
	"context"
	"encoding/hex"
	"io"
	"slices"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/signature"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

// Location is a place of an image's data as clients see and name it.
type Location struct {
	URL                           string
	Metadata                      map[string]string // with the store's name under "store"
	Checksum, HashAlgo, HashValue string            // what a client says the data has; empty where it does not
}

// Locations are where an image's data is, the one that is read first before the others.
func (s *Service) Locations(i Image) []Location {
	var out []Location
	for _, c := range s.weighed(store.Record{Image: i.Image, Store: i.first().Store, Key: i.first().Key, Metadata: i.first().Metadata, More: i.more()}) {
		m := cloneMap(c.Metadata)
		m["store"] = c.Store
		l := Location{URL: c.Key, Metadata: m}
		if st, err := s.store(c.Store); err == nil {
			l.URL = st.url(c.Key)
		}
		out = append(out, l)
	}
	return out
}

func (i Image) first() store.Copy {
	if len(i.copies) == 0 {
		return store.Copy{}
	}
	return i.copies[0]
}

func (i Image) more() []store.Copy {
	if len(i.copies) == 0 {
		return nil
	}
	return i.copies[1:]
}

// place finds the store that serves a URL. Clients may name what is on the web, within the bounds of web-download; data inside the
// cloud's own stores only who is trusted, as it could be another's image. A file of this host is nobody's to name.
func (s *Service) place(ctx context.Context, url string, trusted bool) (store.Copy, error) {
	for _, st := range s.stores {
		l, ok := st.Backend.(backend.Locator)
		if !ok {
			continue
		}
		key, ok := l.Key(url)
		if !ok {
			continue
		}
		c := store.Copy{Store: st.ID, Key: key, Whole: true}
		if st.ReadOnly() {
			return c, s.web.allowed(ctx, url)
		}
		if !trusted {
			return c, fault.Forbiddenf("Only services may name locations in store %s.", st.ID)
		}
		other, err := store.Named(ctx, s.db, store.Piece{Store: st.ID, Key: key})
		if err != nil {
			return c, err
		}
		if other != "" {
			return c, fault.Conflictf("The location is another image's.")
		}
		return c, nil
	}
	return store.Copy{}, fault.Invalidf("Invalid location")
}

// hashSizes are of the hashes that clients may name, in bytes.
func hashSizes() map[string]int {
	return map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
}

// said checks what a client says of the data.
func (l Location) said() error {
	if l.HashValue == "" && l.HashAlgo == "" {
		return nil
	}
	want, ok := hashSizes()[l.HashAlgo]
	if !ok {
		return fault.Invalidf("os_hash_algo %q is not known.", l.HashAlgo)
	}
	if b, err := hex.DecodeString(l.HashValue); err != nil {
		return fault.Invalidf("os_hash_value (%s) is not a valid hexadecimal value", l.HashValue)
	} else if len(b) != want {
		return fault.Invalidf("os_hash_value: (%s) is not the correct size for (%s) (should be (%d) bytes)", l.HashValue, l.HashAlgo, want)
	}
	return nil
}

// AddLocation gives a queued image data that is somewhere already. It is looked at, and hashed unless the operator does not want that,
// before the image is active; Run does it. trusted is a service.
func (s *Service) AddLocation(ctx context.Context, id string, l Location, trusted bool) error {
	if err := l.said(); err != nil {
		return err
	}
	c, err := s.place(ctx, l.URL, trusted)
	if err != nil {
		return err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Queued {
			return fault.Conflictf("It's not allowed to add locations if image status is %s.", r.Status)
		}
		if err := formats(r.Image); err != nil {
			return err
		}
		r.Status = glance.Importing
		r.Plan.Location = store.Location{Store: c.Store, Key: c.Key, Metadata: l.Metadata, HashAlgo: l.HashAlgo, HashValue: l.HashValue, Unread: s.unread}
		return s.startImport(ctx, tx, r, Import{Method: byLocation, URI: l.URL, Must: true}, []string{c.Store})
	})
	if err == nil {
		s.hint()
	}
	return err
}

// examine reads what is at a location.
func (s *Service) examine(ctx context.Context, r store.Record) (facts, store.Copy, error) {
	l := r.Plan.Location
	at := store.Copy{Store: l.Store, Key: l.Key, Metadata: l.Metadata}
	limit, err := s.room(ctx, r.Owner)
	if err != nil {
		return facts{}, at, err
	}
	if l.Unread && !signature.Claimed(r.Properties) {
		f, err := s.glance(ctx, r.Image, at, limit)
		f.algo, f.hash = l.HashAlgo, l.HashValue
		return f, at, err
	}
	b, err := s.backend(l.Store)
	if err != nil {
		return facts{}, at, err
	}
	data, err := b.Open(ctx, l.Key, 0, -1)
	if err != nil {
		return facts{}, at, err
	}
	defer data.Close()
	own := hashOf(l.HashAlgo)
	var read io.Reader = data
	if own != nil {
		read = io.TeeReader(data, own)
	}
	f, err := s.study(ctx, r, bound(&source{r: read}, limit))
	if err == nil && own != nil {
		if got := hex.EncodeToString(own.Sum(nil)); got != l.HashValue {
			return f, at, fault.Invalidf("The data at the location does not match os_hash_value.")
		}
		f.algo, f.hash = l.HashAlgo, l.HashValue
	}
	return f, at, err
}

// glance looks at the beginning and the end of data only.
func (s *Service) glance(ctx context.Context, i glance.Image, at store.Copy, limit int64) (facts, error) {
	b, err := s.backend(at.Store)
	if err != nil {
		return facts{}, err
	}
	info, err := b.Stat(ctx, at.Key)
	if err != nil {
		return facts{}, err
	}
	if limit >= 0 && info.Size > limit {
		return facts{}, tooLarge(limit)
	}
	head, err := b.Open(ctx, at.Key, 0, min(diskformat.HeadVHDX, info.Size))
	if err != nil {
		return facts{}, err
	}
	defer head.Close()
	looked, err := s.look(head, i)
	if err != nil {
		return facts{}, err
	}
	end := min(diskformat.Tail, info.Size)
	tail, err := b.Open(ctx, at.Key, info.Size-end, end)
	if err != nil {
		return facts{}, err
	}
	defer tail.Close()
	if looked.tail, err = io.ReadAll(io.LimitReader(tail, end)); err != nil {
		return facts{}, err
	}
	looked.passed = info.Size
	if err := looked.whole(); err != nil {
		return facts{}, err
	}
	return facts{size: info.Size, virtual: looked.virtual(info.Size)}, nil
}

// SetLocations replaces the locations of an image, which must have none yet, or the same ones, whose metadata change then. Without
// locations before, the image is active afterwards, and of its data only the beginning was looked at.
func (s *Service) SetLocations(ctx context.Context, id string, ls []Location) error {
	return s.relocate(ctx, id, ls, func(r *store.Record, named []store.Copy) error {
		had := r.Copies()
		if len(had) > 0 {
			same := len(had) == len(named) && !slices.ContainsFunc(named, func(n store.Copy) bool {
				return !slices.ContainsFunc(had, func(h store.Copy) bool { return h.Store == n.Store && h.Key == n.Key })
			})
			if !same {
				return fault.Invalidf("Original locations is not empty")
			}
		}
		r.SetCopies(named)
		return nil
	})
}

// InsertLocation adds one at a position; -1 is the end.
func (s *Service) InsertLocation(ctx context.Context, id string, at int, l Location) error {
	return s.relocate(ctx, id, []Location{l}, func(r *store.Record, named []store.Copy) error {
		all := r.Copies()
		if at < 0 || at > len(all) {
			at = len(all)
		}
		if slices.ContainsFunc(all, func(c store.Copy) bool { return c.Store == named[0].Store && c.Key == named[0].Key }) {
			return fault.Invalidf("The location %s already exists", l.URL)
		}
		r.SetCopies(slices.Insert(all, at, named[0]))
		return nil
	})
}

// RemoveLocation removes the one at a position, -1 for the last, and its data; fault.Forbidden for the only one.
func (s *Service) RemoveLocation(ctx context.Context, id string, at int) error {
	return s.removeCopy(ctx, id, func(all []store.Copy) (int, error) {
		if at < 0 {
			at = len(all) - 1
		}
		switch {
		case len(all) == 1:
			return 0, fault.Forbiddenf("Cannot remove last location in the image.")
		case at >= len(all):
			return 0, fault.Invalidf("Invalid position for removing a location.")
		}
		return at, nil
	})
}

func (s *Service) relocate(ctx context.Context, id string, ls []Location, change func(*store.Record, []store.Copy) error) error {
	i, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := s.countLocations(len(ls), 0); err != nil {
		return err // before any of them is looked at
	}
	limit, err := s.room(ctx, i.Owner)
	if err != nil {
		return err
	}
	var f facts
	var named []store.Copy
	for _, l := range ls {
		c, err := s.known(ctx, i, l)
		if err != nil {
			return err
		}
		if f, err = s.glance(ctx, i.Image, c, limit); err != nil {
			return fault.Invalidf("Invalid location").Because(err)
		}
		named = append(named, c)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Queued && r.Status != glance.Active {
			return fault.Conflictf("It's not allowed to replace locations if image status is %s.", r.Status)
		}
		for _, l := range ls {
			if err := l.matches(&r, s.hash); err != nil {
				return err
			}
		}
		if r.Status == glance.Queued {
			if err := formats(r.Image); err != nil {
				return err
			}
			r.Status, r.Size, r.VirtualSize = glance.Active, f.size, f.virtual
		}
		had := len(r.Copies())
		if err := change(&r, slices.Clone(named)); err != nil {
			return err
		}
		if err := s.countLocations(len(r.Copies()), had); err != nil {
			return err
		}
		r.Updated = s.now()
		return store.Update(ctx, tx, r)
	})
}

// known resolves a location that a client names: one that the image has already, or one on the web.
func (s *Service) known(ctx context.Context, i Image, l Location) (store.Copy, error) {
	meta := cloneMap(l.Metadata)
	delete(meta, "store")
	for _, c := range i.copies {
		if st, err := s.store(c.Store); err == nil && st.url(c.Key) == l.URL {
			c.Metadata = meta
			return c, nil
		}
	}
	c, err := s.place(ctx, l.URL, false)
	c.Metadata = meta
	return c, err
}

// matches compares what a client says of the data with the image, which takes it over while it is queued.
func (l Location) matches(r *store.Record, algo string) error {
	if l.HashValue == "" {
		return nil
	}
	for name, pair := range map[string][2]string{"checksum": {l.Checksum, r.Checksum}, "os_hash_algo": {l.HashAlgo, r.HashAlgo}, "os_hash_value": {l.HashValue, r.HashValue}} {
		if pair[0] != "" && pair[1] != "" && pair[0] != pair[1] {
			return fault.Conflictf("%s is already set with a different value", name)
		}
	}
	if r.HashValue == l.HashValue {
		return nil
	}
	if r.Status != glance.Queued {
		return fault.Conflictf("New value(s) for os_hash_value may only be provided when image status is 'queued'")
	}
	if l.HashAlgo != algo {
		return fault.Conflictf("os_hash_algo must be %s, not %s", algo, l.HashAlgo)
	}
	if err := l.said(); err != nil {
		return fault.Conflictf("%s", fault.Message(err))
	}
	if b, err := hex.DecodeString(l.Checksum); err != nil || l.Checksum != "" && len(b) != 16 {
		return fault.Conflictf("checksum (%s) is not an MD5 in hexadecimal", l.Checksum)
	}
	r.Checksum, r.HashAlgo, r.HashValue = l.Checksum, l.HashAlgo, l.HashValue
	return nil
}
