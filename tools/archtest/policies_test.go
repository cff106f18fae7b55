package archtest_test

import (
	"testing"

	"hypernova/tools/archtest"
)

func TestPolicies(t *testing.T) {
	t.Parallel()
	const dir = "nova/api/policies/a.go"
	for _, tt := range []struct{ variable, rule, want string }{
		{"ServerTagsUpdateAll", "os_compute_api:os-server-tags:update_all", ""},
		{"IPsIndex", "os_compute_api:ips:index", ""},
		{"ServersCreateRequestedDestination", "compute:servers:create:requested_destination", ""},
		{"NetworkAttachExternalNetwork", "network:attach_external_network", ""},
		{"ListUsers", "list_users", ""},
		{"ResourceProvidersInventoriesList", "resource_providers:inventories:list", ""},
		{"CreatePortBindingVNICType", "create_port:binding:vnic_type", ""},
		{"policyTags", "os_compute_api:os-server-tags:index", "a.go:4: policyTags is the rule " +
			"os_compute_api:os-server-tags:index: name it ServerTagsIndex"},
	} {
		files := map[string]string{dir: "package policies\n\nvar (\n\t" + tt.variable + ` = rule("` + tt.rule +
			`", "@", "Do it.")` + "\n)\n"}
		check(t, archtest.Policies(tree(t, files)), tt.want)
	}
	check(t, archtest.Policies(tree(t, map[string]string{
		dir:                "package policies\n\nvar Show = rule(\"show\", \"@\", \"Do it.\")\n",
		"nova/api/more.go": "package api\n\nvar late = &policy.Rule{Name: \"late\"}\n",
	})), "nova/api/more.go:3: declares a policy rule: declare it in nova/api/policies")
}
