package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hypernova/oslo/private"
)

// folder keeps one file per server; the empty folder keeps nothing. There is no fsync: it outlives the process, not the
// machine, as the domains of a real hypervisor do.
type folder string

func (f folder) load() (map[string]*record, error) {
	out := map[string]*record{}
	if f == "" {
		return out, nil
	}
	if err := private.Dir(string(f)); err != nil {
		return nil, fmt.Errorf("fake hypervisor's folder: %w", err)
	}
	es, err := os.ReadDir(string(f))
	if err != nil {
		return nil, fmt.Errorf("fake hypervisor's folder: %w", err)
	}
	for _, e := range es {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(string(f), e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the service has removed the server meanwhile
		}
		if err != nil {
			return nil, err
		}
		r := &record{}
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		out[r.ID] = r
	}
	return out, nil
}

// save writes a record, or removes it where r is nil.
func (f folder) save(id string, r *record) error {
	if f == "" {
		return nil
	}
	name := filepath.Join(string(f), filepath.Base(id)+".json")
	if r == nil {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := private.Write(name+".new", b); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
