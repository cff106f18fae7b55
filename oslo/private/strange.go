package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrStrange is in errors about files and folders of a user who is neither this process's nor root. Whoever owns them can
// lead a write elsewhere by a link, read what is written, and put something else in its place.
var ErrStrange = errors.New("it belongs to another user")

func strange(path string, i fs.FileInfo) error {
	uid, ok := owner(i)
	if !ok || uid == 0 || uid == os.Geteuid() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w (uid %d)", ErrStrange, uid)}
}

// planted refuses what another user has put into a folder where anybody may make files, such as /tmp, before this program
// made it. It is the kernel's own rule (fs.protected_symlinks, fs.protected_regular), which not every host has on.
func planted(path string) (link bool, err error) {
	i, err := os.Lstat(path)
	if err != nil {
		return false, nil // whoever opens it says what is wrong
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

// openFile opens what only its owner reads. A link is followed only where nobody else can have put it there.
func openFile(name string, flag int) (*os.File, error) {
	link, err := planted(name)
	if err != nil {
		return nil, err
	}
	if !link {
		flag |= syscall.O_NOFOLLOW // one that comes meanwhile is another user's
	}
	return os.OpenFile(name, flag, fileMode)
}

// Owned makes sure that a folder and what lies in it belong to this process's user or to root; anything else is
// ErrStrange. Root takes over a folder of somebody else that is empty.
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
	entries, err := os.ReadDir(dir) // the owner that was cannot add to it any more
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
