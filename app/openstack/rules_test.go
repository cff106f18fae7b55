package openstack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/app/openstack"
	glanceapi "hypernova/glance/api"
	keystoneapi "hypernova/keystone/api"
	neutronapi "hypernova/neutron/api"
	novaapi "hypernova/nova/api"
	"hypernova/oslo/policy"
	placementapi "hypernova/placement/api"
)

func declared() map[string][]*policy.Rule {
	return map[string][]*policy.Rule{openstack.Nova: novaapi.Rules(), openstack.Neutron: neutronapi.Rules(),
		openstack.Glance:   glanceapi.Rules(),
		openstack.Keystone: keystoneapi.Rules(), openstack.Placement: placementapi.Rules()}
}

// A file with every rule of OpenStack's, as its sample policy is with the comments taken off, is taken whole.
func TestEveryRuleOfOpenStackMayBeOverridden(t *testing.T) {
	t.Parallel()
	for _, service := range openstack.Services() {
		known := openstack.Rules(service)
		if len(known) < 30 {
			t.Fatalf("%s: only %d rules are known", service, len(known))
		}
		all := map[string]string{}
		for name, o := range known {
			all[name] = o.Check
		}
		for _, old := range []bool{false, true} {
			e, err := policy.With(declared()[service], policy.Options{Overrides: all, Known: known, OldDefaults: old})
			if err != nil {
				t.Fatalf("%s: %v", service, err)
			}
			for _, r := range e.Remarks() {
				if strings.Contains(r, "did you mean") {
					t.Errorf("%s: %s", service, r)
				}
			}
		}
		// The defaults of older releases alone, which name base rules that no file defines.
		if _, err := policy.With(declared()[service], policy.Options{Known: known, OldDefaults: true}); err != nil {
			t.Errorf("%s: older defaults: %v", service, err)
		}
	}
}

// Some are of releases before those whose names are known, the others guard what only this cloud has.
func TestRulesThatOpenStackDoesNotHave(t *testing.T) {
	t.Parallel()
	var own []string
	for _, service := range openstack.Services() {
		known := openstack.Rules(service)
		for _, r := range declared()[service] {
			if _, ok := known[r.Name]; !ok {
				own = append(own, service+" "+r.Name)
			}
		}
	}
	if diff := cmp.Diff(own, []string{"keystone identity:change_password", "keystone identity:delete_user_tokens",
		"glance download_from_store",
		"glance cache_clean", "glance cache_prune", "glance list_cached_nodes"}); diff != "" {
		t.Errorf("rules that an operator finds in no document of OpenStack's (got, want):\n%s", diff)
	}
}

func TestPoliciesOfOperators(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, service string
		overrides     map[string]string
		remarks       int
		err           string
	}{
		{"an operation that is switched off and is not here", openstack.Nova,
			map[string]string{"os_compute_api:os-assisted-volume-snapshots:create": "!"}, 1, ""},
		{"a base rule", openstack.Nova, map[string]string{"os_compute_api:servers:create": "rule:admin_or_owner"}, 0, ""},
		{"a helper for later", openstack.Nova, map[string]string{"network_admin": "role:network_admin",
			"default": "rule:admin_api"}, 2, ""},
		{"network owners", openstack.Neutron, map[string]string{"get_network": "rule:admin_or_owner or rule:shared or " +
			"rule:context_is_advsvc"}, 0, ""},
		{"cloud admin", openstack.Keystone, map[string]string{"cloud_admin": "role:admin and domain_id:admin_domain",
			"identity:list_projects": "rule:cloud_admin"}, 0, ""},
		{"glance's default", openstack.Glance, map[string]string{"default": "role:admin", "publicize_image": "rule:default"},
			0, ""},
		{"placement", openstack.Placement, map[string]string{"placement:resource_providers:list": "rule:admin_api"}, 0, ""},
		{"a reference to nowhere", openstack.Neutron, map[string]string{"get_network": "rule:admin_or_ownr"}, 0,
			`did you mean "admin_or_owner"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := policy.With(declared()[tt.service], policy.Options{Overrides: tt.overrides,
				Known: openstack.Rules(tt.service)})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := len(e.Remarks()); got != tt.remarks {
				t.Errorf("got %d remarks, want %d: %v", got, tt.remarks, e.Remarks())
			}
		})
	}
}
