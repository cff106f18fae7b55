package servers

import (
	"context"
	"errors"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Disks implements the operations that give a server another disk: rebuild and rescue.
type Disks struct{ *Servers }

// RebuildArgs are the arguments of Rebuild; an absent member leaves what the server has.
type RebuildArgs struct {
	Image                                              string // id
	Name, Hostname, AccessIPv4, AccessIPv6, DiskConfig opt.Of[string]
	Description, KeyName, UserData                     opt.Of[string] // null: none
	Metadata                                           opt.Of[map[string]string]
	Files                                              []nova.File
	AdminPass                                          string
	KeepEphemeral                                      bool
}

// Rebuild begins to give a server a new disk made of an image, and returns the server as it will be. Its ports and
// addresses stay. Faults: Conflict if its state or lock forbids it, Invalid for an image, key or property that does not
// suit, OverQuota for too many metadata items or files.
func (s Disks) Rebuild(ctx context.Context, id string, a RebuildArgs) (nova.Server, error) {
	v, err := s.Server(ctx, id)
	if err != nil {
		return v, err
	}
	if err := open(ctx, &v, rebuildOf(&v)); err != nil {
		return v, err
	}
	r, err := s.newDisk(ctx, &v, &a)
	if err != nil {
		return v, err
	}
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		action := rebuildOf(&v)
		if err := s.take(ctx, tx, &v, *action); err != nil {
			return err
		}
		job := jobs.RebuildArgs{Server: id, Op: action.Key, Files: a.Files, AdminPass: a.AdminPass,
			KeepEphemeral: a.KeepEphemeral, Was: jobs.DiskArgs{Image: *v.Image, KeyName: v.KeyName, PublicKey: v.PublicKey,
				UserData: v.UserData, ConfigDrive: v.ConfigDrive}}
		if c := auth.From(ctx); c != nil {
			job.User, job.Project = c.UserID, c.ProjectID
		}
		r.apply(&v, &a)
		if err := store.SaveRebuilt(ctx, tx, &v, s.Now()); err != nil {
			return err
		}
		if _, err := jobs.Rebuild.Enqueue(ctx, tx, s.Queue, id, job); err != nil {
			return err
		}
		v, err = store.Server(ctx, tx, id)
		return err
	})
	return v, err
}

// rebuildOf is the action that rebuilds a server in its state. For a state that allows none it is the first, which says
// so.
func rebuildOf(v *nova.Server) *nova.ServerAction {
	a := nova.RebuildServer
	if v.VM == nova.Stopped {
		a = nova.RebuildStoppedServer
	}
	return &a
}

// newDisk is what a rebuild's request refers to.
type newDisk struct {
	image     nova.ImageMeta
	publicKey string
	drive     bool // the image asks for a config drive
}

func (s Disks) newDisk(ctx context.Context, v *nova.Server, a *RebuildArgs) (*newDisk, error) {
	var d newDisk
	var err error
	if name := a.KeyName.Or(""); name != "" {
		c := auth.From(ctx) // keys belong to users, also where another user made the server
		if c == nil {
			return nil, fault.Forbiddenf("Keys belong to users; there is none.")
		}
		d.publicKey, err = s.Keys.PublicKey(ctx, c.UserID, name)
		if fault.Is(err, fault.NotFound) {
			return nil, fault.Invalidf("Invalid key_name provided.")
		}
		if err != nil {
			return nil, err
		}
	}
	img, err := s.Images.Image(ctx, a.Image)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Invalidf("Cannot find image for rebuild")
	}
	if err != nil {
		return nil, err
	}
	limits, err := s.Quotas.Limits(ctx, v.Project, "")
	if err != nil {
		return nil, err
	}
	if err := checkItems(limits, &CreateArgs{Metadata: a.Metadata.Value, Files: a.Files}); err != nil {
		return nil, err
	}
	d.image = ImageMeta(img)
	if err := growable(&d.image, a.DiskConfig.Or("")); err != nil {
		return nil, err
	}
	return &d, d.suits(img, v.Flavor)
}

// suits checks the image as that of a new server is checked.
func (d *newDisk) suits(img glance.Image, flavor *nova.Flavor) error {
	if err := fits(img, *flavor); err != nil {
		return err
	}
	r, asked := resolved{flavor: *flavor, image: d.image}, CreateArgs{}
	err := r.deliverable(&asked)
	d.drive = asked.ConfigDrive
	return err
}

// apply writes the request's members into the server.
func (d *newDisk) apply(v *nova.Server, a *RebuildArgs) {
	image := d.image
	v.Image, v.ConfigDrive = &image, v.ConfigDrive || d.drive
	v.Name = a.Name.Or(v.Name)
	v.Hostname = a.Hostname.Or(v.Hostname)
	v.DiskConfig = a.DiskConfig.Or(v.DiskConfig)
	v.AccessIPv4, v.AccessIPv6 = a.AccessIPv4.Or(v.AccessIPv4), a.AccessIPv6.Or(v.AccessIPv6)
	if a.Description.Set {
		v.Description = a.Description.Ptr()
	}
	if a.UserData.Set {
		v.UserData = a.UserData.Or("")
	}
	if a.KeyName.Set {
		v.KeyName, v.PublicKey = a.KeyName.Or(""), d.publicKey
	}
	if a.Metadata.Set {
		v.Metadata = a.Metadata.Value
	}
}

// Rescue begins to start a server from a disk made of an image: the named one, else the one that the operator has
// chosen, else the server's own. Faults: Conflict if its state or lock forbids it, Invalid for an image that no rescue
// can be made of.
func (s Disks) Rescue(ctx context.Context, id, image, password string) error {
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	action := nova.RescueServer
	if err := open(ctx, &v, &action); err != nil {
		return err
	}
	job := jobs.RescueArgs{Server: id, Image: *v.Image, AdminPass: password}
	if image == "" {
		image = s.RescueImage
	}
	if image != "" {
		if job.Image, err = s.rescueImage(ctx, image); err != nil {
			return err
		}
	}
	if c := auth.From(ctx); c != nil {
		job.User, job.Project = c.UserID, c.ProjectID
	}
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		_, err := jobs.Rescue.Enqueue(ctx, tx, s.Queue, id, job)
		return err
	})
}

func (s Disks) rescueImage(ctx context.Context, id string) (nova.ImageMeta, error) {
	img, err := s.Images.Image(ctx, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return nova.ImageMeta{}, errors.Join(fault.Invalidf("Requested rescue image '%s' is not supported", id), err)
	}
	if err != nil {
		return nova.ImageMeta{}, err
	}
	m := ImageMeta(img)
	if bdm := m.Property("img_block_device_mapping"); bdm != "" && bdm != "[]" {
		return m, fault.Invalidf("Requested rescue image '%s' is not supported", id)
	}
	if img.Status != "active" {
		return m, fault.Invalidf("Image %s is not active.", id)
	}
	return m, nil
}
