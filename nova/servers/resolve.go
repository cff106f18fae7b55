package servers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/fault"
)

// resolved is the image, flavor, key, zone, security groups and networks that a request names.
type resolved struct {
	flavor     nova.Flavor
	image      nova.ImageMeta
	nics       []nova.NICRequest
	groups     []string // ids
	groupNames []string
	publicKey  string
	newPorts   int // per server
	devices    []nova.BlockDevice
	rootDevice string // its name
}

// resolve reads them concurrently. Of several errors it returns the first in the order below.
func (s *Servers) resolve(ctx context.Context, project, user string, a *CreateArgs) (*resolved, error) {
	var r resolved
	var img glance.Image
	err := together(
		func() (err error) {
			r.flavor, err = s.Flavors.Flavor(ctx, a.Flavor)
			if err == nil && r.flavor.Disabled {
				return fault.Invalidf("Flavor %s could not be found.", a.Flavor)
			}
			return fault.Body(err)
		},
		func() (err error) {
			if a.Image == "" && len(a.Devices) == 0 {
				return fault.Invalidf("Missing imageRef attribute")
			}
			if a.Image == "" {
				return nil
			}
			img, err = s.Images.Image(ctx, a.Image)
			if fault.Is(err, fault.NotFound) {
				return fault.Invalidf("Can not find requested image")
			}
			return err
		},
		func() (err error) {
			if a.KeyName == "" {
				return nil
			}
			r.publicKey, err = s.Keys.PublicKey(ctx, user, a.KeyName)
			if fault.Is(err, fault.NotFound) {
				return fault.Invalidf("Invalid key_name provided.")
			}
			return err
		},
		func() error { return s.zone(ctx, a) },
		func() error { return s.networks(ctx, project, a, &r) },
		func() error { return s.groups(ctx, project, a, &r) },
	)
	if err != nil {
		return nil, err
	}
	r.image = ImageMeta(img)
	if r.devices, err = (mapper{s.Images, s.MaxLocalDevices}).devices(ctx, &r, a); err != nil {
		return nil, err
	}
	if err := fits(img, r.flavor); err != nil {
		return nil, err
	}
	if err := growable(&r.image, a.DiskConfig); err != nil {
		return nil, err
	}
	return &r, r.deliverable(a)
}

// together runs the functions concurrently, waits for all, and returns the first error in their order.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ImageMeta is what compute keeps of an image.
func ImageMeta(i glance.Image) nova.ImageMeta {
	return nova.ImageMeta{ID: i.ID, Name: i.Name, DiskFormat: i.DiskFormat, ContainerFormat: i.ContainerFormat,
		Checksum: i.Checksum,
		HashAlgo: i.HashAlgo, HashValue: i.HashValue, Size: i.Size, MinDisk: i.MinDisk, MinRAM: i.MinRAM,
		Properties: i.Properties}
}

// fits returns fault.Invalid for an image that cannot be used, or not with this flavor.
func fits(i glance.Image, f nova.Flavor) error {
	if i.Status != "active" {
		return fault.Invalidf("Image %s is not active.", i.ID)
	}
	if i.MinRAM > int64(f.RAM) {
		return fault.Invalidf("Flavor's memory is too small for requested image.")
	}
	if f.Disk == 0 {
		return nil
	}
	disk := int64(f.Disk) << 30
	if size := max(i.Size, i.VirtualSize); size > disk {
		return fault.Invalidf("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes.",
			disk, size)
	}
	if i.MinDisk > int64(f.Disk) {
		return fault.Invalidf("Flavor's disk is too small for requested image. Flavor disk is %d bytes, minimum size is %d bytes.", disk, i.MinDisk<<30)
	}
	return nil
}

// growable returns fault.Invalid for a disk that is to grow to its flavor's size, although the image forbids it.
func growable(i *nova.ImageMeta, diskConfig string) error {
	if diskConfig == "AUTO" && strings.EqualFold(strings.TrimSpace(i.Properties["auto_disk_config"]), "disabled") {
		return fault.Invalidf("Requested image %s has automatic disk resize disabled.", i.ID)
	}
	return nil
}

// zone returns fault.Invalid for an availability zone or host that does not exist.
func (s *Servers) zone(ctx context.Context, a *CreateArgs) error {
	if a.Host != "" {
		if _, err := store.ServiceOf(ctx, s.DB, a.Host, nova.BinaryCompute); err != nil {
			if fault.Is(err, fault.NotFound) {
				return fault.Invalidf("Compute host %s could not be found.", a.Host)
			}
			return err
		}
	}
	if a.AZ == "" || a.AZ == s.DefaultZone || a.Force {
		return nil
	}
	as, err := store.Aggregates(ctx, s.DB)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(as, func(x nova.Aggregate) bool { return x.Zone() == a.AZ && len(x.Hosts) > 0 }) {
		return fault.Invalidf("The requested availability zone is not available")
	}
	return nil
}

// groups finds the security groups of ports that will be made. The default group is not looked up: networking applies
// it itself.
func (s *Servers) groups(ctx context.Context, project string, a *CreateArgs, r *resolved) error {
	r.groupNames = slices.Compact(slices.Clone(a.SecurityGroups))
	if len(r.groupNames) == 0 {
		r.groupNames = []string{"default"}
		return nil
	}
	if slices.Equal(r.groupNames, []string{"default"}) {
		return nil
	}
	for _, g := range r.groupNames {
		id, err := s.Networks.SecurityGroup(ctx, project, g)
		switch f := fault.Of(err); {
		case fault.Is(err, fault.NotFound):
			return fault.Invalidf("Security group %s not found for project %s.", g, project)
		case f != nil && f.Kind == fault.Conflict:
			return errors.Join(fault.Conflictf("Multiple security groups found matching '%s'. Use an ID to be more specific.",
				g), err)
		case err != nil:
			return err
		}
		r.groups = append(r.groups, id)
	}
	return nil
}
