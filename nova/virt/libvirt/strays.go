package libvirt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

var _ virt.Finder = (*Driver)(nil)

// Strays asks libvirt for all domains. Those that bear another cloud's mark are that one's; those without a mark, which an earlier release
// defined, are this cloud's where their files lie below its state folder.
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
		if has, err := d.hasFolder(id); err != nil || has || dom.Name != virt.DomainName(id) {
			if err != nil {
				return nil, err
			}
			continue
		}
		b, err := d.belongs(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		below, rerr := filepath.Rel(d.c.StateDir, b.Folder)
		if unmarked := b.Owner == 0 && b.Ours && rerr == nil && filepath.IsLocal(below); !unmarked && (b.Owner == 0 || b.Owner != d.c.Owner) {
			continue
		}
		m, err := d.look(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		out = append(out, virt.Stray{Info: d.info(id, m), Folder: b.Folder})
	}
	return out, nil
}

func (d *Driver) belongs(ctx context.Context, id string) (domain.Belonging, error) {
	text := ""
	err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		got, err := lv.DomainGetXMLDesc(dom, 0)
		text = got
		return err
	})
	if err != nil {
		return domain.Belonging{}, err
	}
	return domain.Belongs(id, text)
}

// elsewhere is the folder of a server that has none below the instances path, by what its definition says; empty: there is none. Only one
// that Prepare made counts.
func (d *Driver) elsewhere(ctx context.Context, id string) (string, error) {
	if has, err := d.hasFolder(id); err != nil || has {
		return "", err
	}
	b, err := d.belongs(ctx, id)
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

func noDomain(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
