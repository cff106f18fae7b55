package virt

import "context"

// Leftover is what operations on a server have on its host while they go on. It stays if they end while the host
// cannot be reached.
type Leftover struct {
	ID         string
	Snapshots  []string // names of copies of its disk, whole or not
	NewDisks   bool     // that a rebuild has made and not put in place
	OldDisks   bool     // that a rebuild has put aside
	Image      string   // the id of the image that the disk in place is made of, if OldDisks; empty: unknown
	RescueDisk bool     // which a rescued server has, too
	Rescued    bool     // the server was started from the rescue disk
}

// LeftoverFinder is the capability of finding what operations have on the host.
type LeftoverFinder interface {
	// Leftovers returns the servers of the host that have any, also those of operations that go on. It changes nothing,
	// and may be called without Init beside a process that uses the host.
	Leftovers(ctx context.Context) ([]Leftover, error)
}
