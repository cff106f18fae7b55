package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

var tagSortKeys = []string{"name", "id", "created_at", "updated_at"}

// Tags are the tags of namespaces.
type Tags struct{ *catalog }

// TagQuery selects tags. The marker is a tag's name.
type TagQuery struct {
	Sort   []db.SortKey
	Marker string
	Limit  int // 0: all
}

// List returns a page of a namespace's tags. fault.NotFound for an unknown marker.
func (s *Tags) List(ctx context.Context, n Namespace, q TagQuery) ([]glance.Tag, error) {
	sort, err := sorted(q.Sort, tagSortKeys)
	if err != nil {
		return nil, err
	}
	a := db.ListArgs{Sort: sort, Limit: q.Limit}
	if q.Marker != "" {
		t, err := s.Get(ctx, n, q.Marker)
		if err != nil {
			return nil, err
		}
		a.Marker = t.ID
	}
	return store.Tags(ctx, s.db, n.ID, a)
}

// Get returns a tag. fault.NotFound.
func (s *Tags) Get(ctx context.Context, n Namespace, name string) (glance.Tag, error) {
	t, err := store.Tag(ctx, s.db, n.ID, name)
	return t, missing(err, "tag", name, n.Name)
}

// Add creates a tag. fault.Conflict if it exists.
func (s *Tags) Add(ctx context.Context, namespace, name string) (glance.Tag, error) {
	ts := []glance.Tag{{Name: name}}
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addTags(ctx, tx, n, ts) })
	return ts[0], err
}

// Set adds tags (keep) or replaces all tags by them. Without names it changes nothing. fault.Conflict for a duplicate.
func (s *Tags) Set(ctx context.Context, namespace string, names []string, keep bool) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		if len(names) == 0 {
			return nil
		}
		if !keep {
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

// addTags inserts tags and sets their ids and times.
func (s *catalog) addTags(ctx context.Context, tx *db.Tx, n glance.Namespace, ts []glance.Tag) error {
	for i := range ts {
		ts[i].ID, ts[i].Created = ids.UUID(), s.now()
		ts[i].Updated = ts[i].Created
	}
	err := store.InsertTags(ctx, tx, n.ID, ts)
	if len(ts) == 1 {
		return taken(err, duplicate, "tag", ts[0].Name, n.Name)
	}
	return taken(err, "One of the tags already exists in namespace=%s.", n.Name)
}

// Rename renames a tag. fault.NotFound, fault.Conflict for a used name.
func (s *Tags) Rename(ctx context.Context, namespace, name, to string) (glance.Tag, error) {
	var t glance.Tag
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) (err error) {
		found, err := store.RenameTag(ctx, tx, n.ID, name, to, db.At(s.now()))
		if err := gone(found, taken(err, duplicate, "tag", to, n.Name), "%s", noSuch("tag", name, n.Name).Msg); err != nil {
			return err
		}
		t, err = store.Tag(ctx, tx, n.ID, to)
		return err
	})
	return t, err
}

// Remove deletes a tag. fault.NotFound, fault.Forbidden in a protected namespace.
func (s *Tags) Remove(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "tag "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteTag(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("tag", name, n.Name).Msg)
	})
}

// RemoveAll deletes all tags of a namespace. fault.Forbidden in a protected namespace.
func (s *Tags) RemoveAll(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error {
		return store.ClearTags(ctx, tx, n.ID)
	})
}
