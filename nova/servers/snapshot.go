package servers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/tasks"
)

// Snapshots implements the operations that make images of servers.
type Snapshots struct{ *Servers }

// SnapshotArgs are the arguments of a snapshot. Kind and Rotation are of a backup: of the images of one kind the newest
// Rotation stay.
type SnapshotArgs struct {
	Name     string
	Metadata map[string]string
	Kind     string
	Rotation int
}

// claimWithin is the time in which a request enqueues its snapshot. An image without one is deleted then.
const claimWithin = time.Minute

// CreateImage begins to make an image of a server's disk, and Backup one that takes turns with others of its kind. The
// image exists, without data, when they return its ID. Faults: Conflict if the server's state forbids it, and what the
// image service says of a new image of the user.
func (s Snapshots) CreateImage(ctx context.Context, id string, a SnapshotArgs) (string, error) {
	return s.begin(ctx, id, nova.CreateImageServer, "snapshot", a)
}

// Backup is CreateImage with turns.
func (s Snapshots) Backup(ctx context.Context, id string, a SnapshotArgs) (string, error) {
	return s.begin(ctx, id, nova.BackupServer, "backup", a)
}

func (s Snapshots) begin(ctx context.Context, id string, action nova.ServerAction, kind string,
	a SnapshotArgs) (string, error) {
	v, err := s.Server(ctx, id)
	if err != nil {
		return "", err
	}
	if err := open(ctx, &v, &action); err != nil {
		return "", err
	}
	image := s.imageOf(ctx, &v, kind, &a)
	job := jobs.SnapshotArgs{Server: id, Op: action.Key, Image: image.ID, Format: image.DiskFormat, Kind: a.Kind,
		Rotation: a.Rotation}
	if c := auth.From(ctx); c != nil {
		job.User, job.Project = c.UserID, c.ProjectID
	}
	var guard tasks.ID // deletes the image if this process ends before the snapshot is enqueued
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		guard, err = jobs.Unclaimed.EnqueueAfter(ctx, tx, s.Queue, "image:"+image.ID, claimWithin,
			jobs.UnclaimedArgs{Image: image.ID, Server: id, User: job.User, Project: job.Project})
		return err
	})
	if err != nil {
		return "", err
	}
	if _, err := s.Store.Create(ctx, image); err != nil {
		if done := s.DB.Tx(ctx, func(tx *db.Tx) error { return s.Queue.Withdraw(ctx, tx, guard) }); done != nil {
			return "", done
		}
		return "", err
	}
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		if _, err := jobs.Snapshot.Enqueue(ctx, tx, s.Queue, id, job); err != nil {
			return err
		}
		return s.Queue.Withdraw(ctx, tx, guard)
	})
	if err != nil { // now, not in a minute; if it fails the guard deletes it
		_ = s.Store.Delete(context.WithoutCancel(ctx), image.ID)
	}
	return image.ID, err
}

// imageOf describes the image of a server: it inherits the properties of the server's image.
func (s Snapshots) imageOf(ctx context.Context, v *nova.Server, kind string, a *SnapshotArgs) glance.NewImage {
	i := glance.NewImage{ID: ids.UUID(), Name: a.Name, DiskFormat: s.SnapshotFormat, ContainerFormat: "bare",
		MinDisk: int64(v.Flavor.Disk), MinRAM: v.Image.MinRAM, Properties: map[string]string{}}
	if i.DiskFormat == "" || i.DiskFormat == "auto" {
		i.DiskFormat = "qcow2"
		if v.Image.DiskFormat == "raw" {
			i.DiskFormat = "raw"
		}
	}
	for name, value := range v.Image.Properties {
		if !slices.Contains(s.NotInherited, name) && !strings.HasPrefix(name, "img_signature") {
			i.Properties[name] = value
		}
	}
	maps.Copy(i.Properties, map[string]string{"base_image_ref": v.Image.ID, "instance_uuid": v.ID, "image_type": kind,
		"image_location": "snapshot", "image_state": "available", "owner_id": v.Project})
	if c := auth.From(ctx); c != nil {
		i.Properties["user_id"] = c.UserID
	}
	if kind == "backup" {
		i.Properties["backup_type"] = a.Kind
	}
	maps.Copy(i.Properties, a.Metadata)
	return i
}

// CheckMetadata returns fault.Forbidden for more properties of an image than the project may have.
func (s Snapshots) CheckMetadata(ctx context.Context, project string, m map[string]string) error {
	l, err := s.Quotas.Limits(ctx, project, "")
	if err == nil && l.MetadataItems >= 0 && int64(len(m)) > l.MetadataItems {
		err = fault.Forbiddenf("Image metadata limit exceeded")
	}
	return err
}
