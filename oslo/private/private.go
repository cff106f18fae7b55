// Package private creates files and folders that only the program's user can read, whatever the umask.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Modes of files and folders.
const (
	fileMode    fs.FileMode = 0o600
	dirMode     fs.FileMode = 0o700
	passageMode fs.FileMode = 0o711 // others can pass through to a known name, and cannot list it
)

// Dir makes a folder that only its owner can enter (0700), with its missing parents. It restricts the mode of an
// existing folder.
func Dir(path string) error { return folder(path, dirMode) }

// Passage makes a folder that other users can pass through and not list (0711), for example for QEMU's user to reach a
// guest's disks. Its contents need restrictive modes of their own.
func Passage(path string) error { return folder(path, passageMode) }

// Missing makes a folder as Dir does, unless it exists. It does not change an existing folder.
func Missing(path string) error {
	if i, err := os.Stat(path); err == nil && i.IsDir() {
		return nil
	}
	return folder(path, dirMode)
}

// folder makes a folder with a mode, and its missing parents.
func folder(path string, mode fs.FileMode) error {
	if _, err := planted(path); err != nil {
		return err
	}
	i, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if above := filepath.Dir(path); above != path {
			if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) {
				if err := folder(above, mode); err != nil {
					return err
				}
			}
		}
		if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if i, err = os.Stat(path); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if !i.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("it is there and is no folder")}
	}
	return tighten(path, i, mode)
}

// tighten sets the mode of a file or folder. It does not change one of another user.
func tighten(path string, i fs.FileInfo, mode fs.FileMode) error {
	if i.Mode().Perm() == mode {
		return nil
	}
	err := os.Chmod(path, mode)
	if errors.Is(err, fs.ErrPermission) && !mine(i) {
		return nil
	}
	return err
}

// File opens a file with the flags of os.OpenFile. It gives a new and an existing file the mode 0600.
func File(name string, flag int) (*os.File, error) {
	f, err := openFile(name, flag)
	if err != nil {
		return nil, err
	}
	if err := Close(name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Write writes a file as os.WriteFile does, with the mode 0600. It restricts the mode of an existing file before it
// writes.
func Write(name string, text []byte) error {
	f, err := File(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// Replace writes a file with the mode 0600, atomically and durably: by a temporary file, a sync and a rename.
func Replace(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Close gives existing files the mode 0600. It skips missing files and names of other kinds.
func Close(names ...string) error {
	for _, name := range names {
		i, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !i.Mode().IsRegular() {
			continue
		}
		if err == nil && i.Mode().Perm()&^fileMode != 0 {
			err = tighten(name, i, i.Mode().Perm()&fileMode)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed in the meantime
			return err
		}
	}
	return nil
}

// CloseAll calls Close for the files of a folder for whose names want is true. It does not descend into folders.
func CloseAll(dir string, want func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && want(e.Name()) {
			if err := Close(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Log opens a log file to append. A new file has the mode 0600. An existing one keeps the read permission of its group,
// which an operator may have given, and loses those of others.
func Log(name string) (*os.File, error) {
	f, err := openFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	i, err := f.Stat()
	if err == nil && i.Mode().IsRegular() && i.Mode().Perm()&0o027 != 0 {
		err = tighten(name, i, i.Mode().Perm()&^0o027)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Socket listens on a Unix socket. Its folder must be made by Dir.
func Socket(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, fileMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Reaches returns the folder on the way to path that other users cannot pass through, or an empty string if they can
// reach it.
func Reaches(path string) (closed string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	parts := strings.Split(strings.TrimPrefix(filepath.Clean(abs), "/"), "/")
	for i := range parts {
		dir := "/" + filepath.Join(parts[:i+1]...)
		at, err := os.Stat(dir)
		if err != nil {
			return "", fmt.Errorf("the way to %s: %w", path, err)
		}
		if at.IsDir() && at.Mode().Perm()&0o001 == 0 {
			return dir, nil
		}
	}
	return "", nil
}
