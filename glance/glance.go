// Package glance is the vocabulary of images.
package glance

import (
	"context"
	"io"
	"time"
)

// Image is an image record. Properties are the free ones; what the scheduler and hypervisor understand (hw_*, os_*) is among them.
type Image struct {
	ID, Name, Owner, Status, Visibility string
	DiskFormat, ContainerFormat         string
	Checksum                            string // MD5, hex; empty until active
	HashAlgo, HashValue                 string // sha512 by default
	Size, VirtualSize                   int64  // bytes; -1 while unknown
	MinDisk, MinRAM                     int64  // GiB, MiB
	Protected, Hidden                   bool
	Tags                                []string
	Properties                          map[string]string
	Created, Updated                    time.Time
}

// API is what compute asks of images, as the caller in ctx.
type API interface {
	// Image is fault.NotFound for an image that is not there or not visible to the caller.
	Image(ctx context.Context, id string) (Image, error)
	// Open streams an active image's data; the reader fails at its end when the data does not match the checksum. The caller closes it.
	Open(ctx context.Context, id string) (Image, io.ReadCloser, error)
}
