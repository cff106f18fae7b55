package api_test

import (
	"testing"

	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// TestAvailability asks how many addresses a network has and uses, on both engines.
func TestAvailability(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const one = "/network-ip-availabilities"
		s := serverOn(t, d)
		runSteps(t, s, append(outside(), []poolStep{
			{"member", "POST /subnets", `{"subnet":{"network_id":"{n}","ip_version":6,"cidr":"2001:db8::/64"}}`, 201, "", "six"},
			{"member", "POST /ports", `{"port":{"network_id":"{n}","fixed_ips":[{"subnet_id":"{s}"},{"subnet_id":"{s}"}]}}`, 201,
				"", "p"},
			{"admin", "GET " + one + "/{n}?fields=total_ips&fields=used_ips", "", 200, "total_ips:18446744073709551968", ""},
			{"admin", "GET " + one + "?network_id={n}&ip_version=4&fields=used_ips", "", 200, "used_ips:2", ""},
			{"admin", "GET " + one + "?network_id={n}&ip_version=4&fields=total_ips", "", 200, "total_ips:354", ""},
			{"admin", "GET " + one + "?network_name=ext", "", 200, "cidr:198.51.100.0/24 ip_version:4", ""},
			{"admin", "GET " + one + "?network_name=none", "", 200, "network_ip_availabilities:[]", ""},
			{"admin", "GET " + one + "?ip_version=5", "", 400, "'5' is not in [4, 6]", ""},
			{"admin", "GET " + one + "?status=ACTIVE", "", 400, "['status'] is invalid attribute for filtering", ""},
			{"admin", "GET " + one + "/{p}", "", 404, "NetworkNotFound", ""},
			{"member", "GET " + one + "/{n}", "", 404, "NetworkNotFound", ""},
			{"member", "GET " + one, "", 200, "network_ip_availabilities:[]", ""},
			{"member", "DELETE /ports/{p}", "", 204, "", ""},
			{"admin", "GET " + one + "/{n}?fields=used_ips", "", 200, "used_ips:0", ""},
		}...))
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}
