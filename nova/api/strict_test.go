package api_test

import (
	"strconv"
	"strings"
	"testing"

	novaapi "hypernova/nova/api"
	"hypernova/oslo/api"
)

// strictSince are the reads that refuse unknown query parameters since an earlier microversion than 2.102, and those
// that never do (0), after the schemas of nova's controllers.
var strictSince = map[string]int{
	"GET /os-hypervisors": 53, "GET /os-hypervisors/detail": 53, "GET /os-hypervisors/{hypervisor_id}": 53,
	"GET /os-hypervisors/statistics":                             0,
	"GET /os-hypervisors/{hypervisor_id}/uptime":                 0,
	"GET /os-hypervisors/{hypervisor_id}/search":                 0,
	"GET /os-hypervisors/{hypervisor_id}/servers":                0,
	"GET /servers/{server_id}/os-instance-actions":               58,
	"GET /os-migrations":                                         59,
	"GET /flavors":                                               75,
	"GET /flavors/detail":                                        75,
	"GET /os-keypairs":                                           75,
	"GET /os-keypairs/{keypair_name}":                            75,
	"GET /limits":                                                75,
	"GET /os-quota-sets/{tenant_id}":                             75,
	"GET /os-quota-sets/{tenant_id}/detail":                      75,
	"GET /os-quota-sets/{tenant_id}/defaults":                    0,
	"GET /os-server-groups":                                      75,
	"GET /servers":                                               75,
	"GET /servers/detail":                                        75,
	"GET /os-services":                                           75,
	"GET /os-simple-tenant-usage":                                75,
	"GET /os-simple-tenant-usage/{tenant_id}":                    75,
	"GET /servers/{server_id}/os-volume_attachments":             75,
	"GET /servers/{server_id}/shares":                            97,
	"GET /servers/{server_id}/shares/{id}":                       97,
	"GET /os-console-auth-tokens/{id}":                           99,
	"GET /servers/{server_id}/tags":                              0,
	"GET /servers/{server_id}/tags/{tag}":                        0,
	"GET /os-hosts":                                              0,
	"GET /os-hosts/{host}":                                       0,
	"GET /os-hosts/{host}/startup":                               0,
	"GET /os-hosts/{host}/shutdown":                              0,
	"GET /os-hosts/{host}/reboot":                                0,
	"GET /servers/{server_id}/os-volume_attachments/{volume_id}": 0,
}

// TestUnknownQueryParametersByVersion asks every read that nova still has with a parameter that nobody knows, one
// microversion before it is refused and at it.
func TestUnknownQueryParametersByVersion(t *testing.T) {
	t.Parallel()
	s := newStage(t, novaapi.Newest.String())
	refuses := func(name string, minor int) bool {
		line := s.fill.Replace(strings.ReplaceAll(name, "{flavor_id}", "1"))
		r := s.ask("root", "2."+strconv.Itoa(minor), line+"?nonsense=1", "")
		return r.code == 400 && strings.Contains(r.text, "nonsense")
	}
	asked := 0
	for _, op := range api.Describe(novaapi.Resources()...) {
		name := op.Method + " " + op.Path
		if op.Method != "GET" || op.Resource == "removed" || op.Span == "-2.35" || op.Span == "-2.38" {
			continue // those that are gone, and those of other services
		}
		first, last := 1, novaapi.Newest.Minor
		if from, to, ok := strings.Cut(op.Span, "-"); ok {
			if first = minor(from); from == "" {
				first = 1
			}
			if to != "" {
				last = minor(to)
			}
		}
		since, listed := strictSince[name]
		if !listed {
			since = 102
		}
		asked++
		for _, m := range []int{first, since - 1, since, last} {
			if m < first || m > last {
				continue
			}
			if got, want := refuses(name, m), since > 0 && m >= since; got != want {
				t.Errorf("%s at 2.%d: refused is %t, want %t", name, m, got, want)
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d reads were asked", asked)
	}
}
