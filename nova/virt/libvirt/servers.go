package libvirt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Servers is what lies in the instances folder, with the state that libvirt says. Other people's domains are not seen.
func (d *Driver) Servers(ctx context.Context) ([]virt.Info, error) {
	es, err := os.ReadDir(d.c.InstancesPath)
	if err != nil {
		return nil, err
	}
	found, err := d.meanings(ctx)
	if err != nil {
		return nil, err
	}
	var out []virt.Info
	for _, e := range es {
		if id := e.Name(); e.IsDir() && len(id) == 36 && ids.IsUUID(id) {
			out = append(out, d.info(id, found[id]))
		}
	}
	return out, nil
}

// meanings is what every domain that libvirt knows does, by UUID. A domain that libvirt has no time to look at has none.
func (d *Driver) meanings(ctx context.Context) (map[string]meaning, error) {
	var rs []wire.DomainStatsRecord
	err := d.conn.call(ctx, func(lv *wire.Libvirt) error {
		var err error
		rs, err = lv.ConnectGetAllDomainStats(nil, uint32(wire.DomainStatsState), uint32(wire.ConnectGetAllDomainsStatsNowait))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]meaning{}
	for _, r := range rs {
		var s status
		for _, p := range r.Params {
			switch n, _ := p.Value.I.(int32); p.Field {
			case wire.DomainStatsStateState:
				s.state = n
			case wire.DomainStatsStateReason:
				s.reason = n
			}
		}
		out[uuid(r.Dom.UUID)] = s.meaning()
	}
	return out, nil
}

// Info asks libvirt; a server without a domain is prepared where it has a folder.
func (d *Driver) Info(ctx context.Context, id string) (virt.Info, error) {
	i := virt.Info{ID: id, Name: virt.DomainName(id)}
	m, err := d.look(ctx, id)
	switch {
	case err == nil:
		return d.info(id, m), nil
	case !fault.Is(err, fault.NotFound):
		return virt.Info{}, err
	}
	if has, err := d.hasFolder(id); err != nil || !has {
		return virt.Info{}, errors.Join(err, unknown(id))
	}
	return i, nil
}

func (d *Driver) info(id string, m meaning) virt.Info {
	i := virt.Info{ID: id, Name: virt.DomainName(id), Power: m.power, Passing: m.phase == passing, Cause: m.cause, Why: m.why}
	if m.cause == nova.CauseDisk {
		if free, err := freeBytes(d.c.InstancesPath); err == nil {
			i.Why += fmt.Sprintf("; %d MiB of the host's disk are free", free>>20)
		}
	}
	return i
}

// FreeDisk is the room below the instances path.
func (d *Driver) FreeDisk(context.Context) (int64, error) { return freeBytes(d.c.InstancesPath) }

// LastWords is the end of QEMU's log, without the command line that it begins with.
func (d *Driver) LastWords(_ context.Context, id string, max int) (string, error) {
	if has, err := d.hasFolder(id); err != nil || !has {
		return "", errors.Join(err, unknown(id))
	}
	b, err := tail(filepath.Join(d.c.QEMULogDir, virt.DomainName(id)+".log"), int64(max))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var said []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimRight(line, "\n"); !strings.HasSuffix(line, " \\") {
			said = append(said, line)
		}
	}
	return strings.ToValidUTF8(strings.Join(said, "\n"), "?"), nil
}

// on does f with the domain of a server; fault.NotFound without one.
func (d *Driver) on(ctx context.Context, id string, f func(*wire.Libvirt, wire.Domain) error) error {
	return d.onWithin(ctx, id, d.c.CallTimeout, f)
}

// onWithin is on for calls that may take longer than others, such as those that write a guest's memory.
func (d *Driver) onWithin(ctx context.Context, id string, limit time.Duration, f func(*wire.Libvirt, wire.Domain) error) error {
	u, err := parseUUID(id)
	if err != nil {
		return unknown(id)
	}
	err = d.conn.callWithin(ctx, limit, func(lv *wire.Libvirt) error {
		dom, err := lv.DomainLookupByUUID(u)
		if err != nil {
			return err
		}
		return f(lv, dom)
	})
	if fault.Is(err, fault.NotFound) {
		return unknown(id)
	}
	return err
}

// ConsoleLog is the end of what the serial console wrote. The log daemon starts a new file now and then: the one before is read on to.
func (d *Driver) ConsoleLog(_ context.Context, id string, max int64) ([]byte, error) {
	if has, err := d.hasFolder(id); err != nil || !has {
		return nil, errors.Join(err, unknown(id))
	}
	var out []byte
	for _, name := range []string{consoleFile, consoleFile + ".0"} {
		b, err := tail(filepath.Join(d.folder(id), name), max-int64(len(out)))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		out = append(b, out...)
	}
	return out, nil
}

func tail(name string, n int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(io.NewSectionReader(f, max(0, i.Size()-n), n), n))
}

func parseUUID(id string) (wire.UUID, error) {
	var u wire.UUID
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, fault.Invalidf("%q is not a server id", id)
	}
	copy(u[:], b)
	return u, nil
}

func uuid(u wire.UUID) string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
