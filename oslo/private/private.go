// Package private creates files and directories with restrictive modes, whatever the umask. What it makes only the
// program's own user can read.
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

// Modes of what the program makes.
const (
	fileMode    fs.FileMode = 0o600
	dirMode     fs.FileMode = 0o700
	passageMode fs.FileMode = 0o711 // others pass through to what they know the name of, and see no names
)

// Dir makes a folder that only its owner enters, with the folders above that are missing. One that is there and more open is closed.
func Dir(path string) error { return folder(path, dirMode) }

// Passage makes a folder that other users pass through to files that are meant for them, such as a guest's disks for QEMU. Nobody but its
// owner sees what is in it, so what is in it needs modes of its own.
func Passage(path string) error { return folder(path, passageMode) }

// Missing makes a folder as Dir does where there is none; one that is there is left as it is, for its maker to close or open.
func Missing(path string) error {
	if i, err := os.Stat(path); err == nil && i.IsDir() {
		return nil
	}
	return folder(path, dirMode)
}

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

// tighten gives a file or folder its mode. What belongs to somebody else is that user's to open, and is left alone.
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

// File opens a file with os.OpenFile's flags; one that it makes, and one that is there, only its owner reads.
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

// Write writes a file that only its owner reads, as os.WriteFile does: one that is there is closed to others before the first byte.
func Write(name string, text []byte) error {
	f, err := File(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// Replace writes a file that only its owner reads, whole or not at all, and durably.
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

// Close takes files away from everybody but their owner. A file that is not there, or is none, is passed over.
func Close(names ...string) error {
	for _, name := range names {
		i, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !i.Mode().IsRegular() {
			continue
		}
		if err == nil && i.Mode().Perm()&^fileMode != 0 {
			err = tighten(name, i, i.Mode().Perm()&fileMode)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone meanwhile is closed
			return err
		}
	}
	return nil
}

// CloseAll is Close for the files of a folder whose names want has, not of the folders below.
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

// Log opens a log for appending. A new one only its owner reads. One that is there keeps the group that an operator lets read it.
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

// Socket listens at path, a name in a folder made by Dir.
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

// Reaches says which folder above path other users cannot pass through; empty where they can reach it.
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
