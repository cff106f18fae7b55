package addresses

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// MAC checks a wanted MAC address or generates one below base. Faults: InvalidInput, MacAddressInUse,
// MacAddressGenerationFailure.
func (s *Site) MAC(ctx context.Context, q db.Querier, base, want string) (string, error) {
	if want != "" {
		mac, err := ipam.ParseMAC(want)
		if err != nil {
			return "", neutron.BadInput("%s", err)
		}
		taken, err := store.MACTaken(ctx, q, s.Network.ID, mac, "")
		if err == nil && (taken || s.macs[mac]) {
			err = neutron.MACInUse(s.Network.ID, mac)
		}
		s.macs[mac] = true
		return mac, err
	}
	for range 16 {
		mac := ipam.NewMAC(base)
		taken, err := store.MACTaken(ctx, q, s.Network.ID, mac, "")
		if err != nil {
			return "", err
		}
		if !taken && !s.macs[mac] {
			s.macs[mac] = true
			return mac, nil
		}
	}
	return "", fault.Unavailablef("Unable to generate unique mac on network %s.", s.Network.ID).
		Coded("MacAddressGenerationFailure")
}
