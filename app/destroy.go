package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/agent/l2"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
	"hypernova/nova/virt"
	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
)

// Destroy removes what the compute roles of this configuration have made on this host, and what is known to have been
// made before by others: guests with their disks, cached images, bridges, namespaces, rules. Nothing of the cloud may
// run. say tells of each thing. What it could not look for, or could not remove, is an error.
func Destroy(ctx context.Context, c Config, made Made, log *slog.Logger, say func(string)) error {
	var errs []error
	for _, dir := range unique(made.Instances, c.Default.InstancesPath) {
		there := c
		there.Default.InstancesPath = dir
		errs = append(errs, destroyGuests(ctx, there, log, say))
	}
	for _, owner := range unique(made.Owners, c.owner()) {
		errs = append(errs, destroyStrays(ctx, c, owner, log, say), destroyNetworks(ctx, c, owner, log, say))
	}
	return errors.Join(errs...)
}

// unique is a list with one more item, each once.
func unique[T comparable](list []T, more T) []T {
	var out []T
	for _, x := range append(slices.Clone(list), more) {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// destroyGuests removes what lies in the folder of servers, and the folder's images. A folder that is not there has
// nothing.
func destroyGuests(ctx context.Context, c Config, log *slog.Logger, say func(string)) error {
	if _, err := os.Stat(c.Default.InstancesPath); !c.fakeDriver() && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	driver, err := hypervisors().New("hypervisor", driverName(c.Default.Driver), hypervisorConfig{&c, "", log, clock.Real})
	if err != nil {
		return err
	}
	if err := driver.Init(ctx); err != nil {
		return fmt.Errorf("guests: %w", err)
	}
	guests, err := driver.Servers(ctx)
	if err != nil {
		return fmt.Errorf("guests: %w", err)
	}
	var errs []error
	for _, g := range guests {
		err := driver.Destroy(ctx, g.ID)
		if err == nil {
			say("guest " + g.Name)
		}
		errs = append(errs, err)
	}
	if cache, ok := driver.(virt.ImageCache); ok {
		did, err := cache.CleanImages(ctx, virt.CachePolicy{})
		if n := len(did.Removed); n > 0 {
			say(fmt.Sprintf("%d cached images", n))
		}
		if err == nil && len(did.Kept) > 0 {
			err = fault.Conflictf("%d cached images in %s are still in use", len(did.Kept), c.Default.InstancesPath)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// destroyStrays removes guests by their mark, wherever their files lie. Images that are cached beside them are named:
// they may be another cloud's too.
func destroyStrays(ctx context.Context, c Config, owner uint32, log *slog.Logger, say func(string)) error {
	c.ownerIs = owner
	driver, err := hypervisors().New("hypervisor", driverName(c.Default.Driver), hypervisorConfig{&c, "", log, clock.Real})
	if err != nil {
		return err
	}
	finder, ok := driver.(virt.Finder)
	if !ok {
		return nil
	}
	strays, err := finder.Strays(ctx)
	if err != nil {
		return fmt.Errorf("guests elsewhere: %w", err)
	}
	var errs []error
	var bases []string
	for _, s := range strays {
		err := driver.Destroy(ctx, s.ID)
		if err == nil {
			say("guest " + s.Name + " with its files in " + s.Folder)
		}
		errs = append(errs, err)
		base := filepath.Join(filepath.Dir(s.Folder), "_base")
		if _, err := os.Stat(base); err == nil && s.Folder != "" && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	for _, b := range bases {
		errs = append(errs, fault.Conflictf("images that the cloud has cached may be in %s: remove it if no other cloud "+
			"uses it", b))
	}
	return errors.Join(errs...)
}

// destroyNetworks has the host carry nothing: the reconciler takes away what it does not find in an empty state.
func destroyNetworks(ctx context.Context, c Config, owner uint32, log *slog.Logger, say func(string)) error {
	if c.fakeDriver() {
		return nil
	}
	kernel, err := netdev.Open(netdev.Options{Owner: owner, TapOwner: -1, TapGroup: -1})
	if err != nil {
		return fmt.Errorf("networks: %w", err)
	}
	mode, err := nft.Probe(ctx, kernel.Run, kernel.BridgeFilter)
	if err != nil {
		return errors.Join(fmt.Errorf("networks: %w", err), kernel.Close())
	}
	tunnel, _ := netip.ParseAddr(c.Default.MyIP) // checked with the configuration
	r := l2.New(kernel, l2.Settings{Owner: owner, TunnelIP: tunnel, TunnelPort: c.NetAgent.TunnelPort,
		SpaceName: kernel.SpaceName, RouterName: kernel.RouterName, Mode: mode}, log)
	left, err := r.Apply(ctx, neutron.HostState{})
	err = errors.Join(err, errors.Join(left.Failed...), nft.Drop(ctx, kernel.Run, owner))
	if err == nil {
		say("bridges, namespaces and rules")
	} else {
		err = fmt.Errorf("networks: not all could be removed: %w", err)
	}
	return errors.Join(err, kernel.Close())
}
