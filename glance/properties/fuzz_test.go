package properties_test

import (
	"os"
	"path/filepath"
	"testing"

	"hypernova/glance/properties"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// FuzzLoad: a file is refused or it protects; nobody gets at more by having no role.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{byRole, "[.*]\ncreate=@\nread=@\nupdate=!\ndelete=a,b\n", "[(]\ncreate=@",
		"[a]\ncreate=@,!", "[a", "[a]\ncreate", "create=@", "[%(x)s]\ncreate=%(y)s\nread=@\nupdate=@\ndelete=@", "\xff",
		"[a]\ncreate=`x`", "[DEFAULT]\ncreate=@",
		"[a]\ncreate=\"\"\"x\nread=", "[(a+)+$]\ncreate=@\nread=@\nupdate=@\ndelete=@\n"} {
		f.Add([]byte(text), "x_billing_code", "admin")
		f.Add([]byte(text), "a", "")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, name, role string) {
		file, err := os.CreateTemp(dir, "rules")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file.Name())
		if _, err := file.Write(text); err != nil {
			t.Fatal(err)
		}
		file.Close()
		r, err := properties.Load(filepath.Clean(file.Name()), nil)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		for _, a := range []properties.Action{properties.Create, properties.Read, properties.Update, properties.Delete} {
			if r.Allowed(name, a, nil) && !r.Allowed(name, a, &auth.Caller{Roles: []string{role}}) {
				t.Errorf("%s of %q is for those without the role %q only", a, name, role)
			}
			if _, shown := r.Visible(map[string]string{name: "v"}, nil)[name]; shown != r.Allowed(name, properties.Read, nil) {
				t.Errorf("%q is shown to nobody: %t", name, shown)
			}
		}
	})
}
