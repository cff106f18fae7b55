// Package servers implements the operations on servers. Each checks the request, writes rows and enqueues a task in
// one transaction. Policy is the caller's: it is checked before. New servers and locks belong to the caller in the
// context (auth.From).
package servers

import (
	"context"
	"time"

	"hypernova/glance"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/tasks"
)

// Flavors finds flavors as the caller in ctx may see them; fault.NotFound.
type Flavors interface {
	Flavor(ctx context.Context, id string) (nova.Flavor, error)
}

// Keys finds a user's public key by the pair's name; fault.NotFound.
type Keys interface {
	PublicKey(ctx context.Context, user, name string) (string, error)
}

// Quotas returns the limits in force. With an empty user they are the project's; with a user they are that user's in
// the project, or the project's where the user has none.
type Quotas interface {
	Limits(ctx context.Context, project, user string) (nova.Limits, error)
}

// Deps are the stores, services and settings that Servers uses.
type Deps struct {
	DB       *db.DB
	Now      clock.Now // nil: the real clock
	Queue    *tasks.Queue
	Bus      *messaging.Bus
	Images   glance.API
	Store    glance.Writer // that snapshots go to
	Networks neutron.API
	Flavors  Flavors
	Keys     Keys
	Quotas   Quotas
	// Host is the name of this host, for the events of actions that no other host does.
	Host string
	// HidePasswords leaves the administrator's password out of answers ([api] enable_instance_password).
	HidePasswords bool
	// RescueImage is the image of rescues that name none ([libvirt] rescue_image_id); empty: the server's own.
	RescueImage string
	// ReclaimAfter is how long a deleted server can be restored ([DEFAULT] reclaim_instance_interval); 0: not at all.
	ReclaimAfter time.Duration
	// SnapshotFormat is the disk format of snapshots ([libvirt] snapshot_image_format); empty or auto: raw for servers of
	// a raw image, else qcow2. NotInherited are the properties of the server's image that snapshots do not have ([DEFAULT]
	// non_inheritable_image_properties).
	SnapshotFormat string
	NotInherited   []string
	// MaxLocalDevices is how many disks of a server its host makes at most ([DEFAULT] max_local_block_devices); nil or
	// negative: no limit.
	MaxLocalDevices *int
	// DefaultZone is the zone of hosts without an aggregate; empty: "nova". ScheduleZone is the zone of a request that
	// names none.
	DefaultZone, ScheduleZone string
}

// Servers implements the operations. Its methods may be called concurrently.
type Servers struct{ Deps }

// New makes Servers.
func New(d Deps) *Servers {
	if d.DefaultZone == "" {
		d.DefaultZone = "nova"
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	return &Servers{d}
}

// Server returns a server that is not deleted; fault.NotFound.
func (s *Servers) Server(ctx context.Context, id string) (nova.Server, error) {
	return store.Server(ctx, s.DB, id)
}

// AnyServer is Server that also returns deleted servers, for their history; fault.NotFound.
func (s *Servers) AnyServer(ctx context.Context, id string) (nova.Server, error) {
	return store.AnyServer(ctx, s.DB, id)
}

// Ports returns the server's network cache.
func (s *Servers) Ports(ctx context.Context, id string) ([]nova.NIC, error) {
	return store.Ports(ctx, s.DB, id)
}

// GroupNames returns the names of the security groups of the servers' ports.
func (s *Servers) GroupNames(ctx context.Context, id string) ([]string, error) {
	groups, err := s.Networks.GroupNames(ctx, []string{id})
	return groups[id], err
}

// unlocked returns fault.Conflict for a locked server, unless the caller is an administrator.
func unlocked(ctx context.Context, v *nova.Server) error {
	if v.Locked && !auth.From(ctx).Admin() {
		return fault.Conflictf("Instance %s is locked", v.ID)
	}
	return nil
}

// placed returns fault.Conflict for a server without a host.
func placed(v *nova.Server) error {
	if v.Host == "" {
		return fault.Conflictf("Instance %s is not ready", v.ID)
	}
	return nil
}
