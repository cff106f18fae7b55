package surface

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hypernova/tests/compat/contract"
	"hypernova/tests/stories"
)

// document returns the OpenAPI document of a service, nil if the documents are not available.
func document(t *testing.T, service string) *contract.Document {
	t.Helper()
	dir := os.Getenv("HYPERNOVA_OPENAPI")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "openapi")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Log("there are no documents: what is taken is not held against them")
		return nil
	}
	d, err := contract.Load(dir, service)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// taken compares the bodies that a service accepts with its document.
type taken struct {
	document *contract.Document
	service  string
	mu       sync.Mutex
	used     map[int]int     // by position of the exception
	reported map[string]bool // reported operations
}

// check reports an accepted body that is invalid by the document, once for each operation and error.
func (x *taken) check(t *testing.T, what string, r *stories.Request) {
	t.Helper()
	if x.document == nil || r.Body == "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return
	}
	o, ok := x.document.Find(r.Method, r.Path, r.Action())
	if !ok {
		return
	}
	_, err := x.document.Request(r.Method, r.Path, r.Minor, []byte(r.Body))
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, wrong := range contract.Wrong(x.service+" "+o.String(), r.Minor, err, lenient, x.used) {
		if key := o.String() + wrong; !x.reported[key] {
			x.reported[key] = true
			t.Errorf("%s took a body with %s that the document refuses: %s: %.400s", o, what, wrong, r.Body)
		}
	}
}

// lenient lists what the services accept although it is invalid by the documents.
var lenient = []contract.Quirk{
	{Operation: `^network \w+ /v2.0/subnets`, At: `/(dns_nameservers|host_routes|allocation_pools): got null, want array`,
		Why: "neutron takes null as an empty list"},
	{Operation: `^network \w+ /v2.0/routers`, At: `/(routes|external_fixed_ips): got null, want array`,
		Why: "neutron takes null for an empty list"},
	{Operation: `^network \w+ /v2.0/routers`, At: `/external_gateway_info: missing property 'network_id'`,
		Why: "neutron takes an empty object for no gateway"},
	{Operation: `^network \w+ /v2.0/ports`, At: `/(allowed_address_pairs|security_groups): got null, want array`,
		Why: "neutron takes null as an empty list"},
	{Operation: `^network \w+ /v2.0/ports`, At: `/binding:host_id: got null, want string`,
		Why: "neutron takes null as no host"},
	{Operation: `^network POST /v2.0/security-group-rules`, At: `/port_range_m(in|ax): got string, want null or integer`,
		Why: "neutron takes digits as a number"},
	{Operation: `^network POST /v2.0/security-group-rules`, At: `/remote_ip_prefix: got null, want string`,
		Why: "neutron takes null as any address"},
	{Operation: `^network \w+ /v2.0/floatingips/{floatingip_id}/port_forwardings`,
		At: `/(in|ex)ternal_port_range: got (string|null), want number`, Why: "a range is a text, such as 80:90"},
	{Operation: `^network PUT /v2.0/quotas/{id}`, At: `/quota/\w+: got string, want integer`,
		Why: "neutron takes digits as a number"},
	{Operation: `^placement POST /resource_providers/{uuid}/inventories$`, At: `missing propert|additional properties`,
		Why: "POST makes one inventory; the document describes the set that PUT takes"},
	{Operation: `^placement PUT /resource_providers/{uuid}/traits$`,
		At:  `additional properties 'resource_provider_generation'`,
		Why: "PUT asks for the generation, and the document leaves it out"},
	{Operation: `^image POST /v2/metadefs/namespaces/{namespace_name}/tags$`,
		At:  `missing property 'name'|additional properties 'tags'`,
		Why: "POST makes a list of tags; the document describes one"},
}
