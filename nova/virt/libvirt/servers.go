package libvirt

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

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
	power, err := d.powerStates(ctx)
	if err != nil {
		return nil, err
	}
	var out []virt.Info
	for _, e := range es {
		if id := e.Name(); e.IsDir() && len(id) == 36 && ids.IsUUID(id) {
			out = append(out, virt.Info{ID: id, Name: virt.DomainName(id), Power: power[id]})
		}
	}
	return out, nil
}

// powerStates is the state of every domain that libvirt knows, by UUID.
func (d *Driver) powerStates(ctx context.Context) (map[string]nova.PowerState, error) {
	var rs []wire.DomainStatsRecord
	err := d.conn.call(ctx, func(lv *wire.Libvirt) error {
		var err error
		rs, err = lv.ConnectGetAllDomainStats(nil, uint32(wire.DomainStatsState), uint32(wire.ConnectGetAllDomainsStatsNowait))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]nova.PowerState{}
	for _, r := range rs {
		for _, p := range r.Params {
			if state, ok := p.Value.I.(int32); ok && p.Field == wire.DomainStatsStateState {
				out[uuid(r.Dom.UUID)] = powerState(state)
			}
		}
	}
	return out, nil
}

// Info asks libvirt; a server without a domain is prepared where it has a folder.
func (d *Driver) Info(ctx context.Context, id string) (virt.Info, error) {
	i := virt.Info{ID: id, Name: virt.DomainName(id)}
	state, err := d.state(ctx, id)
	switch {
	case err == nil:
		i.Power = powerState(state)
		return i, nil
	case !fault.Is(err, fault.NotFound):
		return virt.Info{}, err
	}
	if has, err := d.hasFolder(id); err != nil || !has {
		return virt.Info{}, errors.Join(err, unknown(id))
	}
	return i, nil
}

// state is libvirt's own state of a domain; fault.NotFound.
func (d *Driver) state(ctx context.Context, id string) (int32, error) {
	var state int32
	err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		var err error
		state, _, err = lv.DomainGetState(dom, 0)
		return err
	})
	if err != nil {
		return 0, err // a call that was given up may still be writing state
	}
	return state, nil
}

// on does f with the domain of a server; fault.NotFound without one.
func (d *Driver) on(ctx context.Context, id string, f func(*wire.Libvirt, wire.Domain) error) error {
	u, err := parseUUID(id)
	if err != nil {
		return unknown(id)
	}
	err = d.conn.call(ctx, func(lv *wire.Libvirt) error {
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

func powerState(s int32) nova.PowerState {
	switch wire.DomainState(s) {
	case wire.DomainRunning, wire.DomainBlocked:
		return nova.Running
	case wire.DomainPaused:
		return nova.PowerPaused
	case wire.DomainShutdown, wire.DomainShutoff:
		return nova.Shutdown
	case wire.DomainCrashed:
		return nova.Crashed
	case wire.DomainPmsuspended:
		return nova.Suspended
	}
	return nova.NoState
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
