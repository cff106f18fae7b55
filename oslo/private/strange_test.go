package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hypernova/oslo/private"
)

const nobody = 65534

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of another user")
	}
}

// In a folder such as /tmp the package writes to no file that another user made.
func TestFilesOfOtherUsersAreRejected(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	shared := filepath.Join(t.TempDir(), "tmp")
	must(t, os.Mkdir(shared, 0o700))
	must(t, os.Chmod(shared, 0o777|fs.ModeSticky))
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, []byte("kept"), 0o644))
	link, file, own := filepath.Join(shared, "link"), filepath.Join(shared, "file"), filepath.Join(shared, "own")
	must(t, os.Symlink(victim, link))
	must(t, os.Lchown(link, nobody, nobody))
	must(t, os.WriteFile(file, nil, 0o666))
	must(t, os.Chown(file, nobody, nobody))
	must(t, os.Symlink(victim, own))
	for what, make := range map[string]func(name string) error{
		"log":   func(name string) error { return closed(private.Log(name)) },
		"file":  func(name string) error { return closed(private.File(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)) },
		"write": func(name string) error { return private.Write(name, []byte("lost")) },
	} {
		for _, name := range []string{link, file} {
			if err := make(name); !errors.Is(err, private.ErrStrange) {
				t.Errorf("%s of %s: %v", what, filepath.Base(name), err)
			}
		}
	}
	if err := private.Dir(link); !errors.Is(err, private.ErrStrange) {
		t.Errorf("folder: %v", err)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "kept" {
		t.Errorf("the file behind the link is %q, %v", text, err)
	}
	if i, err := os.Stat(victim); err != nil || i.Mode().Perm() != 0o644 {
		t.Errorf("the mode of the file behind the link is %v, %v", i.Mode(), err)
	}
	must(t, closed(private.Log(own))) // a link of the own user is an operator's choice
	must(t, private.Write(filepath.Join(shared, "new"), nil))
}

func TestOwned(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	empty, full, mixed := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "c")
	for _, dir := range []string{empty, full, mixed} {
		must(t, os.Mkdir(dir, 0o755))
	}
	must(t, os.Chown(empty, nobody, nobody))
	must(t, os.WriteFile(filepath.Join(full, "x"), nil, 0o600))
	must(t, os.Chown(full, nobody, nobody))
	must(t, os.Symlink("/etc/passwd", filepath.Join(mixed, "openrc")))
	must(t, private.Owned(mixed)) // root's own link
	must(t, os.Lchown(filepath.Join(mixed, "openrc"), nobody, nobody))
	must(t, private.Owned(empty))
	if uid := owner(t, empty); uid != 0 {
		t.Errorf("an empty folder still belongs to %d", uid)
	}
	for _, dir := range []string{full, mixed} {
		if err := private.Owned(dir); !errors.Is(err, private.ErrStrange) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if uid := owner(t, full); uid != nobody {
		t.Errorf("a folder that was refused belongs to %d now", uid)
	}
}

func closed(f *os.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	i, err := os.Stat(path)
	must(t, err)
	return i.Sys().(*syscall.Stat_t).Uid
}
