package services

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Whatever the umask, other users of the host can read no file of a cloud. Open files of an earlier release are closed
// at the next start.
func TestFilesAreClosedToOtherUsers(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), filepath.Join(t.TempDir(), "state")
	up := func() {
		t.Helper()
		p := start(t, exec.Command("sh", "-c", `umask 0; exec "$@"`, "sh", bin, "up", "--virt", "fake",
			"--port-base", "0", "--state", dir,
			"--set", "DEFAULT.log_file="+filepath.Join(dir, "hypernova.log")))
		p.says("hypernova: ready")
		closed(t, dir)
		p.signal(syscall.SIGTERM)
		p.ends(0)
		closed(t, dir)
	}
	up()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		if strings.HasSuffix(path, ".log") {
			return os.Chmod(path, 0o606)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	up()
}

func closed(t *testing.T, dir string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file
		}
		if err != nil {
			return err
		}
		i, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		seen++
		if i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open: %s", path, i.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 15 {
		t.Errorf("only %d files and folders; is this the state folder?", seen)
	}
}
