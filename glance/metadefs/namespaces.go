package metadefs

import (
	"context"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/policy"
)

// Namespace is a namespace as its caller sees it.
type Namespace struct{ glance.Namespace }

// PolicyTarget returns the attributes that policy rules refer to.
func (n Namespace) PolicyTarget() policy.Target {
	return policy.Target{"project_id": n.Owner, "visibility": n.Visibility}
}

// Contents are the contents of a namespace.
type Contents struct {
	Objects      []glance.Object
	Properties   []glance.Property
	Tags         []glance.Tag
	Associations []glance.Association
}

// Query selects namespaces.
type Query struct {
	Visibility    string
	ResourceTypes []string // associated with one of these; nil: any
	Sort          []db.SortKey
	Marker        string
	Limit         int
}

// Namespaces are the namespaces.
type Namespaces struct{ *catalog }

var sortKeys = []string{"namespace", "display_name", "description", "visibility", "protected", "owner",
	"created_at", "updated_at", "id"}

// List returns a page of the namespaces that the caller may see; see visible. fault.Invalid for a bad sort key.
func (s *Namespaces) List(ctx context.Context, q Query) ([]Namespace, error) {
	var where []db.Cond
	if c := auth.From(ctx); !c.Admin() {
		seen := []db.Cond{db.EqTo("visibility", glance.Public)}
		if c != nil && c.ProjectID != "" {
			seen = append(seen, db.EqTo("owner", c.ProjectID))
		}
		where = append(where, db.Any(seen...))
	}
	if q.Visibility != "" {
		where = append(where, db.EqTo("visibility", q.Visibility))
	}
	if q.ResourceTypes != nil {
		var with []string
		for _, t := range q.ResourceTypes {
			ns, err := store.NamespacesOfType(ctx, s.db, t)
			if err != nil {
				return nil, err
			}
			with = append(with, ns...)
		}
		slices.Sort(with)
		where = append(where, db.InList("id", slices.Compact(with)))
	}
	sort, err := sorted(q.Sort, sortKeys)
	if err != nil {
		return nil, err
	}
	if q.Marker != "" {
		if _, err := s.Get(ctx, q.Marker); err != nil {
			return nil, err
		}
	}
	ns, err := store.Namespaces(ctx, s.db, db.ListArgs{Where: where, Sort: sort, Marker: q.Marker, Limit: q.Limit})
	out := make([]Namespace, len(ns))
	for i, n := range ns {
		out[i] = Namespace{n}
	}
	return out, err
}

func sorted(keys []db.SortKey, known []string) ([]db.SortKey, error) {
	for _, k := range keys {
		if !slices.Contains(known, k.Column) {
			return nil, fault.Invalidf("Sort key supplied is invalid: %s. It must be one of the following: %s.", k.Column,
				strings.Join(known, ", "))
		}
	}
	if len(keys) == 0 {
		return []db.SortKey{{Column: "created_at", Desc: true}}, nil
	}
	return keys, nil
}

// Get returns a namespace that is visible to the caller. fault.NotFound.
func (s *Namespaces) Get(ctx context.Context, name string) (Namespace, error) {
	n, err := visible(ctx, s.db, name)
	return Namespace{n}, err
}

// Contents returns the contents of a namespace: objects, properties and associations by name, tags from new to old.
func (s *Namespaces) Contents(ctx context.Context, n Namespace) (Contents, error) {
	return contentsOf(ctx, s.db, n.ID)
}

// Create creates a namespace with its contents in one transaction. An empty Owner is the caller's project.
// fault.Conflict for a used name, or a duplicate in the contents.
func (s *Namespaces) Create(ctx context.Context, n glance.Namespace, c Contents) (Namespace, error) {
	if caller := auth.From(ctx); n.Owner == "" && caller != nil {
		n.Owner = caller.ProjectID
	}
	n.ID, n.Created = ids.UUID(), s.now()
	n.Updated = n.Created
	if n.Visibility == "" {
		n.Visibility = glance.Private
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := store.InsertNamespace(ctx, tx, n); err != nil {
			return taken(err, "The metadata definition namespace=%s already exists.", n.Name)
		}
		return s.fill(ctx, tx, n, c)
	})
	return Namespace{n}, err
}

// Update replaces a namespace's attributes, not its contents. fault.NotFound, fault.Conflict for a used name.
func (s *Namespaces) Update(ctx context.Context, name string, n glance.Namespace) (Namespace, error) {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		old, err := visible(ctx, tx, name)
		if err != nil {
			return err
		}
		n.ID, n.Created, n.Updated = old.ID, old.Created, s.now()
		if caller := auth.From(ctx); n.Owner == "" && caller != nil {
			n.Owner = caller.ProjectID
		}
		if n.Visibility == "" {
			n.Visibility = glance.Private
		}
		return taken(store.UpdateNamespace(ctx, tx, n),
			"Invalid update. There is a metadata definition namespace with the name %s already.", n.Name)
	})
	return Namespace{n}, err
}

// Delete deletes a namespace with its contents. fault.Forbidden for a protected one.
func (s *Namespaces) Delete(ctx context.Context, name string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := removable(ctx, tx, name, "namespace "+name)
		if err != nil {
			return err
		}
		return store.DeleteNamespace(ctx, tx, n.ID)
	})
}
