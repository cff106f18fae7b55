package libvirt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var _ virt.Finder = (*Driver)(nil)

// Strays lists the domains of this cloud's servers whose folders are not below the instances path, for example because
// it was changed. Domains with another cloud's owner mark do not count. Domains without a mark, which an earlier
// release defined, count if their files are below the state folder.
func (d *Driver) Strays(ctx context.Context) ([]virt.Stray, error) {
	var all []wire.Domain
	err := d.conn.call(ctx, func(lv *wire.Libvirt) error {
		found, _, err := lv.ConnectListAllDomains(1, 0)
		all = found
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []virt.Stray
	for _, dom := range all {
		id := uuid(dom.UUID)
		if has, err := d.folders.has(id); err != nil || has || dom.Name != virt.DomainName(id) {
			if err != nil {
				return nil, err
			}
			continue
		}
		b, err := d.domains.belongs(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue // removed in the meantime
		}
		if err != nil {
			return nil, err
		}
		below, rerr := filepath.Rel(d.c.StateDir, b.Folder)
		if unmarked := b.Owner == 0 && b.Ours && rerr == nil && filepath.IsLocal(below); !unmarked &&
			(b.Owner == 0 || b.Owner != d.c.Owner) {
			continue
		}
		g, err := d.domains.state(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		out = append(out, virt.Stray{Info: d.info(id, g), Folder: b.Folder})
	}
	return out, nil
}

// elsewhere returns the folder of a server that has none below the instances path, as its definition in libvirt names
// it. It is empty if there is none. Only a folder that Prepare made counts.
func (d *Driver) elsewhere(ctx context.Context, id string) (string, error) {
	if has, err := d.folders.has(id); err != nil || has {
		return "", err
	}
	b, err := d.domains.belongs(ctx, id)
	if err != nil || b.Folder == "" {
		return "", noDomain(err)
	}
	if _, err := os.Stat(filepath.Join(b.Folder, disksFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	return b.Folder, nil
}

// noDomain returns err, or nil if err says that there is no domain.
func noDomain(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
