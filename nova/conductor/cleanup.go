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

// destroy takes the guest off a host, or says that this is owed when the host cannot be reached: what waits for the
// answer goes on. A host whose service was deleted owes nothing; should it come back, it asks what to do with its
// guests.
func (c *Conductor) destroy(ctx context.Context, host, server string) (owed bool, err error) {
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

// owe writes down what a host owes.
func (c *Conductor) owe(ctx context.Context, tx *db.Tx, host, server string) error {
	_, err := jobs.Cleanup.Enqueue(ctx, tx, c.Queue, owedBy(host, server), jobs.CleanupArgs{Server: server, Host: host})
	return err
}

// owedBy is the key of what a host owes; without a server it is what the keys of all begin with.
func owedBy(host, server string) string { return "cleanup:" + host + ":" + server }

// soon is when the next look at what is about to change is due.
const soon = 2 * time.Second

func (c *Conductor) up(ctx context.Context, host string) (up, known bool, err error) {
	s, err := store.ServiceOf(ctx, c.DB, host, nova.BinaryCompute)
	if fault.Is(err, fault.NotFound) {
		return false, false, nil
	}
	return err == nil && s.Up(c.Now(), c.c.DownTime), err == nil, err
}

// cleanup pays what is owed, as soon as the host can be reached. It is void when the server lives on that host again or
// the host is gone.
func (c *Conductor) cleanup(ctx context.Context, _ *tasks.Task, a jobs.CleanupArgs) error {
	f, err := store.PlacementOf(ctx, c.DB, a.Server)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && !f.Deleted && f.Host == a.Host {
		if f.State.Task == nova.Deleting {
			// The host asks whom its guests belong to, and this one has an owner until the deletion is written down.
			return tasks.Later(fault.Unavailablef("server %s is still being deleted from host %s", a.Server, a.Host), soon)
		}
		if f.State.VM == nova.Building { // on its way off that host as likely as onto it
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
	// The host asks once more while it holds the server's lock: a build may bring the server there at this moment.
	_, err = rpcapi.Reap.Do(asNova(ctx), c.Bus, a.Host, rpcapi.ServerArgs{Server: a.Server})
	if messaging.Unheard(err) { // it has joined before it listens, or will soon be shown down
		return tasks.Later(unreached("Host "+a.Host, err), soon)
	}
	return retried(err)
}

// retire takes a deleted host's provider out of placement. What is still claimed there is being given back, or is told
// by the task that fails.
func (c *Conductor) retire(ctx context.Context, _ *tasks.Task, a jobs.RetireArgs) error {
	_, known, err := c.up(ctx, a.Host)
	if err != nil || known {
		return err
	}
	return retried(c.Placement.DeleteProvider(asNova(ctx), a.Node))
}
