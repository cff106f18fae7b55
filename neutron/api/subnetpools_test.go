package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// poolStep is a request about subnet pools. {name} in path and body stands for an ID that a step before has kept.
type poolStep struct {
	who, call, body string
	want            int
	says            string // the error's type, or a part of the answer
	keep            string // a name for the id of what is answered, or name=member of a bare answer
}

func runSteps(t *testing.T, s *server, steps []poolStep) {
	t.Helper()
	known := map[string]string{}
	fill := func(text string) string {
		for name, id := range known {
			text = strings.ReplaceAll(text, "{"+name+"}", id)
		}
		return text
	}
	for i, step := range steps {
		method, path, _ := strings.Cut(step.call, " ")
		status, doc := s.call(t, step.who, method, "/v2.0"+fill(path), fill(step.body))
		if text := fmt.Sprint(doc); status != step.want || !strings.Contains(text, fill(step.says)) {
			t.Errorf("step %d, %s %s: got %d %s, want %d with %q", i, step.call, step.body, status, text, step.want, step.says)
		}
		if name, member, ok := strings.Cut(step.keep, "="); ok {
			known[name], _ = doc[member].(string)
		} else if step.keep != "" {
			for _, v := range doc {
				if m, ok := v.(map[string]any); ok {
					known[step.keep], _ = m["id"].(string)
				}
			}
		}
	}
}

func pool(attributes string) string { return `{"subnetpool":{` + attributes + `}}` }

func sub(network, attributes string) string {
	return `{"subnet":{"network_id":"{` + network + `}","ip_version":4,` + attributes + `}}`
}

// TestSubnetPools follows pools, their subnets and scopes on both engines.
func TestSubnetPools(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		runSteps(t, s, []poolStep{
			{"member", "POST /subnetpools", pool(`"name":"p"`), 400, "prefixes", ""},
			{"member", "POST /subnetpools", pool(`"name":"","prefixes":["10.0.0.0/8"]`), 400, "", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":[]`), 400, "EmptySubnetPoolPrefixList", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8","fd00::/16"]`), 400,
				"PrefixVersionMismatch", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["nonsense"]`), 400, "not a valid IP subnet", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8"],"min_prefixlen":30,"max_prefixlen":20`),
				400, "IllegalSubnetPoolPrefixBounds", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8"],"max_prefixlen":33`), 400,
				"max_prefixlen=33, ip_version_max=32", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8"],"shared":true`), 403, "", ""},
			{"member", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8"],"is_default":true`), 403, "", ""},
			{"reader", "POST /subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/8"]`), 403, "", ""},
			{"member", "POST /subnetpools",
				pool(`"name":"p","prefixes":["10.0.1.0/24","10.0.0.0/24"],"default_prefixlen":26,"default_quota":128`), 201,
				"prefixes:[10.0.0.0/23]", "pool"},
			{"member", "GET /subnetpools/{pool}", "", 200, "min_prefixlen:8", ""},
			{"stranger", "GET /subnetpools/{pool}", "", 404, "SubnetPoolNotFound", ""},
			{"stranger", "GET /subnetpools", "", 200, "subnetpools:[]", ""},

			{"member", "POST /networks", `{"network":{"name":"n"}}`, 201, "ipv4_address_scope:<nil>", "n"},
			{"member", "POST /networks", `{"network":{"name":"m"}}`, 201, "", "m"},
			{"stranger", "POST /networks", `{"network":{"name":"f"}}`, 201, "", "f"},
			{"stranger", "POST /subnets", sub("f", `"subnetpool_id":"{pool}"`), 404, "SubnetPoolNotFound", ""},
			{"member", "POST /subnets", sub("n", `"name":"x"`), 400, "a subnetpool must be specified", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}","cidr":"10.0.0.0/26","prefixlen":26`), 400,
				"cidr and prefixlen must not be supplied together", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}","prefixlen":4`), 400,
				"MinPrefixSubnetAllocationError", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}","cidr":"10.1.0.0/26"`), 409,
				"Cannot allocate requested subnet", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}"`), 201, "cidr:10.0.0.0/26", "s"},
			{"member", "GET /subnets/{s}", "", 200, "gateway_ip:10.0.0.1", ""},
			{"member", "GET /subnets?subnetpool_id={pool}", "", 200, "subnetpool_id:{pool}", ""},
			{"member", "POST /subnets", sub("n", `"cidr":"10.9.0.0/24"`), 400, "NetworkSubnetPoolAffinityError", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}","cidr":"10.0.0.0/27"`), 409,
				"SubnetAllocationError", ""},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}","cidr":"10.0.1.0/26","gateway_ip":null`), 201,
				"cidr:10.0.1.0/26", "r"},
			{"member", "POST /subnets", sub("n", `"subnetpool_id":"{pool}"`), 409, "SubnetPoolQuotaExceeded", ""},
			{"member", "DELETE /subnetpools/{pool}", "", 400, "SubnetPoolDeleteError", ""},
			{"member", "PUT /subnetpools/{pool}", pool(`"prefixes":["10.0.0.0/24"]`), 400, "IllegalSubnetPoolPrefixUpdate",
				""},
			{"member", "PUT /subnetpools/{pool}", pool(`"default_quota":0,"name":"q"`), 200, "name:q", ""},
			{"member", "PUT /subnetpools/{pool}", pool(`"is_default":true`), 403, "", ""},
			{"stranger", "PUT /subnetpools/{pool}/add_prefixes", `{"prefixes":["10.2.0.0/24"]}`, 404, "", ""},
			{"member", "PUT /subnetpools/{pool}/add_prefixes", `{"prefixes":["10.2.0.0/24"]}`, 200,
				"prefixes:[10.0.0.0/23 10.2.0.0/24]", ""},
			{"member", "PUT /subnetpools/{pool}/remove_prefixes", `{"prefixes":["10.0.0.0/25"]}`, 400, "in use", ""},
			{"member", "PUT /subnetpools/{pool}/remove_prefixes", `{"prefixes":["10.2.0.0/25"]}`, 200,
				"prefixes:[10.0.0.0/23 10.2.0.128/25]", ""},

			{"member", "POST /subnets", sub("m", `"cidr":"172.16.0.0/24"`), 201, "subnetpool_id:<nil>", "o"},
			{"stranger", "PUT /subnetpools/{pool}/onboard_network_subnets", `{"network_id":"{m}"}`, 404, "", ""},
			{"member", "PUT /subnetpools/{pool}/tags/red", "", 201, "", ""},

			{"member", "POST /address-scopes", `{"address_scope":{"name":"a","ip_version":5}}`, 400, "not in [4, 6]", ""},
			{"member", "POST /address-scopes", `{"address_scope":{"name":"a","ip_version":4,"shared":true}}`, 403, "", ""},
			{"member", "POST /address-scopes", `{"address_scope":{"name":"six","ip_version":6}}`, 201, "", "six"},
			{"member", "POST /address-scopes", `{"address_scope":{"name":"a","ip_version":4}}`, 201, "shared:false", "a"},
			{"stranger", "GET /address-scopes/{a}", "", 404, "AddressScopeNotFound", ""},
			{"member", "PUT /subnetpools/{pool}", pool(`"address_scope_id":"{six}"`), 400,
				"IllegalSubnetPoolIpVersionAssociationToAddressScope", ""},
			{"member", "PUT /subnetpools/{pool}", pool(`"address_scope_id":"{a}"`), 200, "address_scope_id:{a}", ""},
			{"member", "GET /networks/{n}", "", 200, "ipv4_address_scope:{a}", ""},
			{"member", "POST /subnetpools", pool(`"name":"z","prefixes":["10.0.0.0/16"],"address_scope_id":"{a}"`), 409,
				"AddressScopePrefixConflict", ""},
			{"member", "DELETE /address-scopes/{a}", "", 409, "AddressScopeInUse", ""},
			{"admin", "PUT /address-scopes/{a}", `{"address_scope":{"shared":true}}`, 200, "shared:true", ""},
			{"admin", "PUT /address-scopes/{a}", `{"address_scope":{"shared":false}}`, 400, "AddressScopeUpdateError", ""},
			{"stranger", "GET /address-scopes", "", 200, "name:a", ""},
			{"stranger", "POST /subnetpools", pool(`"name":"z","prefixes":["10.77.0.0/16"],"address_scope_id":"{a}"`), 201, "",
				"foreign"},
			{"stranger", "PUT /subnetpools/{foreign}", pool(`"name":"y"`), 400, "IllegalSubnetPoolUpdate", ""},
			{"stranger", "DELETE /subnetpools/{foreign}", "", 204, "", ""},

			{"member", "PUT /subnetpools/{pool}", pool(`"address_scope_id":null`), 200, "address_scope_id:<nil>", ""},
			{"member", "DELETE /subnets/{s}", "", 204, "", ""},
			{"member", "DELETE /subnets/{r}", "", 204, "", ""},
			{"member", "GET /networks/{n}", "", 200, "ipv4_address_scope:<nil>", ""},
			{"member", "DELETE /subnetpools/{pool}", "", 204, "", ""},

			{"member", "POST /subnets", sub("n", `"use_default_subnetpool":true`), 400, "No default subnetpool found for IPv4",
				""},
			{"admin", "POST /subnetpools", pool(`"name":"d","prefixes":["10.50.0.0/16"],"is_default":true,"shared":true,` +
				`"default_prefixlen":24`), 201, "", "d"},
			{"admin", "POST /subnetpools", pool(`"name":"e","prefixes":["10.60.0.0/16"],"is_default":true`), 400,
				"Only one default may exist", ""},
			{"member", "POST /subnets", sub("n", `"use_default_subnetpool":true`), 201, "cidr:10.50.0.0/24", ""},
		})
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}

// TestSubnetsOfAPoolNeverOverlap takes many subnets of a pool at once.
func TestSubnetsOfAPoolNeverOverlap(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		_, doc := s.call(t, "member", "POST", "/v2.0/subnetpools", pool(`"name":"p","prefixes":["10.0.0.0/26"],"min_prefixlen":28`))
		id := doc["subnetpool"].(map[string]any)["id"].(string)
		const n = 5 // one more than there is room for
		got := make(chan string, n)
		for range n {
			go func() {
				_, doc := s.call(t, "member", "POST", "/v2.0/networks", `{"network":{}}`)
				network := doc["network"].(map[string]any)["id"].(string)
				status, doc := s.call(t, "member", "POST", "/v2.0/subnets",
					fmt.Sprintf(`{"subnet":{"network_id":%q,"ip_version":4,"subnetpool_id":%q}}`, network, id))
				if status != 201 {
					got <- fmt.Sprint(status)
					return
				}
				got <- doc["subnet"].(map[string]any)["cidr"].(string)
			}()
		}
		var all []string
		for range n {
			all = append(all, <-got)
		}
		slices.Sort(all)
		want := []string{"10.0.0.0/28", "10.0.0.16/28", "10.0.0.32/28", "10.0.0.48/28", "409"}
		if !slices.Equal(all, want) {
			t.Errorf("got %v, want %v", all, want)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}
