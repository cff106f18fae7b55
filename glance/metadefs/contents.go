package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// in runs a change within a namespace that the caller may know of.
func (s *Service) in(ctx context.Context, name string, change func(*db.Tx, glance.Namespace) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := s.visible(ctx, tx, name)
		if err != nil {
			return err
		}
		return change(tx, n)
	})
}

// from is in for what takes away.
func (s *Service) from(ctx context.Context, name, what string, change func(*db.Tx, glance.Namespace) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := s.loose(ctx, tx, name, what)
		if err != nil {
			return err
		}
		return change(tx, n)
	})
}

func missing(err error, kind, name, namespace string) error {
	if fault.Is(err, fault.NotFound) {
		return noSuch(kind, name, namespace).Because(err)
	}
	return err
}

func noSuch(kind, name, namespace string) *fault.Fault {
	return fault.NotFoundf("The metadata definition %s with name=%s was not found in namespace=%s.", kind, name, namespace)
}

const twice = "A metadata definition %s with name=%s already exists in namespace=%s."

// Objects of a namespace, by name.
func (s *Service) Objects(ctx context.Context, n Namespace) ([]glance.Object, error) {
	return store.Objects(ctx, s.db, n.ID)
}

// Object finds one; fault.NotFound.
func (s *Service) Object(ctx context.Context, n Namespace, name string) (glance.Object, error) {
	o, err := store.Object(ctx, s.db, n.ID, name)
	return o, missing(err, "object", name, n.Name)
}

// AddObject makes one; fault.Conflict for a taken name.
func (s *Service) AddObject(ctx context.Context, namespace string, o glance.Object) (glance.Object, error) {
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addObject(ctx, tx, n, &o) })
	return o, err
}

func (s *Service) addObject(ctx context.Context, tx *db.Tx, n glance.Namespace, o *glance.Object) error {
	o.ID, o.Created = ids.UUID(), s.now()
	o.Updated = o.Created
	return taken(store.InsertObject(ctx, tx, n.ID, *o), twice, "object", o.Name, n.Name)
}

// UpdateObject replaces one; fault.Conflict for a taken name.
func (s *Service) UpdateObject(ctx context.Context, namespace, name string, o glance.Object) (glance.Object, error) {
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		old, err := store.Object(ctx, tx, n.ID, name)
		if err != nil {
			return missing(err, "object", name, n.Name)
		}
		o.ID, o.Created, o.Updated = old.ID, old.Created, s.now()
		return taken(store.UpdateObject(ctx, tx, o), twice, "object", o.Name, n.Name)
	})
	return o, err
}

// RemoveObject removes one; fault.NotFound.
func (s *Service) RemoveObject(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "object "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteObject(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("object", name, n.Name).Msg)
	})
}

// RemoveObjects removes all of a namespace.
func (s *Service) RemoveObjects(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error { return store.ClearObjects(ctx, tx, n.ID) })
}

// Properties of a namespace, by name.
func (s *Service) Properties(ctx context.Context, n Namespace) ([]glance.Property, error) {
	return store.Properties(ctx, s.db, n.ID)
}

// Property finds one; fault.NotFound.
func (s *Service) Property(ctx context.Context, n Namespace, name string) (glance.Property, error) {
	p, err := store.Property(ctx, s.db, n.ID, name)
	return p, missing(err, "property", name, n.Name)
}

// AddProperty makes one; fault.Conflict for a taken name.
func (s *Service) AddProperty(ctx context.Context, namespace string, p glance.Property) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addProperty(ctx, tx, n, p) })
}

func (s *Service) addProperty(ctx context.Context, tx *db.Tx, n glance.Namespace, p glance.Property) error {
	return taken(store.InsertProperty(ctx, tx, n.ID, ids.UUID(), p, db.At(s.now())), twice, "property", p.Name, n.Name)
}

// UpdateProperty replaces one; fault.NotFound, fault.Conflict for a taken name.
func (s *Service) UpdateProperty(ctx context.Context, namespace, name string, p glance.Property) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.UpdateProperty(ctx, tx, n.ID, name, p, db.At(s.now()))
		return gone(found, taken(err, twice, "property", p.Name, n.Name), "%s", noSuch("property", name, n.Name).Msg)
	})
}

// RemoveProperty removes one; fault.NotFound.
func (s *Service) RemoveProperty(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "property "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteProperty(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("property", name, n.Name).Msg)
	})
}

// RemoveProperties removes all of a namespace.
func (s *Service) RemoveProperties(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error { return store.ClearProperties(ctx, tx, n.ID) })
}

var tagSortKeys = []string{"name", "id", "created_at", "updated_at"}

// TagQuery is which tags are wanted; the marker is a name.
type TagQuery struct {
	Sort   []db.SortKey
	Marker string
	Limit  int // 0: all
}

// Tags is a page of a namespace's; fault.NotFound for a marker that is not there.
func (s *Service) Tags(ctx context.Context, n Namespace, q TagQuery) ([]glance.Tag, error) {
	sort, err := sorted(q.Sort, tagSortKeys)
	if err != nil {
		return nil, err
	}
	a := db.ListArgs{Sort: sort, Limit: q.Limit}
	if q.Marker != "" {
		t, err := s.Tag(ctx, n, q.Marker)
		if err != nil {
			return nil, err
		}
		a.Marker = t.ID
	}
	return store.Tags(ctx, s.db, n.ID, a)
}

// Tag finds one; fault.NotFound.
func (s *Service) Tag(ctx context.Context, n Namespace, name string) (glance.Tag, error) {
	t, err := store.Tag(ctx, s.db, n.ID, name)
	return t, missing(err, "tag", name, n.Name)
}

// AddTag makes one; fault.Conflict where it is there.
func (s *Service) AddTag(ctx context.Context, namespace, name string) (glance.Tag, error) {
	ts := []glance.Tag{{Name: name}}
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addTags(ctx, tx, n, ts) })
	return ts[0], err
}

// SetTags makes tags beside those that are there, or in their place; no tags change nothing. fault.Conflict for one that is there twice.
func (s *Service) SetTags(ctx context.Context, namespace string, names []string, beside bool) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		if len(names) == 0 {
			return nil
		}
		if !beside {
			if err := store.ClearTags(ctx, tx, n.ID); err != nil {
				return err
			}
		}
		ts := make([]glance.Tag, len(names))
		for i, name := range names {
			ts[i].Name = name
		}
		return s.addTags(ctx, tx, n, ts)
	})
}

// addTags fills in the rest of ts.
func (s *Service) addTags(ctx context.Context, tx *db.Tx, n glance.Namespace, ts []glance.Tag) error {
	for i := range ts {
		ts[i].ID, ts[i].Created = ids.UUID(), s.now()
		ts[i].Updated = ts[i].Created
	}
	err := store.InsertTags(ctx, tx, n.ID, ts)
	if len(ts) == 1 {
		return taken(err, twice, "tag", ts[0].Name, n.Name)
	}
	return taken(err, "One of the tags already exists in namespace=%s.", n.Name)
}

// RenameTag gives a tag another name; fault.NotFound, fault.Conflict.
func (s *Service) RenameTag(ctx context.Context, namespace, name, to string) (glance.Tag, error) {
	var t glance.Tag
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) (err error) {
		found, err := store.RenameTag(ctx, tx, n.ID, name, to, db.At(s.now()))
		if err := gone(found, taken(err, twice, "tag", to, n.Name), "%s", noSuch("tag", name, n.Name).Msg); err != nil {
			return err
		}
		t, err = store.Tag(ctx, tx, n.ID, to)
		return err
	})
	return t, err
}

// RemoveTag removes one; fault.NotFound.
func (s *Service) RemoveTag(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "tag "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteTag(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("tag", name, n.Name).Msg)
	})
}

// RemoveTags removes all of a namespace.
func (s *Service) RemoveTags(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error { return store.ClearTags(ctx, tx, n.ID) })
}
