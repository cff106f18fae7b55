package metadefs

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// catalogue has the standard namespaces. Names, types and ranges are OpenStack's. Definitions for VMware, XenServer
// and the CIM model are left out, because no hypervisor driver reads them; an operator can load them as files.
//
//go:embed catalogue/*.json
var catalogue embed.FS

// document is a namespace in a file, in the format of glance.
type document struct {
	Name         string                     `json:"namespace"`
	DisplayName  string                     `json:"display_name"`
	Description  string                     `json:"description"`
	Visibility   string                     `json:"visibility"`
	Protected    bool                       `json:"protected"`
	Owner        string                     `json:"owner"`
	Associations []documentAssociation      `json:"resource_type_associations"`
	Properties   map[string]glance.Property `json:"properties"`
	Objects      []documentObject           `json:"objects"`
	Tags         []struct {
		Name string `json:"name"`
	} `json:"tags"`
}

type documentAssociation struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
	Target string `json:"properties_target"`
}

type documentObject struct {
	Name        string                     `json:"name"`
	Description string                     `json:"description"`
	Required    []string                   `json:"required"`
	Properties  map[string]glance.Property `json:"properties"`
}

// fileOwner is the owner of namespaces from files without one.
const fileOwner = "admin"

func (d document) namespace() glance.Namespace {
	n := glance.Namespace{Name: d.Name, DisplayName: d.DisplayName, Description: d.Description, Visibility: d.Visibility,
		Protected: d.Protected, Owner: d.Owner}
	if n.Visibility == "" {
		n.Visibility = glance.Public
	}
	if n.Owner == "" {
		n.Owner = fileOwner
	}
	return n
}

func (d document) contents() Contents {
	var c Contents
	for _, a := range d.Associations {
		c.Associations = append(c.Associations, glance.Association{ResourceType: a.Name, Prefix: a.Prefix, Target: a.Target})
	}
	for _, o := range d.Objects {
		c.Objects = append(c.Objects, glance.Object{Name: o.Name, Description: o.Description, Required: o.Required,
			Properties: o.Properties})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		p := d.Properties[name]
		p.Name = name
		c.Properties = append(c.Properties, p)
	}
	for _, t := range d.Tags {
		c.Tags = append(c.Tags, glance.Tag{Name: t.Name})
	}
	return c
}

// Mode selects how loading treats a namespace that exists.
type Mode int

const (
	Skip      Mode = iota // do not change it
	Merge                 // add missing contents
	PreferNew             // add missing contents and replace existing ones
	Overwrite             // replace it
)

// Outcome is the result of loading one file.
type Outcome struct {
	File, Namespace string
	Loaded          bool // false: the namespace existed and was not changed
}

// Files loads namespaces from files.
type Files struct{ *catalog }

// Load loads every .json file of a folder in one transaction. fault.Invalid names a file that cannot be read.
func (s *Files) Load(ctx context.Context, files fs.FS, mode Mode) ([]Outcome, error) {
	var out []Outcome
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) { out, err = s.loadAll(ctx, tx, files, mode); return err })
	return out, err
}

func (s *Files) loadAll(ctx context.Context, tx *db.Tx, files fs.FS, mode Mode) ([]Outcome, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	var out []Outcome
	for _, name := range names {
		d, err := read(files, name)
		if err != nil {
			return nil, err
		}
		loaded, err := s.load(ctx, tx, d, mode)
		if err != nil {
			return nil, fault.New(fault.KindOf(err), "%s: %s", name, fault.Message(err)).Because(err)
		}
		out = append(out, Outcome{path.Base(name), d.Name, loaded})
	}
	return out, nil
}

func read(files fs.FS, name string) (document, error) {
	var d document
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fault.Invalidf("%s is not a namespace of metadata definitions: %v", name, err)
	}
	if d.Name == "" {
		return d, fault.Invalidf("%s names no namespace", name)
	}
	return d, nil
}

func (s *Files) load(ctx context.Context, tx *db.Tx, d document, mode Mode) (bool, error) {
	old, err := store.Namespace(ctx, tx, d.Name)
	exists := err == nil
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	n := d.namespace()
	n.ID, n.Created = ids.UUID(), s.now()
	n.Updated = n.Created
	switch {
	case exists && mode == Skip:
		return false, nil
	case exists && mode == Overwrite:
		if err := store.DeleteNamespace(ctx, tx, old.ID); err != nil {
			return false, err
		}
		exists = false
	}
	c := d.contents()
	if exists {
		return true, s.merge(ctx, tx, old, n, c, mode)
	}
	if err := store.InsertNamespace(ctx, tx, n); err != nil {
		return false, err
	}
	for _, a := range c.Associations { // resource types from files are protected
		t := glance.ResourceType{Name: a.ResourceType, Protected: true, Created: n.Created, Updated: n.Created}
		if err := store.EnsureResourceType(ctx, tx, t); err != nil {
			return false, err
		}
	}
	return true, s.fill(ctx, tx, n, c)
}

// merge adds contents to the existing namespace old. In mode PreferNew the file's contents replace existing ones.
func (s *Files) merge(ctx context.Context, tx *db.Tx, old, n glance.Namespace, c Contents, mode Mode) error {
	if mode == PreferNew {
		n.ID, n.Created = old.ID, old.Created
		if err := store.UpdateNamespace(ctx, tx, n); err != nil {
			return err
		}
		if err := drop(ctx, tx, old.ID, c); err != nil {
			return err
		}
	}
	have, err := contentsOf(ctx, tx, old.ID)
	if err != nil {
		return err
	}
	return s.fill(ctx, tx, old, c.without(have))
}

// drop deletes the contents that will be inserted again.
func drop(ctx context.Context, tx *db.Tx, id string, c Contents) error {
	for _, o := range c.Objects {
		if _, err := store.DeleteObject(ctx, tx, id, o.Name); err != nil {
			return err
		}
	}
	for _, p := range c.Properties {
		if _, err := store.DeleteProperty(ctx, tx, id, p.Name); err != nil {
			return err
		}
	}
	for _, a := range c.Associations {
		if _, err := store.DeleteAssociation(ctx, tx, id, a.ResourceType); err != nil {
			return err
		}
	}
	return nil
}

func contentsOf(ctx context.Context, q db.Querier, id string) (c Contents, err error) {
	if c.Objects, err = store.Objects(ctx, q, id); err != nil {
		return c, err
	}
	if c.Properties, err = store.Properties(ctx, q, id); err != nil {
		return c, err
	}
	if c.Associations, err = store.Associations(ctx, q, id); err != nil {
		return c, err
	}
	c.Tags, err = store.Tags(ctx, q, id, db.ListArgs{Sort: []db.SortKey{{Column: "created_at", Desc: true}}})
	return c, err
}

func (c Contents) without(have Contents) Contents {
	c.Objects = less(c.Objects, have.Objects, func(o glance.Object) string { return o.Name })
	c.Properties = less(c.Properties, have.Properties, func(p glance.Property) string { return p.Name })
	c.Associations = less(c.Associations, have.Associations, func(a glance.Association) string { return a.ResourceType })
	c.Tags = less(c.Tags, have.Tags, func(t glance.Tag) string { return t.Name })
	return c
}

func less[T any](all, have []T, name func(T) string) []T {
	return slices.DeleteFunc(slices.Clone(all), func(x T) bool {
		return slices.ContainsFunc(have, func(y T) bool { return name(x) == name(y) })
	})
}

// Standard returns the files of the standard catalogue.
func Standard() fs.FS {
	sub, err := fs.Sub(catalogue, "catalogue")
	if err != nil {
		panic(fmt.Sprintf("metadefs: %v", err)) // the folder is embedded above
	}
	return sub
}

// Seed loads the standard catalogue and then an operator's own files (own, which may be nil) into an empty catalogue.
// It does nothing if anything was loaded before, so that namespaces that an administrator deleted stay deleted.
func (s *Files) Seed(ctx context.Context, own fs.FS) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		ts, err := store.ResourceTypes(ctx, tx)
		if err != nil || len(ts) > 0 {
			return err
		}
		if _, err := s.loadAll(ctx, tx, Standard(), Skip); err != nil || own == nil {
			return err
		}
		_, err = s.loadAll(ctx, tx, own, Overwrite)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil // another process does the same
	}
	return err
}
