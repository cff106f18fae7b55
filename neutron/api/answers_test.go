package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// onBothEngines runs a test on a server over each database.
func onBothEngines(t *testing.T, body func(t *testing.T, s *server)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { body(t, serverOn(t, d)) }, dbtest.Migrations{
		Name: "neutron", FS: store.Migrations()})
}

// answer is a status and, of an error, its type and message.
func (s *server) answer(t *testing.T, who, method, path, body string) (status int, kind, message string,
	doc map[string]any) {
	t.Helper()
	status, doc = s.call(t, who, method, "/v2.0"+path, body)
	e, _ := doc["NeutronError"].(map[string]any)
	kind, _ = e["type"].(string)
	message, _ = e["message"].(string)
	return status, kind, message, doc
}

// Nothing, null, empty and wrong values of members are what neutron makes of them.
func TestNullIsWhatNeutronMakesOfIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	net, block := `"network_id":"`+w.network+`"`, 0
	reason := func(name, why string) string { return "Invalid input for " + name + ". Reason: " + why + "." }
	for _, r := range []struct {
		resource, member, value string
		status                  int
		kind, message           string
		shown                   any // of the member, where it is taken
	}{
		{"network", "name", `null`, 400, "HTTPBadRequest", reason("name", "'None' is not a valid string"), nil},
		{"network", "name", `" x"`, 400, "HTTPBadRequest", reason("name", "' x' is not a valid string"), nil},
		{"network", "name", `""`, 201, "", "", ""},
		{"network", "description", `null`, 400, "HTTPBadRequest", reason("description", "'None' is not a valid string"), nil},
		{"network", "admin_state_up", `null`, 400, "InvalidInput",
			"Invalid input for operation: 'None' cannot be converted to boolean.", nil},
		{"network", "admin_state_up", `"maybe"`, 400, "InvalidInput",
			"Invalid input for operation: 'maybe' cannot be converted to boolean.", nil},
		{"network", "admin_state_up", `"off"`, 201, "", "", false},
		{"network", "mtu", `null`, 400, "InvalidInput", "Invalid input for operation: 'None' is not an integer.", nil},
		{"network", "provider:network_type", `null`, 400, "HTTPBadRequest", reason("provider:network_type",
			"'None' is not a valid string"), nil},
		{"network", "provider:network_type", `""`, 400, "InvalidInput",
			"Invalid input for operation: network_type value '' not supported.", nil},
		{"network", "provider:segmentation_id", `null`, 400, "InvalidInput",
			"Invalid input for operation: 'None' is not an integer.", nil},
		{"network", "availability_zone_hints", `["nova","nova"]`, 400, "HTTPBadRequest", reason("availability_zone_hints",
			"Duplicate items in the list: 'nova'"), nil},
		{"network", "colour", `"red"`, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'colour'", nil},
		{"subnet", "gateway_ip", `null`, 201, "", "", nil},
		{"subnet", "gateway_ip", `""`, 400, "HTTPBadRequest", reason("gateway_ip", "'' is not a valid IP address"), nil},
		{"subnet", "gateway_ip", `"fd00::1"`, 400, "InvalidInput",
			"Invalid input for operation: gateway_ip 'fd00::1' does not match the ip_version '4'.", nil},
		{"subnet", "allocation_pools", `null`, 201, "", "", []any{}},
		{"subnet", "allocation_pools", `[]`, 201, "", "", []any{}},
		{"subnet", "dns_nameservers", `null`, 201, "", "", []any{}},
		{"subnet", "dns_nameservers", `["9.9.9.9","9.9.9.9"]`, 400, "HTTPBadRequest",
			reason("dns_nameservers", "Duplicate nameserver '9.9.9.9'"), nil},
		{"subnet", "dns_nameservers", `["010.9.9.9"]`, 400, "HTTPBadRequest",
			reason("dns_nameservers",
				"'010.9.9.9' is not a valid nameserver. '010.9.9.9' is not an accepted IP address, '10.9.9.9' is recommended"),
			nil},
		{"subnet", "dns_nameservers", `["2001:4860:4860::8888"]`, 400, "InvalidInput",
			"Invalid input for operation: dns_nameserver '2001:4860:4860::8888' does not match the ip_version '4'.", nil},
		{"subnet", "host_routes", `null`, 201, "", "", []any{}},
		{"subnet", "host_routes", `[{"destination":"10.0.0.7/8","nexthop":"10.0.0.9"}]`, 400, "HTTPBadRequest",
			reason("host_routes", "'10.0.0.7/8' is not a valid CIDR"), nil},
		{"subnet", "enable_dhcp", `null`, 400, "InvalidInput",
			"Invalid input for operation: 'None' cannot be converted to boolean.", nil},
		{"subnet", "ip_version", `null`, 400, "InvalidInput", "Invalid input for operation: 'None' is not an integer.", nil},
		{"subnet", "ipv6_ra_mode", `null`, 400, "HTTPBadRequest", "", nil},
		{"subnet", "ipv6_ra_mode", `""`, 400, "HTTPBadRequest", "", nil},
		{"subnet", "subnetpool_id", `null`, 201, "", "", nil},
		{"port", "name", `null`, 400, "HTTPBadRequest", reason("name", "'None' is not a valid string"), nil},
		{"port", "device_id", `""`, 201, "", "", ""},
		{"port", "device_id", `null`, 400, "HTTPBadRequest", reason("device_id", "'None' is not a valid string"), nil},
		{"port", "mac_address", `null`, 400, "HTTPBadRequest", "", nil},
		{"port", "mac_address", `""`, 400, "HTTPBadRequest", reason("mac_address", "'' is not a valid MAC address"), nil},
		{"port", "mac_address", `"00:00:00:00:00:00"`, 400, "HTTPBadRequest",
			reason("mac_address", "'00:00:00:00:00:00' is not a valid MAC address"), nil},
		{"port", "mac_address", `"ff:ff:ff:ff:ff:ff"`, 400, "HTTPBadRequest",
			reason("mac_address", "'ff:ff:ff:ff:ff:ff' is not a valid MAC address"), nil},
		{"port", "mac_address", `"FA-16-3E-00-00-01"`, 201, "", "", "fa:16:3e:00:00:01"},
		{"port", "mac_address", `"fa163e000002"`, 201, "", "", "fa:16:3e:00:00:02"},
		{"port", "mac_address", `"FA16.3E00.0003"`, 201, "", "", "fa:16:3e:00:00:03"},
		{"port", "mac_address", `"FA:16:3E:00:00:01"`, 409, "MacAddressInUse", "", nil},
		{"port", "fixed_ips", `null`, 400, "HTTPBadRequest", "", nil},
		{"port", "fixed_ips", `[]`, 201, "", "", []any{}},
		{"port", "fixed_ips", `[{"ip_address":""}]`, 400, "HTTPBadRequest",
			reason("fixed_ips", "'' is not a valid IP address"), nil},
		{"port", "fixed_ips", `[{"ip_address":"10.0.0.41"},{"ip_address":"10.0.0.41"}]`, 400, "HTTPBadRequest",
			reason("fixed_ips", "Duplicate IP address '10.0.0.41'"), nil},
		{"port", "security_groups", `null`, 201, "", "", []any{}},
		{"port", "security_groups", `[]`, 201, "", "", []any{}},
		{"port", "security_groups", `["` + w.group + `","` + w.group + `"]`, 400, "HTTPBadRequest",
			reason("security_groups", "Duplicate items in the list: '"+w.group+"'"), nil},
		{"port", "allowed_address_pairs", `null`, 201, "", "", []any{}},
		{"port", "allowed_address_pairs", `[{}]`, 400, "AllowedAddressPairsMissingIP",
			"AllowedAddressPair must contain ip_address", nil},
		{"port", "allowed_address_pairs", `[{"ip_address":"10.9.9.9","mac_address":""}]`, 400, "HTTPBadRequest",
			"'' is not a valid MAC address", nil},
		{"port", "allowed_address_pairs", `[{"ip_address":"224.0.0.7"}]`, 400, "HTTPBadRequest",
			"IP 224.0.0.7 is a multicast address, which is not supported.", nil},
		{"port", "allowed_address_pairs", `[{"ip_address":"10.9.9.9","mac_address":"01:00:5e:00:00:01"}]`, 400,
			"HTTPBadRequest",
			"MAC address 01:00:5e:00:00:01 is a multicast address, which is not supported.", nil},
		{"port", "allowed_address_pairs", `[{"ip_address":"2001:DB8:0::A","mac_address":"FA-16-3E-00-00-09"}]`, 201, "", "",
			[]any{map[string]any{"ip_address": "2001:db8::a", "mac_address": "fa:16:3e:00:00:09"}}},
		{"port", "allowed_address_pairs",
			`[{"ip_address":"2001:db8::a","mac_address":"fa:16:3e:00:00:09"},{"ip_address":"2001:DB8::A","mac_address":"FA-16-3E-00-00-09"}]`, 400,
			"DuplicateAddressPairInRequest", "", nil},
		{"port", "binding:profile", `null`, 201, "", "", map[string]any{}},
		{"port", "binding:host_id", `null`, 201, "", "", ""},
		{"port", "port_security_enabled", `null`, 400, "InvalidInput",
			"Invalid input for operation: 'None' cannot be converted to boolean.", nil},
		{"security_group", "name", `null`, 400, "HTTPBadRequest", reason("name", "'None' is not a valid string"), nil},
		{"security_group", "name", `"DeFault"`, 409, "SecurityGroupDefaultAlreadyExists",
			"Default security group already exists.", nil},
		{"security_group", "stateful", `null`, 400, "InvalidInput", "", nil},
		{"security_group_rule", "description", `null`, 400, "HTTPBadRequest",
			reason("description", "'None' is not a valid string"), nil},
		{"security_group_rule", "security_group_id", `null`, 400, "HTTPBadRequest",
			reason("security_group_id", "'None' is not a valid string"), nil},
		{"security_group_rule", "security_group_id", `"nope"`, 404, "SecurityGroupNotFound",
			"Security group nope does not exist", nil},
		{"security_group_rule", "ethertype", `null`, 400, "SecurityGroupRuleInvalidEtherType",
			"Security group rule for ethertype 'None' not supported. Allowed values are ['IPv4', 'IPv6'].", nil},
		{"security_group_rule", "protocol", `""`, 400, "SecurityGroupRuleInvalidProtocol", "", nil},
		{"security_group_rule", "protocol", `"-1"`, 400, "SecurityGroupRuleInvalidProtocol", "", nil},
		{"security_group_rule", "protocol", `null`, 201, "", "", nil},
		{"security_group_rule", "remote_group_id", `"` + w.group + `"`, 201, "", "", w.group},
		{"security_group_rule", "port_range_min", `-1`, 400, "SecurityGroupInvalidPortValue", "Invalid value for port -1",
			nil},
		{"security_group_rule", "port_range_min", `"x"`, 400, "SecurityGroupInvalidPortValue", "Invalid value for port x",
			nil},
		{"security_group_rule", "remote_ip_prefix", `"10.0.0.0/255.0.0.0"`, 201, "", "", "10.0.0.0/8"},
		{"security_group_rule", "remote_ip_prefix", `"10.0.0.9"`, 201, "", "", "10.0.0.9/32"},
	} {
		block++
		base := map[string]string{"network": ``, "port": net, "security_group": ``,
			"security_group_rule": `"security_group_id":"` + w.group + `","direction":"ingress"`,
			"subnet":              net + fmt.Sprintf(`,"ip_version":4,"cidr":"10.77.%d.0/24"`, block)}[r.resource]
		for _, m := range strings.Split(base, ",") {
			if name, _, _ := strings.Cut(m, ":"); name == `"`+r.member+`"` {
				base = strings.Trim(strings.Replace(base, m, "", 1), ",")
				base = strings.Replace(base, ",,", ",", 1)
			}
		}
		body := fmt.Sprintf(`{%q:{%s}}`, r.resource, strings.Trim(base+`,"`+r.member+`":`+r.value, ","))
		status, kind, message, doc := s.answer(t, "admin", "POST", "/"+strings.ReplaceAll(r.resource, "_", "-")+"s", body)
		if status != r.status || kind != r.kind || r.message != "" && message != r.message {
			t.Errorf("%s: got %d %s %q, want %d %s %q", body, status, kind, message, r.status, r.kind, r.message)
		}
		if status == 201 {
			if got := doc[r.resource].(map[string]any)[r.member]; fmt.Sprint(got) != fmt.Sprint(r.shown) {
				t.Errorf("%s: shows %v, want %v", body, got, r.shown)
			}
		}
	}
}

func TestNullOfAnUpdate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	v6 := id(s.must(t, 201, "member", "POST", "/v2.0/subnets", `{"subnet":{"network_id":"`+w.network+`","ip_version":6,"cidr":"2001:DB8:0:1::7/64",
		"dns_nameservers":["2001:4860:4860:0:0:0:0:8888"],"host_routes":[{"destination":"2001:DB8:9::/48","nexthop":"2001:db8:0:1:0::9"}],"gateway_ip":"2001:DB8:0:1::F"}}`))
	sub := s.must(t, 200, "member", "GET", "/v2.0/subnets/"+v6, "")
	if got, want := fmt.Sprintf("%v %v %v %v", sub["cidr"], sub["gateway_ip"], sub["dns_nameservers"], sub["host_routes"]),
		"2001:db8:0:1::/64 2001:db8:0:1::f [2001:4860:4860::8888] [map[destination:2001:db8:9::/48 nexthop:2001:db8:0:1::9]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, r := range []struct {
		path, body string
		status     int
		member     string
		shown      string
	}{
		{"/subnets/" + v6, `{"subnet":{"dns_nameservers":null}}`, 200, "dns_nameservers", "[]"},
		{"/subnets/" + v6, `{"subnet":{"host_routes":null}}`, 200, "host_routes", "[]"},
		{"/subnets/" + v6, `{"subnet":{"gateway_ip":null}}`, 200, "gateway_ip", "<nil>"},
		{"/subnets/" + v6, `{"subnet":{"allocation_pools":null}}`, 200, "allocation_pools", "[]"},
		{"/subnets/" + v6, `{"subnet":{"host_routes":[{"destination":"2001:db8:a::/48","nexthop":"2001:db8:0:1::9"},{"destination":"2001:DB8:A:0::/48","nexthop":"2001:DB8:0:1::9"}]}}`, 400, "", ""},
		{"/ports/" + w.port, `{"port":{"security_groups":null}}`, 200, "security_groups", "[]"},
		{"/ports/" + w.port, `{"port":{"allowed_address_pairs":null}}`, 200, "allowed_address_pairs", "[]"},
		{"/ports/" + w.port, `{"port":{"fixed_ips":null}}`, 400, "", ""},
		{"/ports/" + w.port, `{"port":{"device_id":null}}`, 400, "", ""},
		{"/ports/" + w.port, `{"port":{"security_groups":["` + w.group + `","` + w.group + `"]}}`, 400, "", ""},
		{"/ports/" + w.port + "/tags", `{"tags":["a","\u0061"]}`, 400, "", ""},
		{"/agents/" + w.agent, `{"agent":{"description":"d"}}`, 200, "description", "d"},
		{"/agents/" + w.agent, `{"agent":{"description":null}}`, 200, "description", "<nil>"},
		{"/agents/" + w.agent, `{"agent":{"admin_state_up":null}}`, 400, "", ""},
		{"/security-groups/" + w.group, `{"security_group":{"name":"DEFAULT"}}`, 409, "", ""},
	} {
		status, doc := s.call(t, "admin", "PUT", "/v2.0"+r.path, r.body)
		if status != r.status {
			t.Errorf("%s: got %d %v, want %d", r.body, status, doc, r.status)
			continue
		}
		for _, v := range doc {
			if got := fmt.Sprint(v.(map[string]any)[r.member]); r.member != "" && got != r.shown {
				t.Errorf("%s: shows %s, want %s", r.body, got, r.shown)
			}
		}
	}
}

func TestASubnetsCIDRInAnyNotation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, r := range []struct {
		cidr, more string
		status     int
		want       string // the CIDR, or the error's type
	}{
		{"192.168.5.7/24", "", 201, "192.168.5.0/24"},
		{"192.168.5.7/255.255.255.0", "", 201, "192.168.5.0/24"},
		{"192.168.5.7/0.0.0.255", "", 201, "192.168.5.0/24"},
		{"192.168.5.7", `,"enable_dhcp":false`, 201, "192.168.5.7/32"},
		{"192.168.5.7", "", 400, "InvalidInput"},
		{"192.168.5.0/33", "", 400, "InvalidInput"},
		{"192.168.5.0/255.0.255.0", "", 400, "InvalidInput"},
		{"224.1.0.0/16", "", 400, "InvalidInput"},
		{"224.1.0.0/16", `,"enable_dhcp":false`, 201, "224.1.0.0/16"},
		{"0.0.0.0/8", "", 400, "InvalidInput"},
		{"bogus", "", 400, "InvalidInput"},
		{"", "", 400, "InvalidInput"},
	} {
		n := id(s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{}}`))
		status, kind, _, doc := s.answer(t, "member", "POST", "/subnets", `{"subnet":{"network_id":"`+n+
			`","ip_version":4,"cidr":"`+r.cidr+`"`+r.more+`}}`)
		got := kind
		if status == 201 {
			got = doc["subnet"].(map[string]any)["cidr"].(string)
		}
		if status != r.status || got != r.want {
			t.Errorf("%s%s: got %d %s, want %d %s", r.cidr, r.more, status, got, r.status, r.want)
		}
	}
	n := id(s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{}}`))
	if status, kind, _, _ := s.answer(t, "member", "POST", "/subnets", `{"subnet":{"network_id":"`+n+
		`","ip_version":4}}`); status != 400 || kind != "BadRequest" {
		t.Errorf("no cidr: got %d %s", status, kind)
	}
}

// Rules that say the same are one rule, however they are written.
func TestRulesOfOneMeaning(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, s *server) {
		g := id(s.must(t, 201, "member", "POST", "/v2.0/security-groups", `{"security_group":{"name":"g"}}`))
		for _, r := range []struct {
			rule   string
			status int
			kind   string
		}{
			{`"direction":"egress"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"egress","remote_ip_prefix":"0.0.0.0/0"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"egress","ethertype":"ipv6","remote_ip_prefix":"::/0"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"egress","protocol":"any"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"egress","port_range_min":1,"port_range_max":65535`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","protocol":"tcp","port_range_min":22,"port_range_max":22`, 201, ""},
			{`"direction":"ingress","protocol":"TCP","port_range_min":"22","port_range_max":"22","remote_ip_prefix":"0.0.0.0/0"`,
				409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","protocol":6,"port_range_min":22,"port_range_max":22,"remote_ip_prefix":null`, 409,
				"SecurityGroupRuleExists"},
			{`"direction":"ingress","protocol":"udp","port_range_min":1,"port_range_max":65535`, 201, ""},
			{`"direction":"ingress","protocol":"17"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","ethertype":"IPv6","protocol":"icmpv6"`, 201, ""},
			{`"direction":"ingress","ethertype":"IPv6","protocol":"ipv6-icmp"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","ethertype":"IPv6","protocol":"icmp"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","ethertype":"IPv6","protocol":58`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","ethertype":"IPv6","protocol":1`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","ethertype":"IPv6","remote_ip_prefix":"2001:DB8:0::/32"`, 201, ""},
			{`"direction":"ingress","ethertype":"IPv6","remote_ip_prefix":"2001:db8::/32"`, 409, "SecurityGroupRuleExists"},
			{`"direction":"ingress","remote_ip_prefix":"10.0.0.0/24"`, 201, ""},
			{`"direction":"ingress","remote_ip_prefix":"10.0.0.0/255.255.255.0"`, 409, "SecurityGroupRuleExists"},
			// neutron compares prefixes with their host bits
			{`"direction":"ingress","remote_ip_prefix":"10.0.0.7/24"`, 201, ""},
			{`"direction":"ingress","protocol":"58"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":"41"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":43`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":"44"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":"59"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":"60"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
			{`"direction":"ingress","protocol":"icmpv6"`, 400, "SecurityGroupEthertypeConflictWithProtocol"},
		} {
			status, kind, _, doc := s.answer(t, "member", "POST", "/security-group-rules",
				`{"security_group_rule":{"security_group_id":"`+g+`",`+r.rule+`}}`)
			if status != r.status || kind != r.kind {
				t.Errorf("%s: got %d %v, want %d %s", r.rule, status, doc, r.status, r.kind)
			}
		}
		_, _, message, _ := s.answer(t, "member", "POST", "/security-group-rules",
			`{"security_group_rule":{"security_group_id":"`+g+
				`","direction":"ingress","protocol":"icmp","port_range_min":8,"port_range_max":256}}`)
		if want := "Invalid value for ICMP code (port_range_max) 256. It must be 0 to 255."; message != want {
			t.Errorf("got %q, want %q", message, want)
		}
		one := `{"security_group_id":"` + g + `","direction":"ingress","protocol":"tcp","port_range_min":80,"port_range_max":80`
		if status, kind, _, _ := s.answer(t, "member", "POST", "/security-group-rules", `{"security_group_rules":[`+one+`},`+
			one+`,"remote_ip_prefix":"0.0.0.0/0"}]}`); status != 409 || kind != "DuplicateSecurityGroupRuleInPost" {
			t.Errorf("twice in one request: got %d %s", status, kind)
		}
		for query, want := range map[string]int{"protocol=TCP": 1, "ethertype=ipv6&direction=ingress": 2,
			"remote_ip_prefix=2001:DB8::/32": 1, "protocol=udp&port_range_min=22": 0} {
			_, doc := s.call(t, "member", "GET", "/v2.0/security-group-rules?security_group_id="+g+"&"+query, "")
			if rs, _ := doc["security_group_rules"].([]any); len(rs) != want {
				t.Errorf("%s: got %v, want %d rules", query, doc, want)
			}
		}
	})
}

func TestFiltersReadEverySpelling(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, s *server) {
		n := id(s.must(t, 201, "member", "POST", "/v2.0/networks", `{"network":{}}`))
		s.must(t, 201, "member", "POST", "/v2.0/subnets", `{"subnet":{"network_id":"`+n+
			`","ip_version":6,"cidr":"2001:db8::/64"}}`)
		p := id(s.must(t, 201, "member", "POST", "/v2.0/ports",
			`{"port":{"network_id":"`+n+`","mac_address":"FA-16-3E-00-00-0A","fixed_ips":[{"ip_address":"2001:DB8:0:0::A"}]}}`))
		for query, want := range map[string]int{
			"ports?mac_address=FA-16-3E-00-00-0A": 1, "ports?mac_address=fa163e00000a": 1,
			"ports?fixed_ips=ip_address%3D2001:DB8::000A": 1,
			"ports?fixed_ips=ip_address%3Dbogus":          0, "subnets?cidr=2001:DB8:0::/64": 1,
			"subnets?gateway_ip=2001:DB8::0001": 1,
			"ports?id=" + p:                     1,
		} {
			status, doc := s.call(t, "member", "GET", "/v2.0/"+query, "")
			plural, _, _ := strings.Cut(query, "?")
			if got, _ := doc[plural].([]any); status != 200 || len(got) != want {
				t.Errorf("%s: got %d %v, want %d", query, status, doc, want)
			}
		}
	})
}

// What a caller may not see neither filters nor sorts, and is no marker.
func TestHiddenMembersTellNothing(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, s *server) {
		w := newWorld(t, s)
		s.must(t, 200, "admin", "PUT", "/v2.0/ports/"+w.port, `{"port":{"binding:host_id":"h1"}}`)
		segment := s.must(t, 200, "admin", "GET", "/v2.0/networks/"+w.network, "")["provider:segmentation_id"]
		for _, q := range []string{"ports?binding:host_id=h1", "ports?binding:host_id=h2", "ports?binding:vif_type=fake",
			"networks?provider:network_type=vxlan",
			"networks?provider:physical_network=x", fmt.Sprint("networks?provider:segmentation_id=", segment),
			"ports?binding:profile=x", "ports?binding:vif_details=x",
			"networks?sort_key=provider:segmentation_id&sort_dir=asc", "ports?sort_key=binding:host_id&sort_dir=asc",
			"ports?sort_key=binding:vif_type&sort_dir=asc"} {
			if status, kind, _, doc := s.answer(t, "member", "GET", "/"+q, ""); status != 400 || kind != "HTTPBadRequest" {
				t.Errorf("%s by a member: got %d %v", q, status, doc)
			}
		}
		for q, want := range map[string]int{"ports?binding:host_id=h1&id=" + w.port: 1, "ports?binding:host_id=h2": 0,
			fmt.Sprint("networks?provider:segmentation_id=", segment): 1} {
			_, doc := s.call(t, "admin", "GET", "/v2.0/"+q, "")
			plural, _, _ := strings.Cut(q, "?")
			if got, _ := doc[plural].([]any); len(got) != want {
				t.Errorf("%s by an administrator: got %v", q, doc)
			}
		}
		for _, q := range []struct{ query, kind string }{
			{"networks?limit=1&marker=" + w.network, "NetworkNotFound"}, {"ports?limit=1&sort_key=name&sort_dir=asc&marker=" +
				w.port, "PortNotFound"},
			{"subnets?limit=1&marker=" + w.subnet, "SubnetNotFound"},
		} {
			if status, kind, _, doc := s.answer(t, "stranger", "GET", "/"+q.query, ""); status != 404 || kind != q.kind {
				t.Errorf("%s by a stranger: got %d %v", q.query, status, doc)
			}
			none := strings.Split(q.query, "marker=")[0] + "marker=6e7b5c2a-0000-4000-8000-000000000000"
			if status, kind, _, _ := s.answer(t, "stranger", "GET", "/"+none, ""); status != 404 || kind != q.kind {
				t.Errorf("%s by a stranger: got %d %s", none, status, kind)
			}
			if status, _, _, doc := s.answer(t, "member", "GET", "/"+q.query, ""); status != 200 {
				t.Errorf("%s by its owner: got %d %v", q.query, status, doc)
			}
		}
		_, doc := s.call(t, "stranger", "GET", "/v2.0/security-groups?limit=5&sort_key=name&sort_dir=desc&marker="+w.group,
			"")
		if gs, _ := doc["security_groups"].([]any); len(gs) != 1 {
			t.Errorf("a foreign marker counts: %v", doc)
		}
	})
}

// linked is the previous and next links of a page as their queries.
func linked(t *testing.T, doc map[string]any, plural string) map[string]string {
	t.Helper()
	out := map[string]string{}
	ls, _ := doc[plural+"_links"].([]any)
	for _, l := range ls {
		m := l.(map[string]any)
		u, err := url.Parse(m["href"].(string))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		out[m["rel"].(string)] = fmt.Sprintf("marker=%s reverse=%s", q.Get("marker"), q.Get("page_reverse"))
	}
	return out
}

func TestPagesLinkToTheirNeighbours(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, id(s.must(t, 201, "member", "POST", "/v2.0/networks", fmt.Sprintf(`{"network":{"name":"n%d"}}`,
			i))))
	}
	for _, r := range []struct {
		query      string
		items      int
		next, prev string // empty: none
	}{
		{"", 3, "", ""},
		{"limit=0", 3, "", ""},
		{"limit=0&marker=" + ids[0], 3, "", ""},
		{"limit=2", 2, "marker=" + ids[1] + " reverse=", "marker=" + ids[0] + " reverse=True"},
		{"limit=2&marker=" + ids[1], 1, "", "marker=" + ids[2] + " reverse=True"},
		{"limit=3&marker=" + ids[2], 0, "", "marker= reverse=True"},
		{"limit=2&page_reverse=True", 2, "marker=" + ids[2] + " reverse=", "marker=" + ids[1] + " reverse=True"},
		{"limit=2&page_reverse=True&marker=" + ids[1], 1, "marker=" + ids[0] + " reverse=", ""},
		{"limit=2&page_reverse=True&marker=" + ids[0], 0, "marker= reverse=", ""},
		{"limit=9", 3, "", "marker=" + ids[0] + " reverse=True"},
	} {
		status, doc := s.call(t, "member", "GET", "/v2.0/networks?sort_key=name&sort_dir=asc&"+r.query, "")
		ns, _ := doc["networks"].([]any)
		got := linked(t, doc, "networks")
		if status != 200 || len(ns) != r.items || got["next"] != r.next || got["previous"] != r.prev {
			t.Errorf("%s: got %d, %d items, %v, want %d items, next %q, previous %q", r.query, status, len(ns), got, r.items,
				r.next, r.prev)
		}
	}
	for query, want := range map[string]string{
		"sort_key=name":                       "The number of sort_keys and sort_dirs must be same",
		"sort_key=name&sort_dir=up":           "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'",
		"sort_key=colour&sort_dir=asc":        "['colour'] is invalid attribute for sort_keys",
		"colour=red":                          "['colour'] is invalid attribute for filtering",
		"sort_key=name&sort_dir=asc&shared=x": "Invalid input for operation: 'x' cannot be converted to boolean.",
	} {
		if status, _, message, _ := s.answer(t, "member", "GET", "/networks?"+query, ""); status != 400 || message != want {
			t.Errorf("%s: got %d %q, want %q", query, status, message, want)
		}
	}
	if status, _, _, doc := s.answer(t, "service", "GET", "/networks?sort_key=name", ""); status != 200 {
		t.Errorf("a service of the release before: got %d %v", status, doc)
	}
}

// Every route is also there with the suffix of its format.
func TestRoutesWithTheFormatsSuffix(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	for _, r := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/networks.json", "", 200}, {"GET", "/networks.json?fields=id&name=n1", "", 200},
		{"GET", "/networks/" + w.network + ".json", "", 200},
		{"GET", "/subnets/" + w.subnet + ".json", "", 200}, {"GET", "/ports.json", "", 200}, {"GET", "/security-groups.json",
			"", 200},
		{"GET", "/security-group-rules/" + w.rule + ".json", "", 200}, {"GET", "/quotas/p.json", "", 200},
		{"GET", "/quotas/p/details.json", "", 200},
		{"GET", "/quotas/tenant.json", "", 200}, {"GET", "/agents/" + w.agent + ".json", "", 200},
		{"GET", "/extensions.json", "", 200},
		{"GET", "/extensions/quotas.json", "", 200}, {"GET", "/availability_zones.json", "", 200}, {"GET", ".json", "", 200},
		{"POST", "/networks.json", `{"network":{"name":"j"}}`, 201}, {"PUT", "/ports/" + w.port + ".json",
			`{"port":{"name":"j"}}`, 200},
		{"PUT", "/ports/" + w.port + "/tags.json", `{"tags":["a"]}`, 200}, {"DELETE", "/ports/" + w.port + ".json", "", 204},
		{"GET", "/ports/" + w.port + ".json", "", 404}, {"GET", "/nothing.json", "", 404}, {"GET", "/.json", "", 404},
		{"GET", "/networks.xml", "", 404},
	} {
		if got, doc := s.call(t, "admin", r.method, "/v2.0"+r.path, r.body); got != r.want {
			t.Errorf("%s %s: got %d %v, want %d", r.method, r.path, got, doc, r.want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	port := `{"network_id":"` + w.network + `"}`
	for _, r := range []struct {
		path, body string
		status     int
		made       int
	}{
		{"ports", `{"ports":[{"port":` + port + `},` + port + `]}`, 201, 2},
		{"networks", `{"networks":[{"network":{"name":"a"}},{"network":{}}]}`, 201, 2},
		{"networks", `{"networks":[{"network":null}]}`, 400, 0},
		{"networks", `{"networks":[]}`, 400, 0},
		{"security-groups", `{"security_groups":[{"name":"a"},{"security_group":{"name":"b"}}]}`, 201, 2},
		{"security-groups", `{"security_groups":[{"name":"c"},{"name":"default"}]}`, 409, 0},
		{"security-group-rules", `{"security_group_rules":[{"security_group_rule":{"security_group_id":"` + w.group +
			`","direction":"ingress"}}]}`, 201, 1},
	} {
		got, doc := s.call(t, "member", "POST", "/v2.0/"+r.path, r.body)
		made, _ := doc[strings.ReplaceAll(r.path, "-", "_")].([]any)
		if got != r.status || len(made) != r.made {
			t.Errorf("%s: got %d %v, want %d and %d", r.body, got, doc, r.status, r.made)
		}
	}
	_, doc := s.call(t, "member", "GET", "/v2.0/security-groups", "")
	if gs := doc["security_groups"].([]any); len(gs) != 4 { // default, g1, a, b
		t.Errorf("a refused request left something: %v", doc)
	}
}

func TestPortsWithoutAddressesHaveGroups(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := newWorld(t, s)
	post := func(more string) (int, string, map[string]any) {
		status, kind, _, doc := s.answer(t, "member", "POST", "/ports", `{"port":{"network_id":"`+w.network+
			`","fixed_ips":[]`+more+`}}`)
		p, _ := doc["port"].(map[string]any)
		return status, kind, p
	}
	if status, kind, p := post(""); status != 201 || len(p["security_groups"].([]any)) != 1 {
		t.Errorf("by itself: %d %s %v", status, kind, p)
	}
	if status, kind, p := post(`,"security_groups":["` + w.group + `"]`); status != 201 ||
		p["security_groups"].([]any)[0] != w.group {
		t.Errorf("as asked: %d %s %v", status, kind, p)
	}
	if status, kind, _ := post(`,"port_security_enabled":false,"security_groups":["` + w.group + `"]`); status != 400 ||
		kind != "PortSecurityAndIPRequiredForSecurityGroups" {
		t.Errorf("without port security: %d %s", status, kind)
	}
}

func TestListsOfGroupsMakeTheDefaultOne(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	owners := func(who, query string) []string {
		_, doc := s.call(t, who, "GET", "/v2.0/security-groups?name=default&"+query, "")
		var out []string
		for _, g := range doc["security_groups"].([]any) {
			out = append(out, g.(map[string]any)["project_id"].(string))
		}
		slices.Sort(out)
		return out
	}
	if got := owners("admin", "tenant_id=theirs"); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("by tenant_id: %v", got)
	}
	if got := owners("admin", "project_id=others"); !slices.Equal(got, []string{"others"}) {
		t.Errorf("by project_id: %v", got)
	}
	if got := owners("member", "tenant_id=nobody"); len(got) != 0 {
		t.Errorf("of a stranger: %v", got)
	}
	if got := owners("admin", ""); !slices.Equal(got, []string{"admins", "others", "theirs"}) {
		t.Errorf("all: %v", got)
	}
	s.must(t, 200, "admin", "PUT", "/v2.0/quotas/p", `{"quota":{"network":1}}`)
	_, doc := s.call(t, "admin", "GET", "/v2.0/quotas", "")
	if q := doc["quotas"].([]any)[0].(map[string]any); q["project_id"] != "p" || q["tenant_id"] != "p" {
		t.Errorf("the project of quotas: %v", q)
	}
}
