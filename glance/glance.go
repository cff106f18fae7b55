package glance

import (
	"context"
	"io"
	"time"
)

// Image is an image record. Properties are the additional properties, including those that the scheduler and the
// hypervisor drivers read (hw_*, os_*).
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

// Statuses of an image.
const (
	Queued      = "queued"      // a record without data
	Saving      = "saving"      // data is being uploaded
	Uploading   = "uploading"   // data is being staged, or staged for an import
	Importing   = "importing"   // an import is running
	Active      = "active"      // complete and usable
	Deactivated = "deactivated" // complete, but only administrators may read the data
)

// Visibilities of an image.
const (
	Private   = "private"
	Shared    = "shared"
	Community = "community"
	Public    = "public"
)

// Statuses of a member.
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

// API is the contract with compute. All methods act for the caller in ctx.
type API interface {
	// Image returns an image. fault.NotFound if it does not exist or is not visible to the caller.
	Image(ctx context.Context, id string) (Image, error)
	// Open opens the data of an active image. The reader returns an error at its end if the data does not match the
	// checksum. The caller closes it.
	Open(ctx context.Context, id string) (Image, io.ReadCloser, error)
}

// NewImage describes the image that Writer.Create makes.
type NewImage struct {
	ID, Name, DiskFormat, ContainerFormat string
	MinDisk, MinRAM                       int64
	Properties                            map[string]string
}

// Writer is the part of the contract with compute that makes images of servers. All methods act for the caller in ctx.
type Writer interface {
	// Create makes the record of an image of the caller's project, without data. Only that project sees it. Faults:
	// Conflict for an ID that is taken, Forbidden, and OverQuota or TooLarge over a limit.
	Create(ctx context.Context, i NewImage) (Image, error)
	// Upload stores the data of a queued image, after which it is active, and blocks until that is done. After an error
	// the image is queued again. fault.Conflict for an image that is not queued, fault.NotFound.
	Upload(ctx context.Context, id string, data io.Reader, size int64) error
	// Delete deletes an image and its data. fault.NotFound.
	Delete(ctx context.Context, id string) error
	// Find returns the images of the caller's project that have all of the properties, the newest first.
	Find(ctx context.Context, properties map[string]string) ([]Image, error)
}

// Local is the capability of an API on the host that has the files: a hypervisor driver clones them instead of copying
// a stream.
type Local interface {
	// Path returns the file with an active image's data, which must not be changed. fault.NotFound if the image is not
	// visible to the caller, fault.NotImplemented if its data is not a file of this host.
	Path(ctx context.Context, id string) (string, error)
}
