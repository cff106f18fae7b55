package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hypernova/oslo/fault"
)

// Run runs a command on the host whose packet filter it is.
type Run func(ctx context.Context, stdin []byte, argv ...string) ([]byte, error)

// Apply replaces the host's filter atomically: every packet meets the old rules or the new ones. Tracked connections stay.
func Apply(ctx context.Context, run Run, script string) error {
	_, err := run(ctx, []byte(script), "nft", "-f", "-")
	return err
}

// Present reports that both tables are there, or only the one where the mode has no other.
func Present(ctx context.Context, run Run, mode Mode) (bool, error) {
	out, err := run(ctx, nil, "nft", "list", "tables")
	if err != nil {
		return false, err
	}
	has := func(table string) bool { return strings.Contains("\n"+string(out), "\ntable "+table+"\n") }
	return has(portsTable) && (mode == Native || has(zonesTable)), nil
}

// Probe finds the form that this kernel can do, by trying; bridgeFilter says that bridged packets can be shown to the IP hooks.
func Probe(ctx context.Context, run Run, bridgeFilter func() bool) (Mode, error) {
	const (
		native = "table bridge hypernova_probe {\n\tchain probe {\n\t\ttype filter hook prerouting priority -300;\n\t\tiifname \"hypernova-none\" ct zone set 1\n\t\tiifname \"hypernova-none\" ct state established accept\n\t}\n}\n"
		remove = "table bridge hypernova_probe\ndelete table bridge hypernova_probe\n"
	)
	if _, err := run(ctx, nil, "nft", "--version"); err != nil {
		return "", fault.Unavailablef("security groups need the nft command: install the package nftables").Because(err)
	}
	if err := Apply(ctx, run, remove); err != nil {
		return "", fault.Unavailablef("this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE), or the agent lacks the right to use it").Because(err)
	}
	noNative := Apply(ctx, run, native)
	if noNative == nil {
		if err := Apply(ctx, run, remove); err != nil {
			return "", fmt.Errorf("remove the probe: %w", err)
		}
		return Native, nil
	}
	if bridgeFilter() {
		return Mark, nil
	}
	_, noModule := run(ctx, nil, "modprobe", "br_netfilter")
	if bridgeFilter() {
		return Mark, nil
	}
	return "", fault.Unavailablef("this kernel tracks no connections on bridges: it needs the module nf_conntrack_bridge or br_netfilter").Because(errors.Join(noNative, noModule))
}
