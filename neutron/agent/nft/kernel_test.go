//go:build linux

package nft_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/neutron/agent/nft"
)

func runner(t *testing.T) nft.Run {
	t.Helper()
	h, err := netdev.Open(netdev.Options{Netns: netdevtest.New(t).Path(), TapOwner: -1, TapGroup: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h.Run
}

// TestDifferencesAddUp applies a chain of random rulesets by their differences and compares with the last one applied
// whole.
func TestDifferencesAddUp(t *testing.T) {
	t.Parallel()
	step, whole := runner(t), runner(t)
	ctx := t.Context()
	mode, err := nft.Probe(ctx, step, func() bool { return true })
	if err != nil {
		t.Skip(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	was := nft.Ruleset{Mode: mode}.Tables()
	if err := nft.Apply(ctx, step, was.Whole()); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		now := random(rnd, mode).Tables()
		if diff := now.Since(was); diff != "" {
			if err := nft.Apply(ctx, step, diff); err != nil {
				t.Fatalf("step %d: %v\n%s", i, err, diff)
			}
		}
		was = now
		if err := nft.Apply(ctx, whole, now.Whole()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if d := cmp.Diff(listing(t, ctx, whole), listing(t, ctx, step)); d != "" {
			t.Fatalf("step %d: differences do not add up to the whole (-whole +steps):\n%s", i, d)
		}
	}
}

// listing is the ruleset without regard to the order of names and elements.
func listing(t *testing.T, ctx context.Context, run nft.Run) []string {
	t.Helper()
	out, err := run(ctx, nil, "nft", "-s", "-j", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	return normal(t, out)
}

func random(rnd *rand.Rand, mode nft.Mode) nft.Ruleset {
	r := nft.Ruleset{Mode: mode}
	pick := func(n int) []int {
		all := rnd.Perm(n)
		return all[:rnd.IntN(n+1)]
	}
	id := func(kind, i int) string { return fmt.Sprintf("%08d-%04d-4000-8000-000000000000", i, kind) }
	for _, g := range pick(4) {
		hg := neutron.HostGroup{ID: id(1, g), Stateless: g == 3}
		for _, x := range pick(4) {
			rule := neutron.HostRule{Ingress: x%2 == 0, Ether: 4, Protocol: "tcp", PortMin: x, PortMax: x + rnd.IntN(3),
				RemoteAny: rnd.IntN(2) == 0}
			for _, b := range pick(3) {
				rule.Remote = append(rule.Remote, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(b), 0, 0}), 16+8*rnd.IntN(3)))
			}
			hg.Rules = append(hg.Rules, rule)
		}
		r.Groups = append(r.Groups, hg)
	}
	for _, n := range pick(3) {
		net := nft.Network{ID: id(2, n), Bridge: fmt.Sprintf("brq%08d-00", n),
			Zone: uint16(nft.FirstZone + n + rnd.IntN(2)*10)}
		if rnd.IntN(2) == 0 {
			net.DHCP, net.Tunnel = fmt.Sprintf("tap%08d-ff", n), fmt.Sprintf("vxlan-%d", n)
		}
		r.Networks = append(r.Networks, net)
		for _, p := range pick(4) {
			mac := fmt.Sprintf("fa:16:3e:00:%02x:%02x", n, p)
			port := nft.Port{ID: id(3+n, p), Network: net.ID, Device: fmt.Sprintf("tap%08d-%02d", p, n), MAC: mac,
				Secure: rnd.IntN(4) > 0}
			for _, x := range pick(3) {
				port.Sources = append(port.Sources,
					nft.Source{MAC: mac, IP: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(x)}), 32-rnd.IntN(2))})
			}
			for _, g := range pick(4) {
				port.Groups = append(port.Groups, id(1, g))
			}
			r.Ports = append(r.Ports, port)
		}
	}
	slices.SortFunc(r.Ports, func(a, b nft.Port) int { return rnd.IntN(3) - 1 })
	return r
}
