package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

// Servers lists the servers that have a folder below the instances path, with the state that libvirt reports. It does
// not list other domains of this libvirt.
func (d *Driver) Servers(ctx context.Context) ([]virt.Info, error) {
	all, err := d.folders.servers()
	if err != nil {
		return nil, err
	}
	found, err := d.domains.states(ctx)
	if err != nil {
		return nil, err
	}
	var out []virt.Info
	for _, id := range all {
		out = append(out, d.info(id, found[id]))
	}
	return out, nil
}

// Info returns one server with the state that libvirt reports. A server with a folder and no domain has no power state.
// fault.NotFound if it has neither.
func (d *Driver) Info(ctx context.Context, id string) (virt.Info, error) {
	i := virt.Info{ID: id, Name: virt.DomainName(id)}
	g, err := d.domains.state(ctx, id)
	switch {
	case err == nil:
		return d.info(id, g), nil
	case !fault.Is(err, fault.NotFound):
		return virt.Info{}, err
	}
	if has, err := d.folders.has(id); err != nil || !has {
		return virt.Info{}, errors.Join(err, unknown(id))
	}
	return i, nil
}

// info describes a server in the driver's contract. A guest that a disk error paused gets the free space as its reason.
func (d *Driver) info(id string, g guest) virt.Info {
	i := virt.Info{ID: id, Name: virt.DomainName(id), Power: g.power, Passing: g.phase == passing,
		Cause: g.cause, Why: g.why}
	if g.cause == nova.CauseDisk {
		if free, err := freeBytes(d.c.InstancesPath); err == nil {
			i.Why += fmt.Sprintf("; %d MiB of the host's disk are free", free>>20)
		}
	}
	return i
}

// FreeDisk returns the free bytes of the file system of the instances path.
func (d *Driver) FreeDisk(context.Context) (int64, error) { return freeBytes(d.c.InstancesPath) }

// LastWords returns at most max bytes from the end of QEMU's log of a server, without the command line at its
// beginning. It is empty if there is no log.
func (d *Driver) LastWords(_ context.Context, id string, max int) (string, error) {
	if has, err := d.folders.has(id); err != nil || !has {
		return "", errors.Join(err, unknown(id))
	}
	b, err := tail(filepath.Join(d.c.QEMULogDir, virt.DomainName(id)+".log"), int64(max))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimRight(line, "\n"); !strings.HasSuffix(line, " \\") {
			lines = append(lines, line)
		}
	}
	return strings.ToValidUTF8(strings.Join(lines, "\n"), "?"), nil
}

// ConsoleLog returns at most max bytes from the end of a server's console log. virtlogd rotates the log, so the
// previous file is read as well if the current one is shorter. fault.NotFound for a server that is not prepared.
func (d *Driver) ConsoleLog(_ context.Context, id string, max int64) ([]byte, error) {
	if has, err := d.folders.has(id); err != nil || !has {
		return nil, errors.Join(err, unknown(id))
	}
	var out []byte
	for _, name := range []string{consoleFile, consoleFile + ".0"} {
		b, err := tail(filepath.Join(d.folders.path(id), name), max-int64(len(out)))
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

// tail returns at most n bytes from the end of a file.
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
