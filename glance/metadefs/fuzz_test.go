package metadefs_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"hypernova/glance/metadefs"
	"hypernova/glance/store"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// FuzzLoad: a file is refused or loaded, whatever is done with what is there; loaded again it is left as it is.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(file), uint8(0))
	f.Add([]byte(strings.Replace(file, `"X"`, `"X\u0000"`, 1)), uint8(1))
	f.Add([]byte(`{"namespace":"a","visibility":"x","objects":[{},{}],"tags":[{"name":""},{"name":""}],"resource_type_associations":[{}]}`), uint8(3))
	f.Add([]byte(`{"namespace":"a","properties":{"":{"type":"x"}},"objects":[{"name":"o","required":["r"],"properties":{"p":null}}]}`), uint8(2))
	f.Add([]byte(`null`), uint8(0))
	names, err := fs.Glob(metadefs.Standard(), "*.json")
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range names[:5] {
		b, err := fs.ReadFile(metadefs.Standard(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(i))
	}
	s := metadefs.New(dbtest.Memory(f, dbtest.Migrations{Name: "glance", FS: store.Migrations()}), nil)
	f.Fuzz(func(t *testing.T, text []byte, mode uint8) {
		ctx := as(t, "p", "admin")
		files := fstest.MapFS{"a.json": {Data: text}}
		out, err := s.Files.Load(ctx, files, metadefs.Mode(mode%4))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Conflict {
				t.Errorf("%v (%s) is no refusal", err, k)
			}
			return
		}
		n, err := s.Namespaces.Get(ctx, out[0].Namespace)
		if err != nil || n.Name != out[0].Namespace {
			t.Errorf("loaded %q: got %+v, %v", out[0].Namespace, n, err)
		}
		if out, err := s.Files.Load(ctx, files, metadefs.Skip); err != nil || out[0].Loaded {
			t.Errorf("again: %+v, %v", out, err)
		}
	})
}
