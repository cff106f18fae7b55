package client_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	"hypernova/neutron/api"
	"hypernova/neutron/client"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/mech/fake"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/plugin"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/neutron/subnets"
	kit "hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// positions are the same networking, in this process and over HTTP.
type positions struct {
	db    *db.DB
	local *plugin.Plugin
	http  *client.Client
}

func newPositions(t *testing.T) positions {
	t.Helper()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
	c := plugin.Config{ML2: ml2.Defaults(), Quotas: quota.Defaults()}
	ts, err := types.New(c.ML2)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.New(api.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := plugin.New(c, plugin.Deps{DB: d, Types: ts,
		Mechanisms: []ml2.Mechanism{&fake.Mechanism{Refuse: []string{"refused"}}}, Rights: api.Rights{Policy: e}})
	h := api.Handler(kit.Config{Policy: e, Validator: auth.ValidatorFunc(func(context.Context, string) (*auth.Caller,
		error) {
		return auth.Service("nova"), nil
	})},
		n, agentserver.New(n, c.ML2.AgentDownTime))
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return positions{d, n, client.New(s.URL, httpc.Static("token"))}
}

func (p positions) network(t *testing.T) string {
	t.Helper()
	ns, err := p.local.Networks.Create(t.Context(), []neutron.Network{{Name: "n", AdminUp: true, PortSecurity: true,
		Meta: neutron.Meta{Project: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.local.Subnets.Create(t.Context(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: ns[0].ID,
		CIDR: netip.MustParsePrefix("10.0.0.0/24"), Version: 4,
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		Routes: []neutron.HostRoute{{Destination: netip.MustParsePrefix("10.9.0.0/16"),
			NextHop: netip.MustParseAddr("10.0.0.9")}}}})
	if err != nil {
		t.Fatal(err)
	}
	return ns[0].ID
}

func compare(t *testing.T, what string, local, remote any) {
	t.Helper()
	if d := cmp.Diff(local, remote, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
		cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s differs between the positions (-local +http):\n%s", what, d)
	}
}

func TestBothPositionsAnswerTheSame(t *testing.T) {
	t.Parallel()
	p := newPositions(t)
	ctx := t.Context()
	n := p.network(t)
	taken, err := p.local.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n, Name: "mine",
		AddressPairs: []neutron.AddressPair{{IP: "10.0.0.99"}}}})
	if err != nil {
		t.Fatal(err)
	}
	args := neutron.AllocateArgs{Server: "s", Project: "p", Host: "h", DNSName: "web",
		Specs: []neutron.PortSpec{{Network: n, Tag: "a"}, {Port: taken[0].ID},
			{Network: n, FixedIP: netip.MustParseAddr("10.0.0.50")}}}
	made, err := p.http.Allocate(ctx, args)
	if err != nil {
		t.Fatal(err)
	}
	if made[2].FixedIPs[0].IP != netip.MustParseAddr("10.0.0.50") || made[1].ID != taken[0].ID || !made[0].Created ||
		made[1].Created {
		t.Errorf("got %+v", made)
	}
	again, err := p.local.Compute.Allocate(ctx, args)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "Allocate", again, made)
	third, err := p.http.Allocate(ctx, args)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "Allocate again", again, third)
	for what, ask := range map[string]func(neutron.API) (any, error){
		"PortsOf":       func(a neutron.API) (any, error) { return a.PortsOf(ctx, "s") },
		"Port":          func(a neutron.API) (any, error) { return a.Port(ctx, taken[0].ID) },
		"Network":       func(a neutron.API) (any, error) { return a.Network(ctx, n) },
		"Available":     func(a neutron.API) (any, error) { return a.Available(ctx, "p") },
		"PortQuotaFree": func(a neutron.API) (any, error) { return a.PortQuotaFree(ctx, "p") },
		"GroupNames":    func(a neutron.API) (any, error) { return a.GroupNames(ctx, []string{"s", "nobody"}) },
		"SecurityGroup": func(a neutron.API) (any, error) { return a.SecurityGroup(ctx, "p", "default") },
	} {
		local, err := ask(p.local.Compute)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		remote, err := ask(p.http)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		compare(t, what, local, remote)
	}
	stranger := auth.With(ctx, &auth.Caller{UserID: "u", ProjectID: "q", Roles: []string{"member", "reader"}})
	for what, ask := range map[string]func(neutron.API) error{
		"PortNotFound":          func(a neutron.API) error { _, err := a.Port(stranger, taken[0].ID); return err },
		"NetworkNotFound":       func(a neutron.API) error { _, err := a.Network(stranger, n); return err },
		"SecurityGroupNotFound": func(a neutron.API) error { _, err := a.SecurityGroup(stranger, "q", "nope"); return err },
		"PortInUse": func(a neutron.API) error {
			_, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "other", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Port: taken[0].ID}}})
			return err
		},
		"IpAddressInUse": func(a neutron.API) error {
			_, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "other", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Network: n, FixedIP: netip.MustParseAddr("10.0.0.50")}}})
			return err
		},
		"PortBindingFailed": func(a neutron.API) error {
			_, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "other", Project: "p", Host: "refused",
				Specs: []neutron.PortSpec{{Network: n}, {Network: n}}})
			return err
		},
	} {
		for position, a := range map[string]neutron.API{"local": p.local.Compute, "http": p.http} {
			if f := fault.Of(ask(a)); f == nil || f.Code != what {
				t.Errorf("%s: got %v, want %s", position, f, what)
			}
		}
	}
	if left, err := p.local.Compute.PortsOf(ctx, "other"); err != nil || len(left) != 0 {
		t.Errorf("failed calls left %v, %v", left, err)
	}
}

func TestOnePositionUndoesWhatTheOtherDid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"made over HTTP", "made here"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPositions(t)
			ctx := t.Context()
			n := p.network(t)
			taken, err := p.local.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n,
				Profile: `{"card":"x"}`}})
			if err != nil {
				t.Fatal(err)
			}
			var maker, undoer neutron.API = p.http, p.local.Compute
			if name == "made here" {
				maker, undoer = p.local.Compute, p.http
			}
			if _, err := maker.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Network: n, Tag: "t"}, {Port: taken[0].ID, Tag: "u"}}}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := undoer.Deallocate(ctx, "s"); err != nil {
					t.Fatal(err)
				}
			}
			ports, err := store.PortsOfNetwork(ctx, p.db, n)
			if err != nil || len(ports) != 1 || ports[0].DeviceID != "" || ports[0].Host != "" || ports[0].Tag != "" ||
				ports[0].Profile != `{"card":"x"}` {
				t.Errorf("left %+v, %v", ports, err)
			}
		})
	}
}

func TestAFailedAllocatePutsTakenPortsBack(t *testing.T) {
	t.Parallel()
	p := newPositions(t)
	ctx := t.Context()
	n := p.network(t)
	taken, err := p.local.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.local.Quotas.Update(ctx, "p", map[string]int64{quota.Port: 1}); err != nil {
		t.Fatal(err)
	}
	_, err = p.http.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
		Specs: []neutron.PortSpec{{Port: taken[0].ID}, {Network: n}}})
	if !fault.Is(err, fault.OverQuota) {
		t.Errorf("got %v, want a quota's refusal", err)
	}
	if port, err := p.local.Ports.Show(ctx, taken[0].ID); err != nil || port.DeviceID != "" || port.Host != "" {
		t.Errorf("got %+v, %v", port, err)
	}
	if err := p.local.Networks.Delete(ctx, n, opt.Of[int64]{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestSecurityGroupsAreTheSameInBothPositions(t *testing.T) {
	t.Parallel()
	p := newPositions(t)
	ctx := t.Context()
	id, err := p.local.Compute.SecurityGroup(ctx, "p", "default")
	if err != nil {
		t.Fatal(err)
	}
	low, high := 22, 23
	_, err = p.local.Groups.CreateRules(ctx, []neutron.SecurityGroupRule{{Group: id, Ingress: true, Ether: 6,
		Protocol: "tcp", PortMin: &low, PortMax: &high,
		RemotePrefix: "2001:db8::/32", Meta: neutron.Meta{Project: "p", Description: "ssh"}}},
		func(neutron.SecurityGroup) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	local, err := p.local.Groups.Show(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := p.http.Show(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	clean := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Second),
		cmpopts.IgnoreFields(neutron.SecurityGroup{}, "Default")}
	if d := cmp.Diff(local, remote, clean); d != "" || len(remote.Rules) != 5 {
		t.Errorf("security group differs between the positions (-local +http):\n%s", d)
	}
	if _, err := p.http.Show(ctx, "11111111-1111-1111-1111-111111111111"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of one that is not there: %v", err)
	}
}
