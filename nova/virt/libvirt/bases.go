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
)

// basesInUse counts, by the name of a cached image's file, the servers that stand on it: by what the disks themselves refer to, and by the
// record beside them. Folders of servers that are being made count too. Where neither can be read of a server it is an error, so that
// nobody takes what it stands on for unused.
func (d *Driver) basesInUse() (map[string]int, error) {
	used := map[string]int{}
	es, err := os.ReadDir(d.c.InstancesPath)
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		id, made := strings.CutSuffix(strings.TrimPrefix(e.Name(), "."), madeSuffix)
		if !e.IsDir() || len(id) != 36 || !made && strings.HasPrefix(e.Name(), ".") {
			continue
		}
		names, err := basesOf(filepath.Join(d.c.InstancesPath, e.Name()))
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

// errUnclear says that it cannot be told which image a server stands on.
var errUnclear = errors.New("neither its records nor its disk say which image it stands on")

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
			clear = false // a disk that is being made has no header yet, which its build's pin makes up for
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

// backingOf is what the header of a qcow2 disk names as the file that it stands on; ok: it has such a header.
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
	at, n := binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint32(h[16:])
	const most = 1023 // by the format
	if at == 0 || n == 0 || n > most || at > 1<<40 {
		return "", true, nil
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, int64(at)); err != nil {
		return "", false, nil // cut off, so it says nothing
	}
	return string(b), true, nil
}
