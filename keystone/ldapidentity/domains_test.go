package ldapidentity

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// told is a directory that only knows how it was made, and whether it was closed.
type told struct {
	Source
	options Options
	closed  bool
}

func (t *told) Close() { t.closed = true }

func drivers() map[string]Driver {
	return map[string]Driver{"ldap": func(o Options) (Source, error) {
		if o["ldap"]["url"] == "" {
			return nil, fault.Invalidf("no url")
		}
		return &told{options: o}, nil
	}}
}

func TestFilesConfigureDomainsByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("keystone.people.conf", "# a comment\n[identity]\ndriver = ldap\n[ldap]\nurl = ldap://x=y\n")
	write("keystone.plain.conf", "[identity]\ndriver = sql\n")
	write("other.conf", "nonsense")
	d, err := FromFiles(dir, drivers(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	src, err := d.Source(t.Context(), keystone.Project{ID: "p", Name: "people"})
	if got, ok := src.(*told); !ok || got.options["ldap"]["url"] != "ldap://x=y" || err != nil {
		t.Errorf("got %+v, %v", src, err)
	}
	for _, name := range []string{"plain", "unknown"} {
		if src, err := d.Source(t.Context(), keystone.Project{ID: name, Name: name}); src != nil || err != nil {
			t.Errorf("%s: got %+v, %v", name, src, err)
		}
	}
	for name, text := range map[string]string{
		"no driver's options": "[identity]\ndriver = ldap\n",
		"no driver":           "[identity]\ndriver = nis\n",
		"no option":           "[identity]\ndriver\n",
	} {
		write("keystone.bad.conf", text)
		if _, err := FromFiles(dir, drivers(), time.Now); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptionsInTheDatabaseHoldWithinASecond(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
	now := time.Now()
	people := keystone.Project{ID: "p", Name: "people", IsDomain: true, Enabled: true}
	set := func(section, name, value string) {
		t.Helper()
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			return store.PutDomainOption(
				t.Context(),
				tx,
				store.DomainOption{Domain: "p", Section: section, Name: name, Value: value},
			)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	insert := func(tx *db.Tx) error { return store.InsertProject(t.Context(), tx, people) }
	if err := d.Tx(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	ds := FromDatabase(d, drivers(), func() time.Time { return now })
	source := func(ctx context.Context) (*told, error) {
		src, err := ds.Source(ctx, people)
		got, _ := src.(*told)
		return got, err
	}
	if src, err := source(t.Context()); src != nil || err != nil {
		t.Errorf("without options: %+v, %v", src, err)
	}
	set("identity", "driver", `"ldap"`)
	now = now.Add(reread)
	if _, err := source(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("half configured: %v", err)
	}
	set("ldap", "url", `"ldap://a"`)
	set("ldap", "page_size", `100`)
	set("ldap", "user_attribute_ignore", `["email","enabled"]`)
	now = now.Add(reread)
	first, err := source(t.Context())
	if err != nil || first.options["ldap"]["page_size"] != "100" ||
		first.options["ldap"]["user_attribute_ignore"] != "email,enabled" {
		t.Fatalf("got %+v, %v", first, err)
	}
	now = now.Add(reread)
	if again, err := source(t.Context()); again != first || err != nil {
		t.Errorf("unchanged options made another directory: %v", err)
	}
	set("ldap", "url", `"ldap://b"`)
	now = now.Add(reread)
	if second, err := source(t.Context()); err != nil || second == first || !first.closed ||
		second.options["ldap"]["url"] != "ldap://b" {
		t.Errorf("got %+v, %v; the first is closed: %v", second, err, first.closed)
	}
}
