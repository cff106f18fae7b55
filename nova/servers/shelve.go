package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Shelves implements the operations that put servers aside: shelve and unshelve.
type Shelves struct{ *Servers }

// Shelve begins to put a server aside: its guest ends, and its disk becomes an image. Faults as of CreateImage, and
// Conflict for a locked server.
func (s Shelves) Shelve(ctx context.Context, id string) error {
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	_, err = Snapshots(s).begin(ctx, id, nova.ShelveServer, "snapshot", SnapshotArgs{Name: v.Name + "-shelved"})
	return err
}

// UnshelveArgs say where a server comes back.
type UnshelveArgs struct {
	Zone opt.Of[string] // null: any; absent: where the server is pinned to, if it is
	Host string
	// MayHost refuses a caller who may not choose the host; it is asked if Host is named.
	MayHost func() error
}

// Unshelve begins to bring a shelved server back: on its host, or if it is on none on one that the scheduler chooses.
// Faults: Conflict if its state or lock forbids it, or for a zone or host where the server is still on its host, or a
// host that is not in the zone; Invalid for a zone or host that does not exist.
func (s Shelves) Unshelve(ctx context.Context, id string, a UnshelveArgs) error {
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	if v.VM != nova.ShelvedOffloaded {
		action := nova.UnshelveServer
		if err := open(ctx, &v, &action); err != nil {
			return err
		}
		if a.Zone.Set || a.Host != "" {
			return fault.Conflictf("Specifying an availability zone or a host when unshelving server \"%s\" with status \"%s\" "+
				"is not supported. The server status must be SHELVED_OFFLOADED.", v.ID, v.VM)
		}
		return s.Act(ctx, id, action)
	}
	action := nova.UnshelveOffloadedServer
	if err := open(ctx, &v, &action); err != nil {
		return err
	}
	if err := s.place(ctx, &v, &a); err != nil {
		return err
	}
	job, err := s.comeback(ctx, &v, &a)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		if a.Zone.Set {
			if err := store.SaveRequestedZone(ctx, tx, id, job.Build.Request.AZ); err != nil {
				return err
			}
		}
		_, err := jobs.Unshelve.Enqueue(ctx, tx, s.Queue, id, job)
		return err
	})
}

// place checks the zone and the host of the request.
func (s Shelves) place(ctx context.Context, v *nova.Server, a *UnshelveArgs) error {
	if err := s.zone(ctx, &CreateArgs{AZ: a.Zone.Or("")}); err != nil {
		return err
	}
	if a.Host == "" {
		return nil
	}
	if err := a.MayHost(); err != nil {
		return err
	}
	if err := s.zone(ctx, &CreateArgs{Host: a.Host}); err != nil {
		return err
	}
	want := zoneAfter(v, a)
	if want == "" {
		return nil
	}
	as, err := store.Aggregates(ctx, s.DB)
	if err == nil && nova.ZoneOf(a.Host, as, s.DefaultZone) != want {
		err = fault.Conflictf("Host \"%s\" is not in the availability zone \"%s\".", a.Host, want)
	}
	return err
}

// zoneAfter is the zone that the server is pinned to afterwards.
func zoneAfter(v *nova.Server, a *UnshelveArgs) string {
	if a.Zone.Set {
		return a.Zone.Or("")
	}
	return v.RequestedAZ
}

// comeback describes the build of a server from its image, with the ports that it has.
func (s Shelves) comeback(ctx context.Context, v *nova.Server, a *UnshelveArgs) (jobs.UnshelveArgs, error) {
	id, err := store.ShelvedImage(ctx, s.DB, v.ID)
	if err != nil {
		return jobs.UnshelveArgs{}, err
	}
	image := *v.Image
	found, err := s.Images.Image(ctx, id)
	switch {
	case err == nil:
		image = ImageMeta(found)
	case !fault.Is(err, fault.NotFound): // of one that is gone the build says so
		return jobs.UnshelveArgs{}, err
	}
	image.ID = id
	hints, err := readHints(v.Hints)
	if err != nil {
		return jobs.UnshelveArgs{}, err
	}
	ports, err := store.Ports(ctx, s.DB, v.ID)
	if err != nil {
		return jobs.UnshelveArgs{}, err
	}
	nics := make([]nova.NICRequest, len(ports))
	for i, p := range ports {
		nics[i] = nova.NICRequest{Port: p.ID, Tag: p.Tag}
	}
	return jobs.UnshelveArgs{Build: jobs.BuildArgs{Server: v.ID, NICs: nics, Request: nova.Request{Server: v.ID,
		Project: v.Project, User: v.User, Flavor: *v.Flavor, Image: image, AZ: zoneAfter(v, a), Host: a.Host,
		Hints: hints}}}, nil
}
