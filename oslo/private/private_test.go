package private_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hypernova/oslo/private"
)

func TestModes(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	old := func(name string, mode fs.FileMode) string { // with the mode that an earlier release gave it
		must(t, os.WriteFile(at(name), nil, mode))
		must(t, os.Chmod(at(name), mode))
		return at(name)
	}
	oldDir := func(name string, mode fs.FileMode) string {
		must(t, os.Mkdir(at(name), mode))
		must(t, os.Chmod(at(name), mode))
		return at(name)
	}
	open := func(f *os.File, err error) error {
		if err != nil {
			return err
		}
		return f.Close()
	}
	for _, c := range []struct {
		name string
		make func() error
		path string
		want fs.FileMode
	}{
		{"new folder", func() error { return private.Dir(at("a/b")) }, "a/b", 0o700},
		{"folder above it", func() error { return nil }, "a", 0o700},
		{"open folder", func() error { return private.Dir(oldDir("c", 0o777)) }, "c", 0o700},
		{"passage", func() error { return private.Passage(at("d/e")) }, "d/e", 0o711},
		{"passage above it", func() error { return nil }, "d", 0o711},
		{"closed passage", func() error { return private.Passage(oldDir("f", 0o700)) }, "f", 0o711},
		{"listed passage", func() error { return private.Passage(oldDir("g", 0o755)) }, "g", 0o711},
		{"missing folder", func() error { return private.Missing(at("h")) }, "h", 0o700},
		{"folder that is there", func() error { return private.Missing(oldDir("i", 0o711)) }, "i", 0o711},
		{"new file", func() error { return open(private.File(at("j"), os.O_CREATE|os.O_WRONLY)) }, "j", 0o600},
		{"open file", func() error { return open(private.File(old("k", 0o666), os.O_RDWR)) }, "k", 0o600},
		{"written", func() error { return private.Write(old("l", 0o644), []byte("x")) }, "l", 0o600},
		{"replaced", func() error { return private.Replace(old("m", 0o644), []byte("x")) }, "m", 0o600},
		{"closed", func() error { return private.Close(old("n", 0o664), at("nowhere"), top) }, "n", 0o600},
		{"read-only stays so", func() error { return private.Close(old("o", 0o444)) }, "o", 0o400},
		{"new log", func() error { return open(private.Log(at("p"))) }, "p", 0o600},
		{"log of a group", func() error { return open(private.Log(old("q", 0o640))) }, "q", 0o640},
		{"open log", func() error { return open(private.Log(old("r", 0o666))) }, "r", 0o640},
		{"one of several", func() error {
			old("s", 0o644)
			return private.CloseAll(top, func(name string) bool { return name == "s" })
		}, "s", 0o600},
	} {
		must(t, c.make())
		i, err := os.Stat(at(c.path))
		must(t, err)
		if i.Mode().Perm() != c.want {
			t.Errorf("%s: got %o, want %o", c.name, i.Mode().Perm(), c.want)
		}
	}
}

func TestSocketIsPrivate(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "s") // short: the path of a socket has at most 107 bytes
	must(t, err)
	defer os.RemoveAll(dir)
	l, err := private.Socket(filepath.Join(dir, "s"))
	must(t, err)
	defer l.Close()
	i, err := os.Stat(filepath.Join(dir, "s"))
	must(t, err)
	if i.Mode().Perm() != 0o600 {
		t.Errorf("got %o", i.Mode().Perm())
	}
}

func TestReaches(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a")
	must(t, private.Dir(dir))
	must(t, private.Passage(filepath.Join(dir, "b")))
	closed, err := private.Reaches(filepath.Join(dir, "b"))
	must(t, err)
	if closed == "" {
		t.Error("a closed folder above is not seen")
	}
	if closed, err = private.Reaches("/"); err != nil || closed != "" {
		t.Errorf("/: %q, %v", closed, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
