package libvirt

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Files of a server's folder.
const (
	rootFile    = "disk"
	configFile  = "disk.config"
	swapFile    = "disk.swap"
	disksFile   = "disks.json"
	consoleFile = "console.log"
)

// A name with a leading dot and one of these suffixes is being made or being removed. sweep removes such names.
const (
	madeSuffix = ".new"
	goneSuffix = ".gone"
)

// The folders of a rebuild have the same form of name, and stay until the rebuild ends.
const (
	nextSuffix   = ".next"
	beforeSuffix = ".before"
)

// folders is the instances path: a folder for each server of this host, named by the server's id. It has no other
// state.
type folders string

// path is the folder of a server, whether it exists or not.
func (f folders) path(id string) string { return filepath.Join(string(f), filepath.Base(id)) }

// unfinished is the name under which a server's folder is filled before it is renamed to path.
func (f folders) unfinished(id string) string { return filepath.Join(string(f), "."+id+madeSuffix) }

// next is the folder that a rebuild has filled, and before the one that it has put aside.
func (f folders) next(id string) string {
	return filepath.Join(string(f), "."+filepath.Base(id)+nextSuffix)
}
func (f folders) before(id string) string {
	return filepath.Join(string(f), "."+filepath.Base(id)+beforeSuffix)
}

// discard removes a folder. It renames it first, so that a crash leaves a whole folder or none.
func (f folders) discard(name string) error {
	gone := filepath.Join(string(f), "."+strings.TrimPrefix(filepath.Base(name), ".")+goneSuffix)
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(name, gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

// console is the file of a server's console log.
func (f folders) console(id string) string { return filepath.Join(f.path(id), consoleFile) }

// has reports whether a server has a folder, that is, whether it is prepared.
func (f folders) has(id string) (bool, error) {
	_, err := os.Stat(f.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// servers returns the ids of the servers that have a folder.
func (f folders) servers() ([]string, error) {
	es, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range es {
		if id := e.Name(); e.IsDir() && len(id) == 36 && ids.IsUUID(id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// remove removes a server's folder, after those of a rebuild: while the folder is there the server is listed and can be
// destroyed again.
func (f folders) remove(id string) error {
	for _, name := range []string{f.next(id), f.before(id), f.path(id)} {
		if err := f.discard(name); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes unfinished files and folders that an earlier process left in dir.
func sweep(dir string) error {
	es, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range es {
		n := e.Name()
		unfinished := strings.HasSuffix(n, madeSuffix) || strings.HasSuffix(n, goneSuffix)
		if strings.HasPrefix(n, ".") && unfinished {
			if err := os.RemoveAll(filepath.Join(dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// disks reads the list of disks that Prepare wrote; fault.NotFound if the server is not prepared.
func (f folders) disks(id string) ([]domain.Disk, error) { return f.disksIn(id, disksFile) }

// disksIn reads a list of disks of a server.
func (f folders) disksIn(id, name string) ([]domain.Disk, error) {
	b, err := os.ReadFile(filepath.Join(f.path(id), name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, unknown(id)
	}
	if err != nil {
		return nil, err
	}
	var ds []domain.Disk
	if err := json.Unmarshal(b, &ds); err != nil {
		return nil, fault.New(fault.Internal, "the list of disks of server %s is damaged", id).Because(err)
	}
	for i := range ds {
		ds[i].Path = filepath.Join(f.path(id), filepath.Base(ds[i].Path))
	}
	return ds, nil
}

// basesInUse returns how many servers use each file of the image cache, by the file's name. It reads the backing file
// in the header of each disk and the recorded list of disks, also of folders that are being made. It fails if a server
// has neither, so that the image of that server is not taken for unused.
func (f folders) basesInUse() (map[string]int, error) {
	used := map[string]int{}
	es, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		id, ok := serverOf(e.Name())
		if !e.IsDir() || !ok {
			continue
		}
		names, err := basesOf(filepath.Join(string(f), e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the folder has gone meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("server %s: %w", id, err)
		}
		for n := range names {
			used[n]++
		}
	}
	return used, nil
}

// serverOf returns the server whose disks are in a folder of that name: its own, one that is being made, or one of a
// rebuild.
func serverOf(name string) (id string, ok bool) {
	id, hidden := strings.CutPrefix(name, ".")
	if hidden {
		for _, suffix := range []string{madeSuffix, nextSuffix, beforeSuffix} {
			if cut, has := strings.CutSuffix(id, suffix); has {
				return cut, len(cut) == 36
			}
		}
	}
	return id, !hidden && len(id) == 36
}

// errUnclear means that the image which a server's disk is based on is not known. An operator may see the text.
var errUnclear = errors.New("neither its records nor its disk say which image it stands on")

// basesOf returns the names of the cached images that the disks in a folder are based on.
func basesOf(dir string) (map[string]bool, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names, clear := map[string]bool{}, true
	for _, e := range es {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), rootFile) || e.Name() == disksFile {
			continue
		}
		backing, ok, err := backingOf(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if backing != "" {
			names[filepath.Base(backing)] = true
		}
		if e.Name() == rootFile && !ok {
			clear = false // a disk that is being made has no header yet; the build's pin protects its image
		}
	}
	var disks []domain.Disk
	b, err := os.ReadFile(filepath.Join(dir, disksFile))
	if err == nil {
		err = json.Unmarshal(b, &disks)
	}
	for _, k := range disks {
		if k.Base != "" {
			names[filepath.Base(k.Base)] = true
		}
	}
	if err != nil && !clear && !strings.HasPrefix(filepath.Base(dir), ".") {
		return nil, errUnclear
	}
	return names, nil
}

// backingOf returns the backing file that the header of a qcow2 disk names. ok is false for a file without a qcow2
// header.
func backingOf(name string) (backing string, ok bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	var h [20]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return "", false, nil
		}
		return "", false, err
	}
	if string(h[:4]) != "QFI\xfb" {
		return "", false, nil
	}
	offset, n := binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint32(h[16:])
	const longest = 1023 // by the format
	if offset == 0 || n == 0 || n > longest || offset > 1<<40 {
		return "", true, nil
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, int64(offset)); err != nil {
		return "", false, nil // cut off
	}
	return string(b), true, nil
}
