// Package metadefs is the metadata definitions catalogue: namespaces with properties, objects, tags and resource types.
// It keeps what clients define and loads what comes as files; nothing here checks an image by them.
//
// Invariant: what is in a namespace lives and dies with it, and a protected namespace loses nothing.
package metadefs

import (
	"context"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/policy"
)

// Service is the verbs, as the caller in the context.
type Service struct {
	db  *db.DB
	now clock.Now
}

// New makes the verbs over the image service's database; a nil now is the clock.
func New(d *db.DB, now clock.Now) *Service {
	if now == nil {
		now = clock.Real
	}
	return &Service{d, now}
}

// Namespace is one as its caller sees it.
type Namespace struct{ glance.Namespace }

// PolicyTarget names what the rules look at.
func (n Namespace) PolicyTarget() policy.Target {
	return policy.Target{"project_id": n.Owner, "visibility": n.Visibility}
}

// Contents are what is in a namespace.
type Contents struct {
	Objects      []glance.Object
	Properties   []glance.Property
	Tags         []glance.Tag
	Associations []glance.Association
}

// Query is which namespaces are wanted.
type Query struct {
	Visibility    string
	ResourceTypes []string // that go with one of these; nil: any
	Sort          []db.SortKey
	Marker        string
	Limit         int
}

// sortKeys are what namespaces are sorted by.
var sortKeys = []string{"namespace", "display_name", "description", "visibility", "protected", "owner", "created_at", "updated_at", "id"}

// Namespaces is a page of those that the caller may know of: administrators of all, others of public ones and their project's.
func (s *Service) Namespaces(ctx context.Context, q Query) ([]Namespace, error) {
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
		if _, err := s.Namespace(ctx, q.Marker); err != nil {
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
			return nil, fault.Invalidf("Sort key supplied is invalid: %s. It must be one of the following: %s.", k.Column, strings.Join(known, ", "))
		}
	}
	if len(keys) == 0 {
		return []db.SortKey{{Column: "created_at", Desc: true}}, nil
	}
	return keys, nil
}

// Namespace finds one that the caller may know of; fault.NotFound.
func (s *Service) Namespace(ctx context.Context, name string) (Namespace, error) {
	n, err := s.visible(ctx, s.db, name)
	return Namespace{n}, err
}

func (s *Service) visible(ctx context.Context, q db.Querier, name string) (glance.Namespace, error) {
	n, err := store.Namespace(ctx, q, name)
	c := auth.From(ctx)
	switch {
	case err != nil, c.Admin(), n.Owner == "", n.Visibility == glance.Public, c != nil && c.ProjectID == n.Owner:
		return n, err
	}
	return glance.Namespace{}, fault.NotFoundf("Namespace %s not found", name)
}

// loose is a namespace that may lose something: visible, and not protected.
func (s *Service) loose(ctx context.Context, tx *db.Tx, name, what string) (glance.Namespace, error) {
	n, err := s.visible(ctx, tx, name)
	if err == nil && n.Protected {
		return n, fault.Forbiddenf("Metadata definition %s is protected and cannot be deleted.", what)
	}
	return n, err
}

// Contents of a namespace: objects, properties and associations by name, tags with the newest first.
func (s *Service) Contents(ctx context.Context, n Namespace) (Contents, error) {
	return contentsOf(ctx, s.db, n.ID)
}

// Create makes a namespace with what is in it, all or nothing; fault.Conflict for a taken name, or one that is twice in it.
// Owner is the caller's project where empty.
func (s *Service) Create(ctx context.Context, n glance.Namespace, c Contents) (Namespace, error) {
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

// taken says what was there already.
func taken(err error, format string, args ...any) error {
	if fault.Is(err, fault.Conflict) {
		return fault.Conflictf(format, args...).Because(err)
	}
	return err
}

// fill writes new contents.
func (s *Service) fill(ctx context.Context, tx *db.Tx, n glance.Namespace, c Contents) error {
	for _, a := range c.Associations {
		if err := s.associate(ctx, tx, n, a); err != nil {
			return err
		}
	}
	for _, o := range c.Objects {
		if err := s.addObject(ctx, tx, n, &o); err != nil {
			return err
		}
	}
	for _, p := range c.Properties {
		if err := s.addProperty(ctx, tx, n, p); err != nil {
			return err
		}
	}
	return s.addTags(ctx, tx, n, c.Tags)
}

// Update replaces a namespace's own members; what is in it stays. fault.Conflict for a taken name.
func (s *Service) Update(ctx context.Context, name string, n glance.Namespace) (Namespace, error) {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		old, err := s.visible(ctx, tx, name)
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
		return taken(store.UpdateNamespace(ctx, tx, n), "Invalid update. There is a metadata definition namespace with the name %s already.", n.Name)
	})
	return Namespace{n}, err
}

// Delete removes a namespace with all that is in it; fault.Forbidden for a protected one.
func (s *Service) Delete(ctx context.Context, name string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := s.loose(ctx, tx, name, "namespace "+name)
		if err != nil {
			return err
		}
		return store.DeleteNamespace(ctx, tx, n.ID)
	})
}

// ResourceTypes are all that a namespace was ever associated with, by name.
func (s *Service) ResourceTypes(ctx context.Context) ([]glance.ResourceType, error) {
	return store.ResourceTypes(ctx, s.db)
}

// Associations are the types of resources that a namespace goes with.
func (s *Service) Associations(ctx context.Context, n Namespace) ([]glance.Association, error) {
	return store.Associations(ctx, s.db, n.ID)
}

// Associate lets a namespace go with a type of resource, which need not be known; fault.Conflict where it does already.
func (s *Service) Associate(ctx context.Context, name string, a glance.Association) (glance.Association, error) {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := s.visible(ctx, tx, name)
		if err != nil {
			return err
		}
		a.Created = s.now()
		a.Updated = a.Created
		return s.associate(ctx, tx, n, a)
	})
	return a, err
}

func (s *Service) associate(ctx context.Context, tx *db.Tx, n glance.Namespace, a glance.Association) error {
	if a.Created.IsZero() {
		a.Created = s.now()
		a.Updated = a.Created
	}
	if err := store.EnsureResourceType(ctx, tx, glance.ResourceType{Name: a.ResourceType, Created: a.Created, Updated: a.Created}); err != nil {
		return err
	}
	return taken(store.InsertAssociation(ctx, tx, n.ID, a),
		"The metadata definition resource-type association of resource-type=%s to namespace=%s, already exists.", a.ResourceType, n.Name)
}

// Dissociate ends an association; fault.NotFound.
func (s *Service) Dissociate(ctx context.Context, name, resource string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := s.loose(ctx, tx, name, "resource-type-association "+resource)
		if err != nil {
			return err
		}
		found, err := store.DeleteAssociation(ctx, tx, n.ID, resource)
		return gone(found, err, "Failed to find resource type %s to delete", resource)
	})
}

// gone says what was not there.
func gone(n int64, err error, format string, args ...any) error {
	if err == nil && n == 0 {
		return fault.NotFoundf(format, args...)
	}
	return err
}
