package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/keystone"
	"hypernova/keystone/credential"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

func TestCredentialKeysAreRotatedWithoutLoss(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Defaults()
	if err := Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.state_path=" + dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCredentialKeys(t.Context(), c); !fault.Is(err, fault.NotFound) {
		t.Errorf("a database was made: %v", err)
	}
	if err := SyncDatabases(t.Context(), c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	// A service that runs all the while.
	p := newProcess(&c, Options{})
	defer p.Close(t.Context())
	running, err := p.keystone.operations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Bootstrap(t.Context(), Passwords{Admin: "a-password", Demo: "b-password",
		Service: "c-password"}); err != nil {
		t.Fatal(err)
	}
	users, err := running.users.Users.List(t.Context(), db.ListArgs{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	const many = 401 // more than are looked at together
	for range many {
		if _, err := running.credentials.Create(t.Context(), keystone.Credential{UserID: users[0].ID,
			Type: credential.TypeTOTP, Blob: "secret"}); err != nil {
			t.Fatal(err)
		}
	}
	k, err := OpenCredentialKeys(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(t.Context())
	first := files(t, c.Credentials.Repository)
	for range 3 { // after which no key of the beginning is there any more
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		again, err := OpenCredentialKeys(t.Context(), c) // as the next command is: another process
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Rotate(t.Context()); !fault.Is(err, fault.Conflict) ||
			!strings.Contains(err.Error(), "hypernova credential migrate") {
			t.Errorf("keys that are needed may be rotated away: %v", err)
		}
		if n, err := again.Migrate(t.Context()); n != many || err != nil {
			t.Errorf("%d were sealed anew, %v", n, err)
		}
		if n, err := again.Migrate(t.Context()); n != 0 || err != nil {
			t.Errorf("%d were sealed anew the second time, %v", n, err)
		}
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		k = again
	}
	if now := files(t, c.Credentials.Repository); now == first {
		t.Error("the keys are those of the beginning")
	}
	cs, err := k.k.credentials.Seeds(t.Context(), users[0].ID)
	if err != nil || len(cs) != many || cs[0] != "secret" {
		t.Errorf("got %d, %v", len(cs), err)
	}
}

// files is the content of all files of a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "[1-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

func TestLostCredentialKeysAreNotMadeUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Defaults()
	if err := Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.state_path=" + dir}); err != nil {
		t.Fatal(err)
	}
	if err := SyncDatabases(t.Context(), c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	seal := func(user string) string {
		p := newProcess(&c, Options{})
		defer p.Close(t.Context())
		k, err := p.keystone.operations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made, err := k.credentials.Create(t.Context(), keystone.Credential{UserID: user, Type: "cert", Blob: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	lost := seal("u")
	if err := os.RemoveAll(c.Credentials.Repository); err != nil {
		t.Fatal(err)
	}
	p := newProcess(&c, Options{})
	defer p.Close(t.Context())
	if _, err := p.keystone.operations(t.Context()); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "hypernova credential setup") {
		t.Errorf("keys are made beside what others have sealed: %v", err)
	}
	if ids, err := p.keystone.lostCredentials(t.Context()); err != nil || len(ids) != 1 || ids[0] != lost {
		t.Errorf("without keys these are lost: %v, %v", ids, err)
	}
	if _, err := os.Stat(c.Credentials.Repository); !os.IsNotExist(err) {
		t.Errorf("looking made the repository: %v", err)
	}
	if err := FirstCredentialKeys(c); err != nil {
		t.Fatal(err)
	}
	good := seal("u")
	k, err := p.keystone.operations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cs, err := k.credentials.Credentials(t.Context(), db.ListArgs{})
	if err != nil || len(cs) != 1 || cs[0].ID != good {
		t.Errorf("the list has %v, %v; want what can be opened", cs, err)
	}
	if ids, err := p.keystone.lostCredentials(t.Context()); err != nil || len(ids) != 1 || ids[0] != lost {
		t.Errorf("these are lost: %v, %v", ids, err)
	}
	if held, err := k.credentials.Held(t.Context(), lost); err != nil || held.UserID != "u" || held.Blob != "" {
		t.Errorf("whose it is cannot be told: %v, %v", held, err)
	}
	if err := k.credentials.Delete(t.Context(), lost); err != nil {
		t.Error(err)
	}
}

// Keys of tokens may be made anew, but not without a word: every token ends by that.
func TestLostTokenKeysAreToldOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Defaults()
	if err := Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.state_path=" + dir}); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		t.Helper()
		var text strings.Builder
		p := newProcess(&c, Options{Sync: true, Log: slog.New(slog.NewTextHandler(&text, nil))})
		defer p.Close(t.Context())
		k, err := p.keystone.operations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.users.Projects.Create(t.Context(), keystone.Project{ID: keystone.DefaultDomainID, Name: "Default",
			Enabled: true, IsDomain: true})
		if err != nil && !fault.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
		return text.String()
	}
	const want = "every token that was given out before is void"
	if text := said(); strings.Contains(text, want) {
		t.Errorf("the first start says %s", text)
	}
	if text := said(); strings.Contains(text, want) {
		t.Errorf("a start with the keys says %s", text)
	}
	if err := os.RemoveAll(c.FernetTokens.Repository); err != nil {
		t.Fatal(err)
	}
	if text := said(); !strings.Contains(text, want) || !strings.Contains(text, "level=WARN") {
		t.Errorf("a start without the keys says %q", text)
	}
}
