package client_test

import (
	"context"
	"net/netip"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/ports"
	"hypernova/neutron/subnets"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// made is a network of the project p with a subnet 10.0.n.0/24.
func (p positions) made(t *testing.T, third string, change func(*neutron.Network)) string {
	t.Helper()
	n := neutron.Network{Name: "n" + third, AdminUp: true, PortSecurity: true, Meta: neutron.Meta{Project: "p"}}
	change(&n)
	ns, err := p.local.Networks.Create(t.Context(), []neutron.Network{n})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.local.Subnets.Create(t.Context(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"},
		Network: ns[0].ID,
		CIDR:    netip.MustParsePrefix("10.0." + third + ".0/24"), Version: 4}}); err != nil {
		t.Fatal(err)
	}
	return ns[0].ID
}

// What a server's ports ask for is judged as networking judges the user's own requests, at once and when it is done,
// in both positions.
func TestWishesAreJudgedByTheRightsOfWhoAsks(t *testing.T) {
	t.Parallel()
	p := newPositions(t)
	shared := p.made(t, "1", func(n *neutron.Network) { n.Shared = true })
	external := p.made(t, "2", func(n *neutron.Network) { n.External = true })
	private := p.made(t, "3", func(*neutron.Network) {})
	ports, err := p.local.Ports.Create(t.Context(), []ports.Wanted{
		{Meta: neutron.Meta{Project: "p"}, Network: private, FixedIPs: wantedIP("10.0.3.76")},
		{Meta: neutron.Meta{Project: "p"}, Network: private, DeviceID: "other-server",
			FixedIPs: wantedIP("10.0.3.77")}})
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]context.Context{}
	for name, c := range map[string]auth.Caller{
		"stranger": {ProjectID: "q", Roles: []string{"member", "reader"}},
		"owner":    {ProjectID: "p", Roles: []string{"member", "reader"}},
		"reader":   {ProjectID: "p", Roles: []string{"reader"}},
		"admin":    {ProjectID: "q", Roles: []string{"admin", "member", "reader"}},
	} {
		c.UserID = name
		who[name] = auth.With(t.Context(), &c)
	}
	ip := netip.MustParseAddr
	for _, c := range []struct {
		who, what string
		spec      neutron.PortSpec
		judged    string // code, or the kind where there is none; empty: allowed
		done      string // empty: as judged
	}{
		{"stranger", "any address of a shared network", neutron.PortSpec{Network: shared}, "", ""},
		{"stranger", "the gateway of a shared network", neutron.PortSpec{Network: shared, FixedIP: ip("10.0.1.1")},
			"PolicyNotAuthorized", ""},
		{"stranger", "an address of a shared network", neutron.PortSpec{Network: shared, FixedIP: ip("10.0.1.50")},
			"PolicyNotAuthorized", ""},
		{"stranger", "an external network", neutron.PortSpec{Network: external}, "NetworkNotFound", ""},
		{"stranger", "a network that is not his", neutron.PortSpec{Network: private}, "NetworkNotFound", ""},
		{"stranger", "a port that is not his", neutron.PortSpec{Port: ports[0].ID}, "", "PortNotFound"},
		{"reader", "his project's network", neutron.PortSpec{Network: private}, "PolicyNotAuthorized", ""},
		{"owner", "an address of his network", neutron.PortSpec{Network: shared, FixedIP: ip("10.0.1.60")}, "", ""},
		{"owner", "an address that is taken", neutron.PortSpec{Network: private, FixedIP: ip("10.0.3.77")},
			neutron.FixedIPTaken, "IpAddressInUse"},
		{"owner", "an address of no subnet", neutron.PortSpec{Network: private, FixedIP: ip("192.0.2.1")},
			"InvalidIpForNetwork", ""},
		{"admin", "an address of a shared network", neutron.PortSpec{Network: shared, FixedIP: ip("10.0.1.70")}, "",
			""},
		{"admin", "an external network", neutron.PortSpec{Network: external}, "", ""},
		{"admin", "another project's network", neutron.PortSpec{Network: private}, "", ""},
	} {
		for position, a := range map[string]neutron.API{"local": p.local.Compute, "http": p.http} {
			ctx := who[c.who]
			args := neutron.AllocateArgs{Server: "s", Project: auth.From(ctx).ProjectID, Host: "h",
				Specs: []neutron.PortSpec{c.spec}}
			if got := code(a.CheckAllocate(ctx, args)); got != c.judged {
				t.Errorf("%s: %s asks for %s: judged %q, want %q", position, c.who, c.what, got, c.judged)
			}
			want := c.done
			if want == "" {
				want = c.judged
			}
			made, err := a.Allocate(ctx, args)
			if got := code(err); got != want {
				t.Errorf("%s: %s asks for %s: done %q (%v), want %q", position, c.who, c.what, got, err, want)
			}
			if err == nil && (made[0].Host != "h" || made[0].VIFType != "fake") {
				t.Errorf("%s: %s asks for %s: not bound: %+v", position, c.who, c.what, made[0])
			}
			if err := a.Deallocate(auth.With(ctx, auth.Service("nova")), "s"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a user may not see of a server's ports and groups he is not shown by compute either.
func TestWhatIsShownIsJudgedByTheRightsOfWhoAsks(t *testing.T) {
	t.Parallel()
	p := newPositions(t)
	n := p.made(t, "1", func(*neutron.Network) {})
	if _, err := p.local.Compute.Allocate(t.Context(), neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
		Specs: []neutron.PortSpec{{Network: n}}}); err != nil {
		t.Fatal(err)
	}
	group, err := p.local.Compute.SecurityGroup(t.Context(), "p", "default")
	if err != nil {
		t.Fatal(err)
	}
	type shows interface {
		Show(ctx context.Context, id string) (neutron.SecurityGroup, error)
	}
	for position, a := range map[string]neutron.API{"local": p.local.Compute, "http": p.http} {
		for project, want := range map[string]int{"p": 1, "q": 0} {
			ctx := auth.With(t.Context(), &auth.Caller{UserID: "u", ProjectID: project, Roles: []string{"reader"}})
			ps, err := a.PortsOf(ctx, "s")
			if err != nil || len(ps) != want {
				t.Errorf("%s: %s sees %d ports, %v", position, project, len(ps), err)
			}
			if _, err := a.(shows).Show(ctx, group); (err == nil) != (want == 1) {
				t.Errorf("%s: %s asks for the group: %v", position, project, err)
			}
		}
	}
}

func code(err error) string {
	f := fault.Of(err)
	switch {
	case err == nil:
		return ""
	case f == nil:
		return err.Error()
	case f.Code != "":
		return f.Code
	}
	return f.Kind.String()
}

func wantedIP(ip string) opt.Of[[]addresses.Wanted] {
	return opt.Some([]addresses.Wanted{{IP: netip.MustParseAddr(ip)}})
}
