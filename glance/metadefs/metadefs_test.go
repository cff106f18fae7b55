package metadefs_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	"hypernova/glance/metadefs"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

func service(t *testing.T) *metadefs.Service {
	t.Helper()
	return metadefs.New(dbtest.Memory(t, dbtest.Migrations{Name: "glance", FS: store.Migrations()}), nil)
}

func as(t *testing.T, project string, roles ...string) context.Context {
	return auth.With(t.Context(), &auth.Caller{ProjectID: project, Roles: roles})
}

// TestStandardCatalogue loads what comes with the program and looks at every definition.
func TestStandardCatalogue(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, standardCatalogue, dbtest.Migrations{Name: "glance", FS: store.Migrations()})
}

func standardCatalogue(t *testing.T, d *db.DB) {
	s, ctx := metadefs.New(d, nil), as(t, "p", "admin")
	if err := s.Files.Seed(ctx, nil); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(metadefs.Standard(), "*.json")
	if err != nil {
		t.Fatal(err)
	}
	ns, err := s.Namespaces.List(ctx, metadefs.Query{})
	if err != nil || len(ns) != len(files) || len(ns) < 20 {
		t.Fatalf("%d namespaces of %d files, %v", len(ns), len(files), err)
	}
	check := func(in string, p glance.Property) {
		if p.Title == "" || p.Description == "" || p.Name == "" && in == "" {
			t.Errorf("%s: %+v lacks words", in, p)
		}
		switch p.Type {
		case "string", "integer", "number", "boolean", "array":
		default:
			t.Errorf("%s: %s has the type %q", in, p.Name, p.Type)
		}
	}
	for _, n := range ns {
		if !n.Protected || n.Visibility != glance.Public || n.Description == "" || len([]rune(n.Description)) > 500 ||
			n.Owner != "admin" {
			t.Errorf("%+v", n)
		}
		c, err := s.Namespaces.Contents(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Properties)+len(c.Objects) == 0 {
			t.Errorf("%s is empty", n.Name)
		}
		for _, p := range c.Properties {
			check(n.Name, p)
		}
		for _, o := range c.Objects {
			for _, p := range o.Properties {
				check(n.Name+" "+o.Name, p)
			}
		}
	}
	if err := s.Files.Seed(ctx, nil); err != nil {
		t.Errorf("again: %v", err)
	}
	for _, name := range []string{"OS::Compute::VirtCPUTopology", "OS::Compute::LibvirtImage", "OS::Compute::Watchdog",
		"OS::Glance::Signatures", "OS::OperatingSystem"} {
		if _, err := s.Namespaces.Get(as(t, "other", "reader"), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatWasRemovedStaysAway(t *testing.T) {
	t.Parallel()
	s, ctx := service(t), as(t, "p", "admin")
	if err := s.Files.Seed(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Namespaces.Delete(ctx, "OS::Compute::Watchdog"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a protected namespace: %v", err)
	}
	if _, err := s.Namespaces.Update(ctx, "OS::Compute::Watchdog",
		glance.Namespace{Name: "OS::Compute::Watchdog"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Namespaces.Delete(ctx, "OS::Compute::Watchdog"); err != nil {
		t.Fatal(err)
	}
	if err := s.Files.Seed(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Namespaces.Get(ctx, "OS::Compute::Watchdog"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after another start: %v", err)
	}
}

const file = `{"namespace": "X", "display_name": "DN", "properties": {"a": {"title": "new a", "type": "string"}, "b": {"title": "b", "type": "integer"}},
	"objects": [{"name": "o", "description": "new o", "properties": {}}], "tags": [{"name": "t"}, {"name": "u"}],
	"resource_type_associations": [{"name": "R", "prefix": "new_"}]}`

// TestLoading loads one file over a namespace that is there, in each mode.
func TestLoading(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		mode metadefs.Mode
		want string
	}{
		{"skip", metadefs.Skip, "mine| a=old a old=old|o=old o|t|R=old_"},
		{"merge", metadefs.Merge, "mine| a=old a b=b old=old|o=old o|t u|R=old_"},
		{"prefer new", metadefs.PreferNew, "DN| a=new a b=b old=old|o=new o|t u|R=new_"},
		{"overwrite", metadefs.Overwrite, "DN| a=new a b=b|o=new o|t u|R=new_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, ctx := service(t), as(t, "p", "admin")
			_, err := s.Namespaces.Create(ctx, glance.Namespace{Name: "X", DisplayName: "mine", Protected: true},
				metadefs.Contents{
					Properties: []glance.Property{{Name: "a", Title: "old a", Type: "string"},
						{Name: "old", Title: "old", Type: "string"}},
					Objects:      []glance.Object{{Name: "o", Description: "old o"}},
					Tags:         []glance.Tag{{Name: "t"}},
					Associations: []glance.Association{{ResourceType: "R", Prefix: "old_"}}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.Files.Load(ctx, fstest.MapFS{"x.json": {Data: []byte(file)}}, c.mode)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]metadefs.Outcome{{File: "x.json", Namespace: "X", Loaded: c.mode != metadefs.Skip}},
				out); diff != "" {
				t.Error(diff)
			}
			n, err := s.Namespaces.Get(ctx, "X")
			if err != nil {
				t.Fatal(err)
			}
			has, err := s.Namespaces.Contents(ctx, n)
			if err != nil {
				t.Fatal(err)
			}
			got := n.DisplayName + "|"
			for _, p := range has.Properties {
				got += " " + p.Name + "=" + p.Title
			}
			got += "|" + has.Objects[0].Name + "=" + has.Objects[0].Description + "|"
			tags := map[string]bool{}
			for _, x := range has.Tags {
				tags[x.Name] = true
			}
			for _, x := range []string{"t", "u"} {
				if tags[x] {
					got += x + " "
				}
			}
			got = strings.TrimSuffix(got, " ") + "|" + has.Associations[0].ResourceType + "=" + has.Associations[0].Prefix
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAFileThatCannotBeReadLoadsNothing(t *testing.T) {
	t.Parallel()
	s, ctx := service(t), as(t, "p", "admin")
	_, err := s.Files.Load(ctx, fstest.MapFS{"a.json": {Data: []byte(file)}, "b.json": {Data: []byte(`{"namespace": 1}`)}},
		metadefs.Skip)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "b.json") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Namespaces.Get(ctx, "X"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of the good file: %v", err)
	}
}
