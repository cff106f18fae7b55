package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrStrange is the error for files and folders that belong to neither this process's user nor root. Their owner could
// redirect a write with a link, read the written data, or replace it.
var ErrStrange = errors.New("it belongs to another user")

func strange(path string, i fs.FileInfo) error {
	uid, ok := owner(i)
	if !ok || uid == 0 || uid == os.Geteuid() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w (uid %d)", ErrStrange, uid)}
}

// planted returns an error if another user made path in a folder where every user can make files, such as /tmp. The
// kernel has the same rule (fs.protected_symlinks, fs.protected_regular), which is not enabled on every host. link
// reports whether path is a symbolic link.
func planted(path string) (link bool, err error) {
	i, err := os.Lstat(path)
	if err != nil {
		return false, nil // opening the file returns the error
	}
	link = i.Mode()&fs.ModeSymlink != 0
	above, err := os.Stat(filepath.Dir(path))
	if err != nil || above.Mode()&fs.ModeSticky == 0 || above.Mode().Perm()&0o002 == 0 {
		return link, nil
	}
	mine, _ := owner(i)
	folders, ok := owner(above)
	if ok && mine == folders {
		return link, nil
	}
	return link, strange(path, i)
}

// openFile opens a file with the mode 0600. It follows a link only if another user cannot have made it.
func openFile(name string, flag int) (*os.File, error) {
	link, err := planted(name)
	if err != nil {
		return nil, err
	}
	if !link {
		flag |= syscall.O_NOFOLLOW // a link that appears now is another user's
	}
	return os.OpenFile(name, flag, fileMode)
}

// Owned checks that a folder and its contents belong to this process's user or to root, and returns ErrStrange if not.
// As root it takes over an empty folder of another user.
func Owned(dir string) error {
	i, err := os.Stat(dir)
	if err != nil {
		return err
	}
	foreign := strange(dir, i)
	if foreign != nil && os.Geteuid() != 0 {
		return foreign
	}
	was, _ := owner(i)
	if foreign != nil && os.Chown(dir, 0, -1) != nil {
		return foreign
	}
	entries, err := os.ReadDir(dir) // its former owner can add nothing any more
	if err != nil {
		return err
	}
	if foreign != nil && len(entries) > 0 {
		return errors.Join(foreign, os.Chown(dir, was, -1))
	}
	for _, e := range entries {
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := strange(filepath.Join(dir, e.Name()), i); err != nil {
			return err
		}
	}
	return nil
}
