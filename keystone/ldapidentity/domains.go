package ldapidentity

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Options are a domain's own configuration: section, option, text.
type Options map[string]map[string]string

// Driver makes a directory of options without speaking to it; fault.Invalid for options that cannot be.
type Driver func(Options) (Source, error)

// Domains is Sources by the domains' own configuration: [identity] driver names who reads the domain's users; sql, or
// no word, is the database.
type Domains struct {
	db      *db.DB
	drivers map[string]Driver
	files   map[string]Options // by the domain's name; nil: options are in the database
	now     clock.Now

	mu   sync.Mutex
	kept map[string]kept
}

// kept is what a domain's options came to.
type kept struct {
	options string // the options, written so that equal ones are equal
	src     Source
	err     error
	at      time.Time
}

// reread is how long a process may go on with options that another one has changed.
const reread = time.Second

// FromDatabase takes options from where the API keeps them.
func FromDatabase(d *db.DB, drivers map[string]Driver, now clock.Now) *Domains {
	return &Domains{db: d, drivers: drivers, now: now, kept: map[string]kept{}}
}

// FromFiles takes options from keystone.NAME.conf in a folder, NAME being the domain's. fault.Invalid for files that
// cannot be read or that no driver understands: what is wrong is found at the start.
func FromFiles(folder string, drivers map[string]Driver, now clock.Now) (*Domains, error) {
	d := &Domains{drivers: drivers, files: map[string]Options{}, now: now, kept: map[string]kept{}}
	names, err := filepath.Glob(filepath.Join(folder, "keystone.*.conf"))
	if err != nil {
		return nil, fault.Invalidf("%s cannot be read", folder).Because(err)
	}
	for _, path := range names {
		o, err := readFile(path)
		if err != nil {
			return nil, fault.Invalidf("%s cannot be read", path).Because(err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "keystone."), ".conf")
		d.files[name] = o
		src, err := d.open(o)
		if err != nil {
			return nil, fault.Invalidf("%s: %s", path, fault.Message(err)).Because(err)
		}
		if src != nil {
			src.Close() // it was only to see whether it can be made
		}
	}
	return d, nil
}

// readFile reads "option = value" below "[section]".
func readFile(path string) (Options, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, section := Options{}, ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		default:
			name, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				return nil, fault.Invalidf("line %d is no option = value below a [section]", n)
			}
			if out[section] == nil {
				out[section] = map[string]string{}
			}
			out[section][strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return out, lines.Err()
}

func (d *Domains) open(o Options) (Source, error) {
	name := o["identity"]["driver"]
	if name == "" || name == "sql" {
		return nil, nil
	}
	driver, ok := d.drivers[name]
	if !ok {
		return nil, fault.Invalidf(
			"[identity] driver: %q is neither sql nor one of %s",
			name,
			strings.Join(slices.Sorted(maps.Keys(d.drivers)), ", "),
		)
	}
	return driver(o)
}

// Source is Sources.
func (d *Domains) Source(ctx context.Context, domain keystone.Project) (Source, error) {
	d.mu.Lock()
	have, ok := d.kept[domain.ID]
	d.mu.Unlock()
	if ok && d.now().Sub(have.at) < reread {
		return have.src, have.err
	}
	o, err := d.options(ctx, domain)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprint(o) // maps are printed in the order of their keys
	d.mu.Lock()
	defer d.mu.Unlock()
	have, ok = d.kept[domain.ID]
	if !ok || have.options != text {
		if have.src != nil {
			have.src.Close()
		}
		have = kept{options: text}
		if have.src, have.err = d.open(o); have.err != nil {
			have.err = fault.Unavailablef("The configuration of domain %s is not right.", domain.ID).Because(have.err)
		}
	}
	have.at = d.now()
	d.kept[domain.ID] = have
	return have.src, have.err
}

func (d *Domains) options(ctx context.Context, domain keystone.Project) (Options, error) {
	if d.files != nil {
		return d.files[domain.Name], nil
	}
	rows, err := store.DomainOptions(ctx, d.db, domain.ID)
	out := Options{}
	for _, r := range rows {
		if out[r.Section] == nil {
			out[r.Section] = map[string]string{}
		}
		out[r.Section][r.Name] = plain(r.Value)
	}
	return out, err
}

// plain is an option's JSON as it would stand in a file.
func plain(raw string) string {
	var v any
	if json.Unmarshal([]byte(raw), &v) != nil {
		return raw
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = fmt.Sprint(e)
		}
		return strings.Join(parts, ",")
	}
	return raw
}
