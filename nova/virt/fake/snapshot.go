package fake

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var _ virt.Snapshotter = (*Driver)(nil)

// TakeSnapshot notes the snapshot.
func (x disker) TakeSnapshot(ctx context.Context, s *nova.Spec, name, format string) error {
	return x.d.do(ctx, "snapshot", s.ID, s.Name, func(plan) error {
		return x.d.altered(s.ID, func(r *record) error {
			r.Disks.Copy, r.Disks.Format = name, format
			return nil
		})
	})
}

// OpenSnapshot returns a small disk: the header of an empty one of the format, and the server's ID.
func (x disker) OpenSnapshot(ctx context.Context, id, name string) (io.ReadCloser, int64, error) {
	var data []byte
	err := x.d.do(ctx, "snapshot-open", id, "", func(plan) error {
		x.d.mu.Lock()
		defer x.d.mu.Unlock()
		r, err := x.d.find(id)
		if err != nil {
			return err
		}
		if r.Disks.Copy != name {
			return fault.NotFoundf("Server %s has no snapshot %s.", id, name)
		}
		data = emptyDisk(r.Disks.Format, id)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

// DropSnapshot forgets the snapshot.
func (x disker) DropSnapshot(ctx context.Context, id, name string) error {
	return x.d.do(ctx, "snapshot-drop", id, "", func(plan) error {
		err := x.d.altered(id, func(r *record) error {
			if r.Disks.Copy == name {
				r.Disks.Copy, r.Disks.Format = "", ""
			}
			return nil
		})
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
}

// emptyDisk is a disk of 1 MiB that says which server it is of.
func emptyDisk(format, server string) []byte {
	const cluster = 1 << 16
	if format != "qcow2" {
		out := make([]byte, cluster)
		copy(out[1024:], server)
		return out
	}
	out := make([]byte, 4*cluster)
	be := binary.BigEndian
	copy(out, "QFI\xfb")
	be.PutUint32(out[4:], 2)          // version
	be.PutUint32(out[20:], 16)        // cluster bits
	be.PutUint64(out[24:], 1<<20)     // size
	be.PutUint32(out[36:], 1)         // entries of the L1 table
	be.PutUint64(out[40:], 3*cluster) // the L1 table
	be.PutUint64(out[48:], cluster)   // the refcount table
	be.PutUint32(out[56:], 1)         // its clusters
	be.PutUint64(out[cluster:], 2*cluster)
	for i := range 4 {
		be.PutUint16(out[2*cluster+2*i:], 1) // each cluster is in use once
	}
	copy(out[cluster-64:], server)
	return out
}

// Copied reports whether a server has a snapshot, for tests.
func (x disker) Copied(id string) bool {
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	r, err := x.d.find(id)
	return err == nil && r.Disks.Copy != ""
}
