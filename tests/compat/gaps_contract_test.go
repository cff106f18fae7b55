package compat

import (
	"regexp"

	"hypernova/tests/compat/contract"
)

// gap is a set of missing operations, with the reason.
type gap struct {
	re  *regexp.Regexp // on "service METHOD template"
	why string
	// here means that the operations exist, but the cloud under test has no resources for them.
	here bool
}

var outside = []gap{
	{regexp.MustCompile(`^identity \w+ /v3/(OS-OAUTH1|users/{user_id}/OS-OAUTH1)/`),
		"decided: OAuth 1.0a delegation is out of use; trusts and application credentials delegate", false},
	{regexp.MustCompile(`^identity (GET|HEAD|PUT|PATCH|DELETE) /v3/OS-OAUTH2/token$`),
		"no service answers it: RFC 6749 has POST only, and keystone refuses the others with 405", false},
	{regexp.MustCompile(`^identity \w+ /v3/(auth/OS-FEDERATION/saml2|OS-FEDERATION/saml2)`),
		"decided: this cloud is no SAML identity provider; partners log in with OpenID Connect", false},
	{regexp.MustCompile(`^identity (GET|HEAD) /v3/(ec2tokens|s3tokens)$`),
		"no service answers it: keystone has POST only and refuses the others with 405", false},
	{regexp.MustCompile(`^network (POST|PUT|DELETE) /v2.0/network-ip-availabilities`),
		"no service answers it: what it shows is counted, not kept", false},
	{regexp.MustCompile(`^network (\w+ /v2.0/agents/({id}|{agent_id}/l3-routers)|` +
		`DELETE /v2.0/agents/{agent_id}/l3-routers/{id})$`),
		"a cloud with a simulated hypervisor has no agents; tests/surface tells it", true},
}

// quirks are the differences between the documents and the real services.
var quirks = []contract.Quirk{
	{Operation: `^compute POST /v2.1/servers/{id}/action os-getRDPConsole request`, At: `got object, want null`,
		Why: "nova asks for the type of console, as for the others"},
	{Operation: `^compute GET /v2.1/images`, At: `/links/[02]`, Why: "nova's order is self, bookmark, alternate"},
	{Operation: `^compute GET /v2.1/images`, At: `/server/links/[01]/rel: value must be`,
		Why: "nova's order is self, bookmark"},
	{Operation: `^compute GET /v2.1/os-tenant-networks`, At: `/cidr: 'oneOf' failed, subschemas 0, 1 matched`,
		Why: "the text None is a text, too"},
	{Operation: `^network `, At: `: got null, want (integer or )?string$`, Why: "neutron shows what is not set as null"},
	{Operation: `^network GET /v2.0/network-ip-availabilities`,
		At:  `/(subnet_ip_availability|total_ips|used_ips): got \w+, want string`,
		Why: "the document guesses: they are a list and numbers"},
	{Operation: `^network \w+ /v2.0/floatingips`, At: `/port_details: got null, want object`,
		Why: "no port has the floating IP"},
	{Operation: `^network \w+ /v2.0/floatingips/{floatingip_id}/port_forwardings`,
		At: `/(in|ex)ternal_port_range: got string, want number`, Why: "a range is a text, such as 80:90"},
	{Operation: `^network PUT /v2.0/subnetpools/{id}/onboard_network_subnets `, At: `^/: got array, want object$`,
		Why: "neutron answers the list of subnets"},
	{Operation: `^identity GET /v3/(auth|OS-FEDERATION)/(projects|domains) `, At: `links: got object, want array$`,
		Why: "keystone's links are an object"},
	{Operation: `^identity `, At: `^/roles/\d+/description: got null, want string$`,
		Why: "keystone shows a role without a description with null"},
	{Operation: `^identity \w+ /v3/(auth/tokens|OS-FEDERATION/.*/auth) `, At: `^/token/user/password_expires_at: got null`,
		Why: "a password that does not expire has null"},
	{Operation: `^identity \w+ /v3/endpoints`, At: `/region(_id)?: got null`, Why: "an endpoint may have no region"},
	{Operation: `^identity PATCH /v3/domains/{domain_id}/config/{group}`, At: `^/config: maxProperties`,
		Why: "keystone answers the domain's options as a whole"},
	{Operation: `^placement \w+ /resource_providers/{uuid}/aggregates `,
		At: `missing property 'resource_provider_generation'`, Below: 19,
		Why: "the document knows only the newest form"},
	{Operation: `^placement GET /allocation_candidates `, At: `allocations: got array, want object`, Below: 12,
		Why: "the document knows only the newest form"},
	{Operation: `^placement GET /usages `, At: `^/usages/\w+: got number, want object`, Below: 38,
		Why: "the document knows only the newest form"},
	{Operation: `^placement \w+ /resource_providers/{uuid}/traits `,
		At:  `additional properties 'resource_provider_generation'`,
		Why: "placement shows the generation, and PUT asks for it"},
	{Operation: `^placement POST /resource_providers/{uuid}/inventories `, At: `missing propert|additional properties`,
		Why: "POST makes one inventory and answers it; the document describes the set that PUT takes"},
	{Operation: `^placement GET /resource_providers/{uuid}/allocations `,
		At: `additional properties 'consumer_generation'`, Why: "placement shows each consumer's generation from 1.28 on"},
	{Operation: `^placement PUT /allocations/{consumer_uuid} request`, At: `additional properties 'mappings'`, Below: 38,
		Why: "mappings are there from 1.34 on"},
	{Operation: `^placement \w+ /resource_providers`, At: `parent_provider_uuid: got null`, Why: "a root has no parent"},
	{Operation: `^image GET /v2/schemas/`, At: `^/: got object, want string$`, Why: "a JSON schema is an object"},
	{Operation: `^image GET /v2/info/usage `, At: `^/usage: got object, want array`,
		Why: "usage is an object by what is counted"},
	{Operation: `^image POST /v2/metadefs/namespaces/{namespace_name}/tags `,
		At:  `missing property 'name'|additional properties 'tags'`,
		Why: "POST makes a list of tags; the document describes one"},
	{Operation: `^image GET /v2/info/stores`, At: `^/stores/\d+/default: got string, want boolean$`,
		Why: "glance marks the default store with the text true"},
}
