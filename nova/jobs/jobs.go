// Package jobs declares the kinds of tasks that compute's operations enqueue and nova-conductor handles. The key of a
// job is its server's id, so that jobs of one server run one at a time in the order of their requests.
package jobs

import (
	"time"

	"hypernova/nova"
	"hypernova/oslo/tasks"
)

// Build builds a server. A build that fails sets the server to ERROR and is not retried. An interrupted build is
// resumed.
var Build = tasks.NewKind[BuildArgs]("server.build", tasks.Options{MaxAttempts: 50, Backoff: time.Second})

// Delete deletes a server. It is retried until all resources of the server are released.
var Delete = tasks.NewKind[DeleteArgs]("server.delete",
	tasks.Options{MaxAttempts: 20, Backoff: time.Second, Priority: 1})

// Forget releases the ports and the allocation of a deleted server again. A late request of its build may have made
// some after the deletion.
var Forget = tasks.NewKind[DeleteArgs]("server.forget", tasks.Options{MaxAttempts: 20, Backoff: time.Second})

// Power runs an action of the table of actions on the server's host: start, stop, reboot, pause and so on.
var Power = tasks.NewKind[PowerArgs]("server.power", tasks.Options{MaxAttempts: 4, Backoff: time.Second})

// Rebuild gives a server new disks, and Rescue starts it from a rescue disk. A failure is undone.
var (
	Rebuild = tasks.NewKind[RebuildArgs]("server.rebuild", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
	Rescue  = tasks.NewKind[RescueArgs]("server.rescue", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
)

// Snapshot makes an image of a server. A failure deletes the image. Unclaimed deletes the image of a request that did
// not come to enqueue its Snapshot.
var (
	Snapshot  = tasks.NewKind[SnapshotArgs]("server.snapshot", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
	Unclaimed = tasks.NewKind[UnclaimedArgs]("image.unclaimed", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
)

// Attach gives a server a NIC, and a failure is undone. Detach takes one away.
var (
	Attach = tasks.NewKind[AttachArgs]("server.attach-interface", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
	Detach = tasks.NewKind[DetachArgs]("server.detach-interface", tasks.Options{MaxAttempts: 20, Backoff: time.Second})
)

// Unshelve builds a shelved server that is on no host from its image. A failure leaves it shelved.
var Unshelve = tasks.NewKind[UnshelveArgs]("server.unshelve", tasks.Options{MaxAttempts: 50, Backoff: time.Second})

// Password gives a server back whose change of the password did not end. The request withdraws it.
var Password = tasks.NewKind[DeleteArgs]("server.password", tasks.Options{MaxAttempts: 20, Backoff: time.Second})

// Cleanup destroys what a host that could not be reached still has of a server. It waits for the host as long as its
// service exists.
var Cleanup = tasks.NewKind[CleanupArgs]("host.cleanup", tasks.Options{MaxAttempts: 1 << 30, Backoff: 2 * time.Second})

// Retire deletes the provider of a node whose service was deleted, unless the node has joined again.
var Retire = tasks.NewKind[RetireArgs]("host.retire", tasks.Options{MaxAttempts: 20, Backoff: time.Second})

// CacheImages has the hosts of an aggregate fetch images ahead of servers. A host that is down is left out.
var CacheImages = tasks.NewKind[CacheImagesArgs]("aggregate.cache_images",
	tasks.Options{MaxAttempts: 4, Backoff: time.Second})

// BuildArgs are the arguments of a build besides the server's row.
type BuildArgs struct {
	Server         string
	Request        nova.Request
	NICs           []nova.NICRequest
	SecurityGroups []string // ids
	Files          []nova.File
	AdminPass      string
}

// DeleteArgs are the arguments of Delete, Forget and Password.
type DeleteArgs struct{ Server string }

// PowerArgs are the arguments of Power. Op is the key of a nova.ServerAction.
type PowerArgs struct{ Server, Op string }

// RebuildArgs are the arguments of a rebuild besides the server's row, which has the new image and the rest already.
// Was is what belongs to the old disk; a failure puts it back into the row. Op is the key of a nova.ServerAction.
type RebuildArgs struct {
	Server, Op    string
	User, Project string // who asked
	Was           DiskArgs
	Files         []nova.File
	AdminPass     string
	KeepEphemeral bool
}

// DiskArgs is what belongs to the disk of a server.
type DiskArgs struct {
	Image                        nova.ImageMeta
	KeyName, PublicKey, UserData string
	ConfigDrive                  bool
}

// RescueArgs are the arguments of a rescue.
type RescueArgs struct {
	Server        string
	User, Project string // who asked
	Image         nova.ImageMeta
	AdminPass     string
}

// SnapshotArgs are the arguments of a snapshot. Op is the key of a nova.ServerAction, Image the ID of the image, which
// exists without data, and Format its disk format.
type SnapshotArgs struct {
	Server, Op, Image, Format string
	User, Project             string // who asked
	// Kind and Rotation are of a backup: older images of the kind go when there are more than Rotation.
	Kind     string
	Rotation int
}

// UnshelveArgs are the arguments of an unshelve besides the server's row: the Image of Build.Request is the one that
// the server comes back from.
type UnshelveArgs struct{ Build BuildArgs }

// UnclaimedArgs names an image that a request made for a snapshot of a server, and who asked.
type UnclaimedArgs struct{ Image, Server, User, Project string }

// AttachArgs are the arguments of Attach. Ticket is the key of the result that the request waits for.
type AttachArgs struct {
	Server, Ticket string
	User, Project  string // who asked
	NIC            nova.NICRequest
}

// DetachArgs are the arguments of Detach. NIC is the server's NIC as it was when the task was made; its MAC is empty if
// the server had no such NIC. Gone: networking has taken the port away already.
type DetachArgs struct {
	Server string
	NIC    nova.NIC
	Gone   bool
}

// CleanupArgs names the server to remove and the host.
type CleanupArgs struct{ Server, Host string }

// RetireArgs names a node, which is a provider of the same id in placement, and its host.
type RetireArgs struct{ Host, Node string }

// CacheImagesArgs names the aggregate, its hosts at the time of the request, and the images.
type CacheImagesArgs struct {
	Aggregate int64
	Hosts     []string
	Images    []nova.ImageMeta
}
