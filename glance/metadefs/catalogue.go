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

// The standard namespaces. Names, types and ranges are OpenStack's. What is only for VMware, XenServer and the CIM model is left out:
// no host of this cloud reads it, and an operator who wants it loads it as files.
//
//go:embed catalogue/*.json
var catalogue embed.FS

// document is a namespace as a file, in the form of Glance.
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

// seeder owns what comes as files and names no owner.
const seeder = "admin"

func (d document) noun() glance.Namespace {
	n := glance.Namespace{Name: d.Name, DisplayName: d.DisplayName, Description: d.Description, Visibility: d.Visibility, Protected: d.Protected, Owner: d.Owner}
	if n.Visibility == "" {
		n.Visibility = glance.Public
	}
	if n.Owner == "" {
		n.Owner = seeder
	}
	return n
}

func (d document) contents() Contents {
	var c Contents
	for _, a := range d.Associations {
		c.Associations = append(c.Associations, glance.Association{ResourceType: a.Name, Prefix: a.Prefix, Target: a.Target})
	}
	for _, o := range d.Objects {
		c.Objects = append(c.Objects, glance.Object{Name: o.Name, Description: o.Description, Required: o.Required, Properties: o.Properties})
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

// Mode is what loading does with a namespace that is there.
type Mode int

const (
	Skip      Mode = iota // leave it as it is
	Merge                 // add what it lacks
	PreferNew             // add what it lacks, and replace what it has by what is loaded
	Overwrite             // replace it whole
)

// Outcome is what became of one file.
type Outcome struct {
	File, Namespace string
	Loaded          bool // else it was there and left as it is
}

// Load reads every .json file of a folder, all or nothing. fault.Invalid names the file that cannot be read.
func (s *Service) Load(ctx context.Context, files fs.FS, mode Mode) ([]Outcome, error) {
	var out []Outcome
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) { out, err = s.loadAll(ctx, tx, files, mode); return err })
	return out, err
}

func (s *Service) loadAll(ctx context.Context, tx *db.Tx, files fs.FS, mode Mode) ([]Outcome, error) {
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

func (s *Service) load(ctx context.Context, tx *db.Tx, d document, mode Mode) (bool, error) {
	old, err := store.Namespace(ctx, tx, d.Name)
	there := err == nil
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	n := d.noun()
	n.ID, n.Created = ids.UUID(), s.now()
	n.Updated = n.Created
	switch {
	case there && mode == Skip:
		return false, nil
	case there && mode == Overwrite:
		if err := store.DeleteNamespace(ctx, tx, old.ID); err != nil {
			return false, err
		}
		there = false
	}
	c := d.contents()
	if there {
		return true, s.merge(ctx, tx, old, n, c, mode)
	}
	if err := store.InsertNamespace(ctx, tx, n); err != nil {
		return false, err
	}
	for _, a := range c.Associations { // what comes as files is the system's own
		if err := store.EnsureResourceType(ctx, tx, glance.ResourceType{Name: a.ResourceType, Protected: true, Created: n.Created, Updated: n.Created}); err != nil {
			return false, err
		}
	}
	return true, s.fill(ctx, tx, n, c)
}

// merge adds to old what only the file has; what both have is the file's where that is preferred.
func (s *Service) merge(ctx context.Context, tx *db.Tx, old, n glance.Namespace, c Contents, mode Mode) error {
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

// drop removes what will be written anew.
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

// Standard is the catalogue that comes with the program.
func Standard() fs.FS {
	sub, err := fs.Sub(catalogue, "catalogue")
	if err != nil {
		panic(fmt.Sprintf("metadefs: %v", err)) // the folder is embedded above
	}
	return sub
}

// Seed loads the standard catalogue, and an operator's own files over it where there are some, if nothing was ever loaded: what an
// administrator removed later stays away. own may be nil.
func (s *Service) Seed(ctx context.Context, own fs.FS) error {
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
