package glance

import (
	"context"
	"io"
	"time"
)

// Image is an image record. Properties are the free ones; what the scheduler and hypervisor understand (hw_*, os_*) is
// among them.
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

// States of an image.
const (
	Queued      = "queued"      // a record without data
	Saving      = "saving"      // data is being uploaded
	Uploading   = "uploading"   // data is being staged, or staged for an import
	Importing   = "importing"   // an import is under way
	Active      = "active"      // whole and usable
	Deactivated = "deactivated" // whole, but only administrators may read it
)

// Visibilities of an image.
const (
	Private   = "private"
	Shared    = "shared"
	Community = "community"
	Public    = "public"
)

// Answers of a project that an image is shared with.
const (
	Pending  = "pending"
	Accepted = "accepted"
	Rejected = "rejected"
)

// Member is a project that an image is shared with.
type Member struct {
	ImageID, ProjectID, Status string
	Created, Updated           time.Time
}

// API is what compute asks of images, as the caller in ctx.
type API interface {
	// Image is fault.NotFound for an image that is not there or not visible to the caller.
	Image(ctx context.Context, id string) (Image, error)
	// Open streams an active image's data; the reader fails at its end when the data does not match the checksum. The
	// caller closes it.
	Open(ctx context.Context, id string) (Image, io.ReadCloser, error)
}

// Local is the capability of an API on the same host as its files: a hypervisor clones them instead of copying a
// stream.
type Local interface {
	// Path is the file of an active image's data, which must not be changed. fault.NotFound where there is
	// no such image for the caller, fault.NotImplemented where its data is no file of this host.
	Path(ctx context.Context, id string) (string, error)
}
