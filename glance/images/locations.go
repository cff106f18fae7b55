package images

import (
	"context"
	"encoding/hex"
	"slices"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Location is a location of an image's data as clients see and name it.
type Location struct {
	URL                           string
	Metadata                      map[string]string // with the store's id under "store"
	Checksum, HashAlgo, HashValue string            // the client's validation data; may be empty
}

// Locations are the locations of images' data, including data that is stored elsewhere.
type Locations struct {
	db      *db.DB
	intake  *intake
	imports *Imports
	copies  *Copies
	web     *web
	unread  bool
	now     clock.Now
}

// Of returns the locations of an image's data in the order in which they are read.
func (s *Locations) Of(i Image) []Location {
	var out []Location
	for _, c := range s.intake.stores.weighed(i.record()) {
		m := cloned(c.Metadata)
		m["store"] = c.Store
		l := Location{URL: c.Key, Metadata: m}
		if st, err := s.intake.stores.find(c.Store); err == nil {
			l.URL = st.url(c.Key)
		}
		out = append(out, l)
	}
	return out
}

// record returns a record with the image's copies.
func (i Image) record() store.Record {
	r := store.Record{Image: i.Image}
	if len(i.copies) > 0 {
		r.SetCopies(i.copies)
	}
	return r
}

// resolve finds the store that serves a URL. Clients may name URLs of the web that web-download may fetch. Only
// trusted callers may name data in the cloud's own stores, because it could be the data of another image. Files of
// this host cannot be named.
func (s *Locations) resolve(ctx context.Context, url string, trusted bool) (store.Copy, error) {
	for _, st := range s.intake.stores.all {
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

// hashSizes are the sizes in bytes of the hashes that clients may name.
func hashSizes() map[string]int {
	return map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
}

// valid checks the form of the client's validation data.
func (l Location) valid() error {
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
		return fault.Invalidf(
			"os_hash_value: (%s) is not the correct size for (%s) (should be (%d) bytes)", l.HashValue, l.HashAlgo, want)
	}
	return nil
}

// Add makes data that is stored elsewhere the data of a queued image. It enqueues an import that inspects the data and,
// unless configured otherwise, hashes it before the image becomes active. trusted marks a service as the caller.
func (s *Locations) Add(ctx context.Context, id string, l Location, trusted bool) error {
	if err := l.valid(); err != nil {
		return err
	}
	c, err := s.resolve(ctx, l.URL, trusted)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
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
		return s.imports.start(ctx, tx, r, Import{Method: byLocation, URI: l.URL, Must: true}, importArgs{
			Stores: []string{c.Store},
			Location: &locationArgs{Store: c.Store, Key: c.Key, Metadata: l.Metadata, HashAlgo: l.HashAlgo,
				HashValue: l.HashValue,
				Unread:    s.unread},
		})
	})
}

// Set sets the locations of an image that has none, or the metadata of the same locations. An image without locations
// becomes active; only the beginning and end of its data are inspected.
func (s *Locations) Set(ctx context.Context, id string, ls []Location) error {
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

// Insert adds a location before a position; -1 is the end.
func (s *Locations) Insert(ctx context.Context, id string, before int, l Location) error {
	return s.relocate(ctx, id, []Location{l}, func(r *store.Record, named []store.Copy) error {
		all := r.Copies()
		if before < 0 || before > len(all) {
			before = len(all)
		}
		if slices.ContainsFunc(all, func(c store.Copy) bool { return c.Store == named[0].Store && c.Key == named[0].Key }) {
			return fault.Invalidf("The location %s already exists", l.URL)
		}
		r.SetCopies(slices.Insert(all, before, named[0]))
		return nil
	})
}

// Remove removes the location with an index (-1 is the last) and its data. fault.Forbidden for the only one.
func (s *Locations) Remove(ctx context.Context, id string, index int) error {
	return s.copies.remove(ctx, id, func(all []store.Copy) (int, error) {
		if index < 0 {
			index = len(all) - 1
		}
		switch {
		case len(all) == 1:
			return 0, fault.Forbiddenf("Cannot remove last location in the image.")
		case index >= len(all):
			return 0, fault.Invalidf("Invalid position for removing a location.")
		}
		return index, nil
	})
}

// relocate resolves and inspects locations, then changes the record with them.
func (s *Locations) relocate(ctx context.Context, id string, ls []Location,
	change func(*store.Record, []store.Copy) error) error {
	i, err := get(ctx, s.db, id)
	if err != nil {
		return err
	}
	if err := s.intake.limits.locations(len(ls), 0); err != nil {
		return err // before any of them is opened
	}
	limit, err := s.intake.allowed(ctx, i.Owner)
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
		if f, err = s.intake.peek(ctx, i.Image, c, limit); err != nil {
			return fault.Invalidf("Invalid location").Because(err)
		}
		named = append(named, c)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Queued && r.Status != glance.Active {
			return fault.Conflictf("It's not allowed to replace locations if image status is %s.", r.Status)
		}
		for _, l := range ls {
			if err := l.matches(&r, s.intake.hash); err != nil {
				return err
			}
		}
		if r.Status == glance.Queued {
			if err := formats(r.Image); err != nil {
				return err
			}
			r.Status, r.Size, r.VirtualSize = glance.Active, f.Size, f.Virtual
		}
		had := len(r.Copies())
		if err := change(&r, slices.Clone(named)); err != nil {
			return err
		}
		if err := s.intake.limits.locations(len(r.Copies()), had); err != nil {
			return err
		}
		r.Updated = s.now()
		return store.UpdateImage(ctx, tx, r)
	})
}

// known resolves a client's location: one that the image has already, or one on the web.
func (s *Locations) known(ctx context.Context, i Image, l Location) (store.Copy, error) {
	meta := cloned(l.Metadata)
	delete(meta, "store")
	for _, c := range i.copies {
		if st, err := s.intake.stores.find(c.Store); err == nil && st.url(c.Key) == l.URL {
			c.Metadata = meta
			return c, nil
		}
	}
	c, err := s.resolve(ctx, l.URL, false)
	c.Metadata = meta
	return c, err
}

// matches compares the client's validation data with the image. A queued image takes it over.
func (l Location) matches(r *store.Record, algo string) error {
	if l.HashValue == "" {
		return nil
	}
	for name, pair := range map[string][2]string{
		"checksum":      {l.Checksum, r.Checksum},
		"os_hash_algo":  {l.HashAlgo, r.HashAlgo},
		"os_hash_value": {l.HashValue, r.HashValue},
	} {
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
	if err := l.valid(); err != nil {
		return fault.Conflictf("%s", fault.Message(err))
	}
	if b, err := hex.DecodeString(l.Checksum); err != nil || l.Checksum != "" && len(b) != 16 {
		return fault.Conflictf("checksum (%s) is not an MD5 in hexadecimal", l.Checksum)
	}
	r.Checksum, r.HashAlgo, r.HashValue = l.Checksum, l.HashAlgo, l.HashValue
	return nil
}
