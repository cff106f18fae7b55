package virt

import (
	"context"
	"io"

	"hypernova/nova"
)

// Snapshotter is the capability of copying a server's own disk while its guest goes on. A server has at most one
// snapshot on its host: what an earlier one has left is removed. Destroy also removes it.
type Snapshotter interface {
	// TakeSnapshot copies the disk, as it is at one instant, into a file of the format (raw or qcow2) that needs no other
	// file. The guest stops for that instant only; of an image with hw_qemu_guest_agent it first writes its caches. It
	// blocks until the copy is whole. A snapshot of that name that is there is no error. fault.NotFound for an unknown
	// server.
	TakeSnapshot(ctx context.Context, s *nova.Spec, name, format string) error
	// OpenSnapshot opens the copy and returns its size in bytes. The caller closes it. fault.NotFound if there is none.
	OpenSnapshot(ctx context.Context, id, name string) (data io.ReadCloser, size int64, err error)
	// DropSnapshot ends a copy that is being made, and removes it. Without one it does nothing.
	DropSnapshot(ctx context.Context, id, name string) error
}
