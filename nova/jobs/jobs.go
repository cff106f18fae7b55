// Package jobs declares the kinds of tasks that compute's verbs enqueue and nova-conductor handles. The key of a job is
// its server's id, so that jobs of one server run one at a time in the order they were asked for.
package jobs

import (
	"time"

	"hypernova/nova"
	"hypernova/oslo/tasks"
)

// Build makes a server. A failure of the build itself ends in ERROR, not in a repeat; what is repeated is work that was
// interrupted.
var Build = tasks.NewKind[BuildArgs]("server.build", tasks.Options{MaxAttempts: 50, Backoff: time.Second})

// Delete takes a server away. It goes on until everything the server held is given back.
var Delete = tasks.NewKind[DeleteArgs]("server.delete", tasks.Options{MaxAttempts: 20, Backoff: time.Second,
	Priority: 1})

// Forget gives back once more what a server held that was deleted before it ran: a request of its build may have been
// late.
var Forget = tasks.NewKind[DeleteArgs]("server.forget", tasks.Options{MaxAttempts: 20, Backoff: time.Second})

// Power does an action of the table that needs nothing but the server: start, stop, reboot, pause and their like.
var Power = tasks.NewKind[PowerArgs]("server.power", tasks.Options{MaxAttempts: 4, Backoff: time.Second})

// Cleanup removes what a host that could not be reached still holds of a server. It waits for the host as long as its
// service exists.
var Cleanup = tasks.NewKind[CleanupArgs]("host.cleanup", tasks.Options{MaxAttempts: 1 << 30, Backoff: 2 * time.Second})

// Retire takes what placement knows of a node whose service was deleted. A node that is back keeps it.
var Retire = tasks.NewKind[RetireArgs]("host.retire", tasks.Options{MaxAttempts: 20, Backoff: time.Second})

// BuildArgs is what a build knows besides the server's row.
type BuildArgs struct {
	Server         string
	Request        nova.Request
	NICs           []nova.NICRequest
	SecurityGroups []string // ids
	Files          []nova.File
	AdminPass      string
}

// DeleteArgs names the server.
type DeleteArgs struct{ Server string }

// PowerArgs says what to do: Op is the key of a nova.ServerAction.
type PowerArgs struct{ Server, Op string }

// CleanupArgs says what is owed where.
type CleanupArgs struct{ Server, Host string }

// RetireArgs names a node, which is a provider of the same id in placement, and its host.
type RetireArgs struct{ Host, Node string }
