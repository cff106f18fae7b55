package conductor

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/tasks"
)

// destroy destroys the guest on a host. If the host cannot be reached, it returns unreachable without an error, and
// the caller enqueues a clean-up. A host whose service was deleted needs none: if it comes back, it asks which of its
// guests to destroy.
func (c *Conductor) destroy(ctx context.Context, host, server string) (unreachable bool, err error) {
	if host == "" {
		return false, nil
	}
	up, known, err := c.up(ctx, host)
	if err != nil || !known {
		return false, err
	}
	if up {
		_, err := rpcapi.Destroy.Do(asNova(ctx), c.Bus, host, rpcapi.ServerArgs{Server: server})
		if !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return false, err
		}
	}
	return true, nil
}

// cleanUpLater enqueues the clean-up of a server on a host.
func (c *Conductor) cleanUpLater(ctx context.Context, tx *db.Tx, host, server string) error {
	_, err := jobs.Cleanup.Enqueue(ctx, tx, c.Queue, cleanupKey(host, server),
		jobs.CleanupArgs{Server: server, Host: host})
	return err
}

// cleanupKey is the key of a clean-up on a host. With an empty server it is the prefix of the keys of all of the
// host's.
func cleanupKey(host, server string) string { return "cleanup:" + host + ":" + server }

// soon is the pause before a job reads a state again that is about to change.
const soon = 2 * time.Second

func (c *Conductor) up(ctx context.Context, host string) (up, known bool, err error) {
	s, err := store.ServiceOf(ctx, c.DB, host, nova.BinaryCompute)
	if fault.Is(err, fault.NotFound) {
		return false, false, nil
	}
	return err == nil && s.Up(c.Now(), c.c.DownTime), err == nil, err
}

// cleanup destroys what a host still has of a server, as soon as the host can be reached. It does nothing if the
// server is on that host again or the host's service was deleted.
func (c *Conductor) cleanup(ctx context.Context, _ *tasks.Task, a jobs.CleanupArgs) error {
	f, err := store.PlacementOf(ctx, c.DB, a.Server)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && !f.Deleted && f.Host == a.Host {
		if f.State.Task == nova.Deleting {
			// The host asks which guests it may destroy. This one may be destroyed when the deletion is recorded.
			return tasks.Later(fault.Unavailablef("server %s is still being deleted from host %s", a.Server, a.Host), soon)
		}
		// The host of a build may be the old or the new one.
		if f.State.VM == nova.Building || f.State.VM == nova.ShelvedOffloaded {
			return tasks.Later(fault.Unavailablef("server %s is being built, perhaps on host %s", a.Server, a.Host), soon)
		}
		return nil
	}
	up, known, err := c.up(ctx, a.Host)
	if err != nil || !known {
		return err
	}
	if !up {
		return fault.Unavailablef("host %s is down and still holds server %s", a.Host, a.Server)
	}
	// The host asks again while it holds the server's lock, because a build may be placing the server there now.
	_, err = rpcapi.Reap.Do(asNova(ctx), c.Bus, a.Host, rpcapi.ServerArgs{Server: a.Server})
	if messaging.NoReply(err) { // it joined before its RPC server started, or will soon be down
		return tasks.Later(unreached("Host "+a.Host, err), soon)
	}
	return retried(err)
}

// retire deletes the provider of a deleted host. It fails, and is retried, while the provider has allocations.
func (c *Conductor) retire(ctx context.Context, _ *tasks.Task, a jobs.RetireArgs) error {
	_, known, err := c.up(ctx, a.Host)
	if err != nil || known {
		return err
	}
	return retried(c.Placement.DeleteProvider(asNova(ctx), a.Node))
}
