package metadata_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/nova/metadata"
	"hypernova/oslo/fault"
)

const id = "0a1b2c3d-0000-4000-8000-000000000000"

var ports = []nova.NIC{{ID: "p1", Network: "n1", MAC: "fa:16:3e:00:00:01", MTU: 1450, Device: "tapp1", VIFType: "tap",
	Tag: "front",
	FixedIPs: []nova.FixedIP{{Subnet: "s4", IP: netip.MustParseAddr("10.0.0.5")},
		{Subnet: "s6", IP: netip.MustParseAddr("fd00::5")}},
	Subnets: []nova.Subnet{{ID: "s4", DHCP: true, CIDR: netip.MustParsePrefix("10.0.0.0/24"),
		DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")}},
		{ID: "s6", CIDR: netip.MustParsePrefix("fd00::/64"), Gateway: netip.MustParseAddr("fd00::1"),
			Routes: []nova.HostRoute{{Destination: netip.MustParsePrefix("fd01::/16"),
				NextHop: netip.MustParseAddr("fd00::2")}}}}}}

type one struct{}

func (one) Server(_ context.Context, asked string) (nova.Server, error) {
	if asked != id {
		return nova.Server{}, fault.NotFoundf("no server")
	}
	return nova.Server{ID: id, Name: "s1", Hostname: "s1", Project: "p", AZ: "nova", KeyName: "k",
		PublicKey: "ssh-rsa AAAA", LaunchIndex: 2,
		UserData: base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n")), Metadata: map[string]string{"a": "b"},
		Flavor: &nova.Flavor{Name: "m1.tiny"}, Image: &nova.ImageMeta{}}, nil
}

func (one) Ports(context.Context, string) ([]nova.NIC, error) { return ports, nil }

func (one) Password(context.Context, string) (string, error) { return "sealed", nil }

func (one) SetPassword(_ context.Context, _, password string) error {
	if password == "again" {
		return fault.Conflictf("there is one")
	}
	return nil
}

func (one) GroupNames(context.Context, string) ([]string, error) {
	return []string{"web", "default"}, nil
}

var config = metadata.Config{Domain: "novalocal"}

func get(path string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	metadata.New(metadata.Config{Domain: config.Domain, Secret: "secret"}, one{}, nil).ServeHTTP(w, r)
	return w
}

func proof() map[string]string {
	return map[string]string{"X-Instance-ID": id, "X-Tenant-ID": "p",
		"X-Instance-ID-Signature": metadata.Sign([]byte("secret"), id)}
}

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/latest/meta-data":                             "ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nhostname\ninstance-action\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nplacement/\npublic-hostname\npublic-ipv4\npublic-keys/\nreservation-id\nsecurity-groups",
		"/1.0/meta-data":                                "ami-id\nami-launch-index\nami-manifest-path\nhostname\ninstance-id\nlocal-ipv4\npublic-keys/\nreservation-id\nsecurity-groups",
		"/ec2/latest/meta-data/security-groups":         "web\ndefault",
		"//latest//meta-data/../meta-data/hostname/":    "s1.novalocal",
		"/latest/meta-data/instance-id":                 "i-0a1b2c3d",
		"/latest/meta-data/local-ipv4":                  "10.0.0.5",
		"/2009-04-04/meta-data/public-keys/":            "0=k",
		"/latest/meta-data/public-keys/0":               "openssh-key",
		"/latest/meta-data/public-keys/0/openssh-key":   "ssh-rsa AAAA",
		"/latest/meta-data/placement/availability-zone": "nova",
		"/latest/meta-data/placement":                   "availability-zone",
		"/latest/user-data":                             "#!/bin/sh\n",
		"/latest/":                                      "meta-data/\nuser-data",
		"/openstack/latest/user_data":                   "#!/bin/sh\n",
		"/openstack/2012-08-10/":                        "meta_data.json\nuser_data",
		"/openstack/latest": "meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\n" +
			"vendor_data2.json",
		"/openstack/latest/vendor_data2.json": `{"static":{}}`,
		"/openstack/latest/vendor_data.json":  "{}",
		"/openstack/latest/password":          "sealed",
		"/openstack/2013-04-04/password":      "sealed",
		"/openstack/2013-04-04":               "meta_data.json\nuser_data\npassword",
	} {
		if w := get(path, proof()); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: got %d %q, want %q", path, w.Code, w.Body, want)
		}
	}
	for _, path := range []string{"/openstack/2012-08-10/network_data.json", "/openstack/2012-08-10/password",
		"/openstack/1999-01-01/meta_data.json",
		"/nonsense", "/latest/meta-data/none",
		"/openstack/content", "/2007-01-19/meta-data/placement", "/latest/meta-data/hostname/below"} {
		if w := get(path, proof()); w.Code != 404 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	var m map[string]any
	if err := json.Unmarshal(get("/openstack/latest/meta_data.json", proof()).Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if seed, _ := base64.StdEncoding.DecodeString(m["random_seed"].(string)); len(seed) != 512 {
		t.Errorf("seed of %d bytes", len(seed))
	}
	delete(m, "random_seed")
	want := map[string]any{"uuid": id, "name": "s1", "hostname": "s1.novalocal", "availability_zone": "nova",
		"launch_index": 2.0, "project_id": "p",
		"meta": map[string]any{"a": "b"}, "public_keys": map[string]any{"k": "ssh-rsa AAAA"}, "dedicated_cpus": []any{},
		"keys": []any{map[string]any{"name": "k", "type": "ssh", "data": "ssh-rsa AAAA"}},
		"devices": []any{map[string]any{"type": "nic", "bus": "none", "address": "none", "mac": "fa:16:3e:00:00:01",
			"tags": []any{"front"}, "vf_trusted": false}}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header, value string
		status              int
	}{
		{"no server", "X-Instance-ID", "", 400}, {"no project", "X-Tenant-ID", "", 400},
		{"wrong proof", "X-Instance-ID-Signature", "00", 403},
		{"no proof", "X-Instance-ID-Signature", "", 403}, {"proof of another server", "X-Instance-ID", "x", 403},
		{"other project", "X-Tenant-ID", "q", 404},
	} {
		h := proof()
		h[tc.header] = tc.value
		if w := get("/openstack/latest/meta_data.json", h); w.Code != tc.status {
			t.Errorf("%s: got %d, want %d", tc.name, w.Code, tc.status)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/latest/", nil)
	r.Header.Set("X-Instance-ID", id)
	r.Header.Set("X-Tenant-ID", "p")
	r.Header.Set("X-Instance-ID-Signature", metadata.Sign(nil, id))
	metadata.New(config, one{}, nil).ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("an empty secret proves something: %d", w.Code)
	}
}

func TestGuestsWriteTheirPassword(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"the first", "POST", "/openstack/latest/password", "sealed", 200},
		{"the longest", "POST", "/openstack/2013-04-04/password", strings.Repeat("x", 1020), 200},
		{"a longer one", "POST", "/openstack/latest/password", strings.Repeat("x", 1021), 400},
		{"another", "POST", "/openstack/latest/password", "again", 409},
		{"another way", "PUT", "/openstack/latest/password", "sealed", 400},
		{"to an old version", "POST", "/openstack/2012-08-10/password", "sealed", 405},
		{"to another document", "POST", "/openstack/latest/user_data", "x", 405},
	} {
		r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
		for k, v := range proof() {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		metadata.New(metadata.Config{Secret: "secret"}, one{}, nil).ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s: got %d, want %d: %s", tc.name, w.Code, tc.want, w.Body)
		}
		r = httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
		r.Header.Set("X-Instance-ID", id)
		r.Header.Set("X-Tenant-ID", "p")
		w = httptest.NewRecorder()
		metadata.New(metadata.Config{Secret: "secret"}, one{}, nil).ServeHTTP(w, r)
		if w.Code != 403 && w.Code != 405 {
			t.Errorf("%s without a proof: got %d", tc.name, w.Code)
		}
	}
}

func TestNetworkData(t *testing.T) {
	t.Parallel()
	want := metadata.NetworkData{
		Links: []metadata.Link{{ID: "tapp1", VIF: "p1", Type: "tap", MTU: &ports[0].MTU, MAC: "fa:16:3e:00:00:01"}},
		Networks: []metadata.Net{{ID: "network0", Type: "ipv4_dhcp", Link: "tapp1", Network: "n1"},
			{ID: "network1", Type: "ipv6", Link: "tapp1", Network: "n1", Address: "fd00::5", Netmask: "ffff:ffff:ffff:ffff::",
				Services: []metadata.Service{},
				Routes: []metadata.Route{{Network: "::", Netmask: "::", Gateway: "fd00::1"}, {Network: "fd01::", Netmask: "ffff::",
					Gateway: "fd00::2"}}}},
		Services: []metadata.Service{{Type: "dns", Address: "9.9.9.9"}},
	}
	if diff := cmp.Diff(want, metadata.Network(ports)); diff != "" {
		t.Error(diff)
	}
}

func TestNetworkTypes(t *testing.T) {
	t.Parallel()
	six := func(mode string, dhcp bool) nova.Subnet {
		return nova.Subnet{ID: "s", Version: 6, CIDR: netip.MustParsePrefix("fd00::/64"),
			Gateway: netip.MustParseAddr("fd00::1"), DHCP: dhcp, AddressMode: mode}
	}
	const static6 = `"ip_address":"fd00::5","netmask":"ffff:ffff:ffff:ffff::","routes":[{"network":"::","netmask":"::","gateway":"fd00::1"}],"services":[]`
	for _, tc := range []struct {
		name   string
		subnet nova.Subnet
		ip     string
		want   string
	}{
		{"slaac", six("slaac", true), "fd00::5", `"type":"ipv6_slaac","link":"l","network_id":"n",` + static6},
		{"stateful", six("dhcpv6-stateful", true), "fd00::5", `"type":"ipv6_dhcpv6-stateful","link":"l","network_id":"n",` +
			static6},
		{"stateless", six("dhcpv6-stateless", true), "fd00::5",
			`"type":"ipv6_dhcpv6-stateless","link":"l","network_id":"n",` + static6},
		{"DHCP without a mode", six("", true), "fd00::5", `"type":"ipv6_dhcp","link":"l","network_id":"n"`},
		{"by hand", six("", false), "fd00::5", `"type":"ipv6","link":"l","network_id":"n",` + static6},
		{"version 4 without anything", nova.Subnet{ID: "s", Version: 4, CIDR: netip.MustParsePrefix("10.0.0.0/24")},
			"10.0.0.5",
			`"type":"ipv4","link":"l","network_id":"n","ip_address":"10.0.0.5","netmask":"255.255.255.0","routes":[],"services":[]`},
	} {
		ip := nova.FixedIP{Subnet: "s", IP: netip.MustParseAddr(tc.ip)}
		got, err := json.Marshal(metadata.Network([]nova.NIC{{ID: "bare", Network: "n"},
			{ID: "p", Device: "l", Network: "n", MAC: "m", FixedIPs: []nova.FixedIP{ip, {Subnet: "t", IP: ip.IP.Next()}},
				Subnets: []nova.Subnet{tc.subnet}}}))
		want := `{"links":[{"id":"l","vif_id":"p","type":"phy","mtu":null,"ethernet_mac_address":"m"}],"networks":[{"id":"network0",` + tc.want + `}],"services":[]}`
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", tc.name, err, got, want)
		}
	}
}

func TestWithoutDomainOrNetworks(t *testing.T) {
	t.Parallel()
	v, _ := one{}.Server(t.Context(), id)
	s := v.Spec(nil)
	files, err := metadata.Config{}.Files(&s)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(files["openstack/latest/network_data.json"]); got != "{}" {
		t.Errorf("network data of nothing: %s", got)
	}
	for _, file := range []string{"openstack/latest/meta_data.json", "ec2/latest/meta-data.json"} {
		if got := string(files[file]); !strings.Contains(got, `"hostname":"s1"`) {
			t.Errorf("%s: %s", file, got)
		}
	}
}

func TestConfigDrive(t *testing.T) {
	t.Parallel()
	v, _ := one{}.Server(t.Context(), id)
	s := v.Spec(ports)
	s.SecurityGroups, s.Flavor.Ephemeral, s.Flavor.Swap = []string{"web"}, 1, 1
	s.BlockDevices = []nova.BlockDevice{nova.ImageDevice("i"), nova.BlankDevice(1, ""), nova.BlankDevice(1, "swap")}
	s.BlockDevices[1].Tag = "fast"
	nova.NameBlockDevices(s.BlockDevices, &s.Image)
	s.AdminPass, s.Files = "pw", []nova.File{{Path: "/etc/x", Contents: []byte("hello")}}
	files, err := config.Files(&s)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range files {
		if strings.Contains(n, "latest") || strings.Contains(n, "content") {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	if diff := cmp.Diff([]string{"ec2/latest/meta-data.json", "ec2/latest/user-data", "openstack/content/0000",
		"openstack/latest/meta_data.json",
		"openstack/latest/network_data.json", "openstack/latest/user_data", "openstack/latest/vendor_data.json",
		"openstack/latest/vendor_data2.json"}, names); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{`"security-groups":["web"]`,
		`"block-device-mapping":{"ami":"vda","ephemeral0":"/dev/vdb","root":"/dev/vda","swap":"/dev/vdc"}`,
		`"public-keys":{"0":{"_name":"0=k","openssh-key":"ssh-rsa AAAA"}}`, `"local-ipv4":"10.0.0.5"`} {
		if got := string(files["ec2/2009-04-04/meta-data.json"]); !strings.Contains(got, want) {
			t.Errorf("%s not in %s", want, got)
		}
	}
	meta := string(files["openstack/latest/meta_data.json"])
	for _, want := range []string{`"admin_pass":"pw"`, `"files":[{"path":"/etc/x","content_path":"/content/0000"}]`,
		`{"type":"disk","bus":"none","address":"none","path":"/dev/vdb","tags":["fast"]}`} {
		if !strings.Contains(meta, want) {
			t.Errorf("%s not in %s", want, meta)
		}
	}
	s.UserData = "%"
	if _, err := config.Files(&s); !fault.Is(err, fault.Invalid) {
		t.Errorf("wrong user data: %v", err)
	}
}
