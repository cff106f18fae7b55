package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Run runs a command on the host whose packet filter it is.
type Run func(ctx context.Context, stdin []byte, argv ...string) ([]byte, error)

// Apply replaces the host's filter atomically: every packet meets the old rules or the new ones. Tracked connections
// stay.
func Apply(ctx context.Context, run Run, script string) error {
	_, err := run(ctx, []byte(script), "nft", "-f", "-")
	return err
}

// Drop removes the tables of an owner.
func Drop(ctx context.Context, run Run, owner uint32) error {
	var script strings.Builder
	for _, t := range Names(owner) {
		fmt.Fprintf(&script, "table %[1]s\ndelete table %[1]s\n", t) // deleting what is not there would be an error
	}
	return Apply(ctx, run, script.String())
}

// Probe finds the form that this kernel can do, by trying; bridgeFilter says that bridged packets can be shown to the
// IP hooks.
func Probe(ctx context.Context, run Run, bridgeFilter func() bool) (Mode, error) {
	// Other clouds of this host may be trying at the same time.
	name := "bridge hypernova_probe_" + ids.Hex()[:8]
	native := "table " + name +
		" {\n\tchain probe {\n\t\ttype filter hook prerouting priority -300;\n\t\tiifname \"hypernova-none\" ct zone set 1\n\t\tiifname \"hypernova-none\" ct state established accept\n\t}\n}\n"
	remove := fmt.Sprintf("table %[1]s\ndelete table %[1]s\n", name)
	if _, err := run(ctx, nil, "nft", "--version"); err != nil {
		return "", fault.Unavailablef("security groups need the nft command: install the package nftables").Because(err)
	}
	if err := Apply(ctx, run, remove); err != nil {
		return "", fault.Unavailablef(
			"this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE), or the agent lacks the right to use it").Because(
			err)
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
	return "", fault.Unavailablef(
		"this kernel tracks no connections on bridges: it needs the module nf_conntrack_bridge or br_netfilter").Because(
		errors.Join(noNative, noModule))
}
