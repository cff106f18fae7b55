// Package flavors implements the operations on flavors, their access lists and extra specs.
package flavors

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Flavors implements the operations; New makes it. Its methods may be called concurrently.
type Flavors struct {
	db  *db.DB
	now clock.Now
}

// New makes Flavors on a database. A nil now is the real clock.
func New(d *db.DB, now clock.Now) *Flavors {
	if now == nil {
		now = clock.Real
	}
	return &Flavors{d, now}
}

// Flavor returns a flavor. A private flavor of other projects is fault.NotFound, except for administrators.
func (f *Flavors) Flavor(ctx context.Context, id string) (nova.Flavor, error) {
	v, err := store.Flavor(ctx, f.db, id)
	if err != nil {
		return v, err
	}
	c := auth.From(ctx)
	if v.Public || c.Admin() || c != nil && slices.Contains(v.Projects, c.ProjectID) {
		return v, nil
	}
	return nova.Flavor{}, store.NoFlavor(id)
}

// Query narrows a list.
type Query struct {
	Public         opt.Of[bool] // absent: public ones and those the project has access to; null: all
	Project        string
	MinRAM, MinGiB int
	Enabled        bool   // only those that are not disabled
	Name           string // a regular expression; empty: any
	Sort           []db.SortKey
	Marker         string
	Limit          int
}

// List reads one page, by id unless the query has an order.
func (f *Flavors) List(ctx context.Context, q Query) ([]nova.Flavor, error) {
	a := db.ListArgs{Sort: q.Sort, Marker: q.Marker, Limit: q.Limit}
	if len(a.Sort) == 0 {
		a.Sort = []db.SortKey{{Column: "flavorid"}}
	}
	switch {
	case !q.Public.Set:
		own := db.Cond{Column: "projects", Op: db.Regexp, Values: []any{"," + regexp.QuoteMeta(q.Project) + ","}}
		if q.Project == "" {
			own = db.EqTo("is_public", true)
		}
		a.Scope = []db.Cond{db.Any(db.EqTo("is_public", true), own)}
	case !q.Public.Null:
		a.Where = append(a.Where, db.EqTo("is_public", q.Public.Value))
	}
	if q.Enabled {
		a.Where = append(a.Where, db.EqTo("disabled", false))
	}
	if q.MinRAM > 0 {
		a.Where = append(a.Where, db.Cond{Column: "memory_mb", Op: db.Ge, Values: []any{q.MinRAM}})
	}
	if q.MinGiB > 0 {
		a.Where = append(a.Where, db.Cond{Column: "root_gb", Op: db.Ge, Values: []any{q.MinGiB}})
	}
	if q.Name != "" {
		a.Where = append(a.Where, db.Cond{Column: "name", Op: db.Regexp, Values: []any{q.Name}})
	}
	return store.Flavors(ctx, f.db, a)
}

// Create makes a flavor; an empty id or "auto" gets a UUID. No project may use a new private flavor. An id or name in
// use is fault.Conflict.
func (f *Flavors) Create(ctx context.Context, v nova.Flavor) (nova.Flavor, error) {
	if v.ID == "" || v.ID == "auto" {
		v.ID = ids.UUID()
	}
	if v.RxTxFactor == 0 {
		v.RxTxFactor = 1
	}
	if v.ExtraSpecs == nil {
		v.ExtraSpecs = map[string]string{}
	}
	err := f.db.Tx(ctx, func(tx *db.Tx) error { return store.InsertFlavor(ctx, tx, &v, f.now()) })
	return v, err
}

// Describe sets the description; nil removes it.
func (f *Flavors) Describe(ctx context.Context, id string, text *string) (nova.Flavor, error) {
	return f.edit(ctx, id, func(v *nova.Flavor) error { v.Description = text; return nil })
}

// Delete deletes a flavor; servers keep their copies.
func (f *Flavors) Delete(ctx context.Context, id string) error {
	return store.DeleteFlavor(ctx, f.db, id)
}

// SetSpecs adds extra specs or replaces their values.
func (f *Flavors) SetSpecs(ctx context.Context, id string, specs map[string]string) error {
	_, err := f.edit(ctx, id, func(v *nova.Flavor) error {
		all := maps.Clone(v.ExtraSpecs)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, specs)
		v.ExtraSpecs = all
		return nil
	})
	return err
}

// DeleteSpec removes an extra spec; fault.NotFound.
func (f *Flavors) DeleteSpec(ctx context.Context, id, key string) error {
	_, err := f.edit(ctx, id, func(v *nova.Flavor) error {
		if _, ok := v.ExtraSpecs[key]; !ok {
			return NoSpec(id, key)
		}
		v.ExtraSpecs = maps.Clone(v.ExtraSpecs)
		delete(v.ExtraSpecs, key)
		return nil
	})
	return err
}

// NoSpec is the fault.NotFound about an extra spec.
func NoSpec(id, key string) error {
	return fault.NotFoundf("Flavor %s has no extra specs with key %s.", id, key)
}

// Allow gives a project access to a private flavor; fault.Conflict if it has access.
func (f *Flavors) Allow(ctx context.Context, id, project string) (nova.Flavor, error) {
	return f.edit(ctx, id, func(v *nova.Flavor) error {
		if slices.Contains(v.Projects, project) {
			return fault.Conflictf("Flavor access already exists for flavor %s and project %s combination.", id, project)
		}
		v.Projects = append(slices.Clone(v.Projects), project)
		return nil
	})
}

// Deny revokes access; fault.NotFound if the project has none.
func (f *Flavors) Deny(ctx context.Context, id, project string) (nova.Flavor, error) {
	return f.edit(ctx, id, func(v *nova.Flavor) error {
		i := slices.Index(v.Projects, project)
		if i < 0 {
			return fault.NotFoundf("Flavor access not found for %s / %s combination.", id, project)
		}
		v.Projects = slices.Delete(slices.Clone(v.Projects), i, i+1)
		return nil
	})
}

func (f *Flavors) edit(ctx context.Context, id string, fn func(*nova.Flavor) error) (nova.Flavor, error) {
	var v nova.Flavor
	err := f.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Flavor(ctx, tx, id); err != nil {
			return err
		}
		if err := fn(&v); err != nil {
			return err
		}
		return store.SaveFlavor(ctx, tx, &v, f.now())
	})
	return v, err
}
