package surface

// The people by letter, and what OpenStack's defaults let them do: keystone/common/policies, glance/policies and placement/policies as of
// 2026, with the scopes of their rules enforced. The stories' things belong to the member, his project home and its domain.
//
//	x stranger: member of another project     R reader of the domain      S reader of the system
//	r reader of the project                   D manager of the domain     v service: the role service on the project
//	m member, the owner                       A admin of the domain       a admin of another project
//	g manager of the project
const everybody = "xrmgRDASva"

var letters = map[string]byte{"stranger": 'x', "reader": 'r', "member": 'm', "manager": 'g', "domainreader": 'R', "domainmanager": 'D',
	"domainadmin": 'A', "systemreader": 'S', "service": 'v', "admin": 'a'}

// allowance is operations with who may do them; "open" needs no token, "shut" is for nobody.
type allowance struct {
	who        string
	operations []string
}

var identityAllows = []allowance{
	{"open", []string{"POST /v3/auth/tokens", "POST /v3/OS-OAUTH2/token",
		"GET /v3/auth/OS-FEDERATION/websso/{protocol_id}", "POST /v3/auth/OS-FEDERATION/websso/{protocol_id}",
		"GET /v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso",
		"POST /v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso", "POST /v3/users/{user_id}/password", "GET /v3/OS-SIMPLE-CERT/ca", "GET /v3/OS-SIMPLE-CERT/certificates",
		"GET /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth", "POST /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth"}},
	{"shut", []string{"GET /v3/auth/tokens/OS-PKI/revoked"}},
	{everybody, []string{"GET /v3/auth/catalog", "GET /v3/auth/projects", "GET /v3/auth/domains", "GET /v3/auth/system",
		"GET /v3/OS-FEDERATION/projects", "GET /v3/OS-FEDERATION/domains",
		"GET /v3/domains/{domain_id}", "GET /v3/domains/{domain_id}/config/{group} open", "GET /v3/regions", "GET /v3/regions/{region_id}",
		"GET /v3/limits", "GET /v3/limits/model", "GET /v3/registered_limits", "GET /v3/registered_limits/{registered_limit_id}", "GET /v3/credentials"}},
	{"a", []string{"POST /v3/domains", "PATCH /v3/domains/{domain_id}", "DELETE /v3/domains/{domain_id}",
		"PUT /v3/domains/{domain_id}/config", "PATCH /v3/domains/{domain_id}/config", "DELETE /v3/domains/{domain_id}/config",
		"PATCH /v3/domains/{domain_id}/config/{group}", "DELETE /v3/domains/{domain_id}/config/{group}",
		"PATCH /v3/domains/{domain_id}/config/{group}/{option}", "DELETE /v3/domains/{domain_id}/config/{group}/{option}",
		"POST /v3/roles", "PATCH /v3/roles/{role_id}", "DELETE /v3/roles/{role_id}",
		"POST /v3/roles of a domain", "PATCH /v3/roles/{role_id} of a domain", "DELETE /v3/roles/{role_id} of a domain",
		"PUT /v3/roles/{role_id}/implies/{implied_id}", "DELETE /v3/roles/{role_id}/implies/{implied_id}",
		"PUT /v3/system/users/{user_id}/roles/{role_id}", "DELETE /v3/system/users/{user_id}/roles/{role_id}",
		"PUT /v3/system/groups/{group_id}/roles/{role_id}", "DELETE /v3/system/groups/{group_id}/roles/{role_id}",
		"POST /v3/regions", "PUT /v3/regions/{region_id}", "PATCH /v3/regions/{region_id}", "DELETE /v3/regions/{region_id}",
		"POST /v3/services", "PATCH /v3/services/{service_id}", "DELETE /v3/services/{service_id}",
		"POST /v3/endpoints", "PATCH /v3/endpoints/{endpoint_id}", "DELETE /v3/endpoints/{endpoint_id}",
		"POST /v3/policies", "PATCH /v3/policies/{policy_id}", "DELETE /v3/policies/{policy_id}",
		"PUT /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}", "DELETE /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}",
		"PUT /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}", "DELETE /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}",
		"PUT /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}",
		"DELETE /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}",
		"POST /v3/OS-EP-FILTER/endpoint_groups", "PATCH /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", "DELETE /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}",
		"PUT /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}", "DELETE /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
		"PUT /v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", "DELETE /v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
		"PUT /v3/OS-FEDERATION/identity_providers/{idp_id}", "PATCH /v3/OS-FEDERATION/identity_providers/{idp_id}", "DELETE /v3/OS-FEDERATION/identity_providers/{idp_id}",
		"PUT /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}", "PATCH /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}",
		"DELETE /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}",
		"PUT /v3/OS-FEDERATION/mappings/{mapping_id}", "PATCH /v3/OS-FEDERATION/mappings/{mapping_id}", "DELETE /v3/OS-FEDERATION/mappings/{mapping_id}",
		"PUT /v3/OS-FEDERATION/service_providers/{service_provider_id}", "PATCH /v3/OS-FEDERATION/service_providers/{service_provider_id}",
		"DELETE /v3/OS-FEDERATION/service_providers/{service_provider_id}",
		"POST /v3/registered_limits", "PATCH /v3/registered_limits/{registered_limit_id}", "DELETE /v3/registered_limits/{registered_limit_id}",
		"POST /v3/limits", "PATCH /v3/limits/{limit_id}", "DELETE /v3/limits/{limit_id}"}},
	{"Sa", []string{"GET /v3/domains/{domain_id}/config", "GET /v3/domains/{domain_id}/config/{group}", "GET /v3/domains/{domain_id}/config/{group}/{option}",
		"GET /v3/domains/config/default", "GET /v3/domains/config/{group}/default", "GET /v3/domains/config/{group}/{option}/default",
		"GET /v3/roles of a domain", "GET /v3/roles/{role_id} of a domain", "GET /v3/roles/{role_id}/implies", "GET /v3/roles/{role_id}/implies/{implied_id}",
		"GET /v3/role_inferences",
		"GET /v3/system/users/{user_id}/roles", "GET /v3/system/users/{user_id}/roles/{role_id}",
		"GET /v3/system/groups/{group_id}/roles", "GET /v3/system/groups/{group_id}/roles/{role_id}",
		"GET /v3/services", "GET /v3/services/{service_id}", "GET /v3/endpoints", "GET /v3/endpoints/{endpoint_id}",
		"GET /v3/policies", "GET /v3/policies/{policy_id}", "GET /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints",
		"GET /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}", "GET /v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy",
		"GET /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}",
		"GET /v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}",
		"GET /v3/OS-EP-FILTER/endpoint_groups", "GET /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}",
		"GET /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects", "GET /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints",
		"GET /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}", "GET /v3/OS-EP-FILTER/projects/{project_id}/endpoint_groups",
		"GET /v3/OS-EP-FILTER/projects/{project_id}/endpoints", "GET /v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
		"GET /v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects",
		"GET /v3/OS-FEDERATION/identity_providers", "GET /v3/OS-FEDERATION/identity_providers/{idp_id}",
		"GET /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols", "GET /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}",
		"GET /v3/OS-FEDERATION/mappings", "GET /v3/OS-FEDERATION/mappings/{mapping_id}",
		"GET /v3/OS-FEDERATION/service_providers", "GET /v3/OS-FEDERATION/service_providers/{service_provider_id}",
		"GET /v3/OS-TRUST/trusts"}},
	{"ASa", []string{"GET /v3/domains/{domain_id} foreign", "GET /v3/roles/{role_id}"}},
	{"DASa", []string{"GET /v3/roles"}},
	{"gDASa", []string{"GET /v3/roles/{role_id} managed"}},
	{"RDASa", []string{"GET /v3/domains", "GET /v3/domains filtered", "GET /v3/projects", "GET /v3/projects filtered", "GET /v3/users", "GET /v3/users filtered",
		"GET /v3/groups", "GET /v3/groups filtered", "GET /v3/groups/{group_id}", "GET /v3/groups/{group_id}/users", "GET /v3/groups/{group_id}/users/{user_id}",
		"GET /v3/role_assignments", "GET /v3/role_assignments filtered", "GET /v3/role_assignments tree"}},
	{"DAa", []string{"POST /v3/projects", "PATCH /v3/projects/{project_id}", "DELETE /v3/projects/{project_id}",
		"PUT /v3/projects/{project_id}/tags", "DELETE /v3/projects/{project_id}/tags", "PUT /v3/projects/{project_id}/tags/{value}", "DELETE /v3/projects/{project_id}/tags/{value}",
		"POST /v3/users", "PATCH /v3/users/{user_id}", "DELETE /v3/users/{user_id}", "POST /v3/groups", "PATCH /v3/groups/{group_id}", "DELETE /v3/groups/{group_id}",
		"PUT /v3/groups/{group_id}/users/{user_id}", "DELETE /v3/groups/{group_id}/users/{user_id}"}},
	{"rmgvRDASa", []string{"GET /v3/projects/{project_id}", "GET /v3/projects/{project_id}/tags", "GET /v3/projects/{project_id}/tags/{value}", "GET /v3/limits/{limit_id}"}},
	{"mRDASa", []string{"GET /v3/users/{user_id}", "GET /v3/users/{user_id}/projects", "GET /v3/users/{user_id}/groups"}},
	{"mvASa", []string{"GET /v3/auth/tokens"}},
	{"mAa", []string{"DELETE /v3/auth/tokens", "POST /v3/credentials", "PATCH /v3/credentials/{credential_id}", "DELETE /v3/credentials/{credential_id}"}},
	{"vAa", []string{"POST /v3/ec2tokens", "POST /v3/s3tokens"}},
	{"va", []string{"GET /v3/OS-REVOKE/events"}},
	{"mASa", []string{"GET /v3/credentials/{credential_id}"}},
	{"mSa", []string{"GET /v3/users/{user_id}/credentials/OS-EC2", "GET /v3/users/{user_id}/credentials/OS-EC2/{credential_id}",
		"GET /v3/users/{user_id}/application_credentials", "GET /v3/users/{user_id}/application_credentials/{application_credential_id}",
		"GET /v3/OS-TRUST/trusts of the trustor"}},
	{"ma", []string{"POST /v3/users/{user_id}/credentials/OS-EC2", "DELETE /v3/users/{user_id}/credentials/OS-EC2/{credential_id}",
		"DELETE /v3/users/{user_id}/application_credentials/{application_credential_id}", "DELETE /v3/OS-TRUST/trusts/{trust_id}"}},
	{"m", []string{"POST /v3/users/{user_id}/application_credentials", "DELETE /v3/users/{user_id}/access_rules/{access_rule_id}", "POST /v3/OS-TRUST/trusts"}},
	{"mS", []string{"GET /v3/users/{user_id}/access_rules", "GET /v3/users/{user_id}/access_rules/{access_rule_id}"}},
	{"xSa", []string{"GET /v3/OS-TRUST/trusts of the trustee"}},
	{"xmSa", []string{"GET /v3/OS-TRUST/trusts/{trust_id}", "GET /v3/OS-TRUST/trusts/{trust_id}/roles", "GET /v3/OS-TRUST/trusts/{trust_id}/roles/{role_id}"}},
	// Keystone has none of this; here its owner and administrators may.
	{"Aa", []string{"DELETE /v3/users/{user_id}/tokens"}},
}

// grantAllows are roles on projects and domains, which are the same for all kinds of them.
func grantAllows() []allowance {
	read, write, unmanaged := allowance{who: "RDASa"}, allowance{who: "DAa"}, allowance{who: "Aa"}
	for _, on := range []string{"projects/{project_id}", "domains/{domain_id}"} {
		for _, who := range []string{"users/{user_id}", "groups/{group_id}"} {
			path := "/v3/" + on + "/" + who + "/roles"
			inherited := "/v3/OS-INHERIT/" + on + "/" + who + "/roles"
			read.operations = append(read.operations, "GET "+path, "GET "+path+"/{role_id}", "GET "+inherited+"/{role_id}/inherited_to_projects")
			if on == "domains/{domain_id}" {
				read.operations = append(read.operations, "GET "+inherited+"/inherited_to_projects")
			}
			write.operations = append(write.operations, "PUT "+path+"/{role_id}", "DELETE "+path+"/{role_id}",
				"PUT "+inherited+"/{role_id}/inherited_to_projects", "DELETE "+inherited+"/{role_id}/inherited_to_projects")
			unmanaged.operations = append(unmanaged.operations, "PUT "+path+"/{role_id} unmanaged", "DELETE "+path+"/{role_id} unmanaged")
		}
	}
	return []allowance{read, write, unmanaged}
}

var imageAllows = []allowance{
	{everybody, []string{"GET /v2/info/import", "GET /v2/info/stores", "GET /v2/info/usage", "GET /v2/schemas/image", "GET /v2/schemas/images",
		"GET /v2/schemas/member", "GET /v2/schemas/members", "GET /v2/schemas/task", "GET /v2/schemas/tasks",
		"GET /v2/schemas/metadefs/namespace", "GET /v2/schemas/metadefs/namespaces", "GET /v2/schemas/metadefs/object", "GET /v2/schemas/metadefs/objects",
		"GET /v2/schemas/metadefs/property", "GET /v2/schemas/metadefs/properties", "GET /v2/schemas/metadefs/resource_type",
		"GET /v2/schemas/metadefs/resource_types", "GET /v2/schemas/metadefs/tag", "GET /v2/schemas/metadefs/tags"}},
	{"xmga", []string{"POST /v2/images"}},
	{"xrmga", []string{"GET /v2/images", "GET /v2/images/{image_id} shared", "GET /v2/images/{image_id}/members", "GET /v2/images/{image_id}/members/{member_id}",
		"GET /v2/metadefs/namespaces", "GET /v2/metadefs/namespaces/{namespace_name}", "GET /v2/metadefs/resource_types",
		"GET /v2/metadefs/namespaces/{namespace_name}/objects", "GET /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}",
		"GET /v2/metadefs/namespaces/{namespace_name}/properties", "GET /v2/metadefs/namespaces/{namespace_name}/properties/{property_name}",
		"GET /v2/metadefs/namespaces/{namespace_name}/tags", "GET /v2/metadefs/namespaces/{namespace_name}/tags/{tag_name}",
		"GET /v2/metadefs/namespaces/{namespace_name}/resource_types"}},
	{"rmga", []string{"GET /v2/images/{image_id}", "GET /v2/images/{image_id}/tasks"}},
	{"mga", []string{"PATCH /v2/images/{image_id}", "PATCH /v2/images/{image_id} communitize", "DELETE /v2/images/{image_id}",
		"PUT /v2/images/{image_id}/file", "GET /v2/images/{image_id}/file", "GET /v2/images/{image_id}/file without data", "PUT /v2/images/{image_id}/stage",
		"POST /v2/images/{image_id}/import", "PUT /v2/images/{image_id}/tags/{tag}", "DELETE /v2/images/{image_id}/tags/{tag}",
		"POST /v2/images/{image_id}/actions/deactivate", "POST /v2/images/{image_id}/actions/reactivate",
		"POST /v2/images/{image_id}/members", "DELETE /v2/images/{image_id}/members/{member_id}"}},
	{"xa", []string{"PUT /v2/images/{image_id}/members/{member_id}"}},
	{"mgva", []string{"POST /v2/images/{image_id}/locations"}},
	{"va", []string{"GET /v2/info/stores/detail", "GET /v2/images/{image_id}/locations"}},
	{"a", []string{"PATCH /v2/images/{image_id} publicize", "POST /v2/images/{image_id}/import copy", "DELETE /v2/stores/{store_id}/{image_id}",
		"GET /v2/cache", "DELETE /v2/cache", "PUT /v2/cache/{image_id}", "DELETE /v2/cache/{image_id}", "GET /v2/cache/nodes/{image_id}",
		"POST /v2/cache/clean", "POST /v2/cache/prune",
		"GET /v2/tasks", "POST /v2/tasks", "GET /v2/tasks/{task_id}", "DELETE /v2/tasks/{task_id}",
		"POST /v2/metadefs/namespaces", "PUT /v2/metadefs/namespaces/{namespace_name}", "DELETE /v2/metadefs/namespaces/{namespace_name}",
		"POST /v2/metadefs/namespaces/{namespace_name}/objects", "PUT /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}",
		"DELETE /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}", "DELETE /v2/metadefs/namespaces/{namespace_name}/objects",
		"POST /v2/metadefs/namespaces/{namespace_name}/properties", "PUT /v2/metadefs/namespaces/{namespace_name}/properties/{property_name}",
		"DELETE /v2/metadefs/namespaces/{namespace_name}/properties/{property_name}", "DELETE /v2/metadefs/namespaces/{namespace_name}/properties",
		"POST /v2/metadefs/namespaces/{namespace_name}/tags", "POST /v2/metadefs/namespaces/{namespace_name}/tags/{tag_name}",
		"PUT /v2/metadefs/namespaces/{namespace_name}/tags/{tag_name}", "DELETE /v2/metadefs/namespaces/{namespace_name}/tags/{tag_name}",
		"DELETE /v2/metadefs/namespaces/{namespace_name}/tags",
		"POST /v2/metadefs/namespaces/{namespace_name}/resource_types", "DELETE /v2/metadefs/namespaces/{namespace_name}/resource_types/{resource_type}"}},
}

var placementAllows = []allowance{
	{"open", []string{"GET /"}},
	{"v", []string{"POST /reshaper"}},
	{"rmgva", []string{"GET /usages"}},
	{"va", []string{"GET /resource_providers", "POST /resource_providers", "GET /resource_providers/{uuid}", "PUT /resource_providers/{uuid}", "DELETE /resource_providers/{uuid}",
		"GET /resource_providers/{uuid}/inventories", "POST /resource_providers/{uuid}/inventories", "PUT /resource_providers/{uuid}/inventories",
		"DELETE /resource_providers/{uuid}/inventories", "GET /resource_providers/{uuid}/inventories/{resource_class}",
		"PUT /resource_providers/{uuid}/inventories/{resource_class}", "DELETE /resource_providers/{uuid}/inventories/{resource_class}",
		"GET /resource_providers/{uuid}/aggregates", "PUT /resource_providers/{uuid}/aggregates", "GET /resource_providers/{uuid}/usages",
		"GET /resource_providers/{uuid}/allocations", "GET /resource_providers/{uuid}/traits", "PUT /resource_providers/{uuid}/traits", "DELETE /resource_providers/{uuid}/traits",
		"GET /resource_classes", "POST /resource_classes", "GET /resource_classes/{name}", "PUT /resource_classes/{name}", "DELETE /resource_classes/{name}",
		"GET /traits", "GET /traits/{name}", "PUT /traits/{name}", "DELETE /traits/{name}",
		"GET /allocations/{consumer_uuid}", "PUT /allocations/{consumer_uuid}", "DELETE /allocations/{consumer_uuid}", "POST /allocations", "GET /allocation_candidates"}},
}
