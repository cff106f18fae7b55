package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/agent/l2"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
	"hypernova/oslo/clock"
)

// Destroy removes what the compute roles of this configuration have made on this host: guests with their disks, bridges, namespaces, rules.
// Nothing of the cloud may run. say tells of each thing.
func Destroy(ctx context.Context, c Config, log *slog.Logger, say func(string)) error {
	return errors.Join(destroyGuests(ctx, c, log, say), destroyNetworks(ctx, c, log, say))
}

func destroyGuests(ctx context.Context, c Config, log *slog.Logger, say func(string)) error {
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
	return errors.Join(errs...)
}

// destroyNetworks has the host carry nothing: the reconciler takes away what it does not find in an empty state.
func destroyNetworks(ctx context.Context, c Config, log *slog.Logger, say func(string)) error {
	if c.fakeDriver() {
		return nil
	}
	kernel, err := netdev.Open(netdev.Options{Owner: c.owner(), TapOwner: -1, TapGroup: -1})
	if err != nil {
		return fmt.Errorf("networks: %w", err)
	}
	mode, err := nft.Probe(ctx, kernel.Run, kernel.BridgeFilter)
	if err != nil {
		return errors.Join(fmt.Errorf("networks: %w", err), kernel.Close())
	}
	tunnel, _ := netip.ParseAddr(c.Default.MyIP) // checked with the configuration
	r := l2.New(kernel, l2.Settings{Owner: c.owner(), TunnelIP: tunnel, TunnelPort: c.NetAgent.VXLANPort, SpaceName: kernel.SpaceName, Mode: mode}, log)
	left, err := r.Apply(ctx, neutron.HostState{})
	err = errors.Join(err, errors.Join(left.Failed...), nft.Drop(ctx, kernel.Run, c.owner()))
	if err == nil {
		say("bridges, namespaces and rules")
	} else {
		err = fmt.Errorf("networks: not all could be removed: %w", err)
	}
	return errors.Join(err, kernel.Close())
}
