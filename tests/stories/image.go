package stories

// Image returns the sequences of the image service. They are independent of each other.
func Image() []Sequence {
	var out []Sequence
	for _, c := range []struct {
		caller string
		steps  []Step
	}{
		{"member", imageSteps}, {"member", dataSteps}, {"member", shareSteps}, {"member", infoSteps},
		{"member", locationSteps}, {"member", storeSteps},
		{"member", cacheSteps}, {"admin", taskSteps}, {"admin", namespaceSteps}, {"admin", objectSteps},
		{"admin", propertySteps}, {"admin", tagSteps}, {"admin", typeSteps},
	} {
		out = append(out, Sequence{Service: "image", Caller: c.caller, Steps: c.steps})
	}
	return out
}

const patchType = "application/openstack-images-v2.1-json-patch"

func newImage(more string) Step {
	return Step{Call: "POST /v2/images", Body: `{"name":"{new}","disk_format":"raw","container_format":"bare"` + more +
		`}`, Want: 201, Keep: "i=id", Own: true}
}

func upload() Step {
	return Step{Call: "PUT /v2/images/{i}/file", Body: "data", Type: "application/octet-stream", Want: 204}
}

var imageSteps = []Step{
	{Call: "POST /v2/images", Body: `{"id":"{uuid:i}","name":"{new}","disk_format":"raw","container_format":"bare","visibility":"private","min_disk":1,"min_ram":1,"protected":false,
		"os_hidden":false,"tags":["a"],"hw_disk_bus":"virtio"}`, Want: 201, Again: 409, Own: true},
	{Call: "GET /v2/images", Want: 200},
	{Call: "GET /v2/images?limit=1&sort=name:asc&status=in:queued,active&tag=a", Want: 200},
	{Call: "GET /v2/images/{i}", Want: 200},
	{Call: "PATCH /v2/images/{i}", Type: patchType,
		Body: `[{"op":"replace","path":"/name","value":"other"},{"op":"add","path":"/color","value":"red"},{"op":"remove","path":"/hw_disk_bus"}]`, Want: 200},
	{Call: "PATCH /v2/images/{i}", Type: patchType, Who: "admin",
		Body: `[{"op":"replace","path":"/visibility","value":"public"}]`, Want: 200, Case: "publicize"},
	{Call: "PATCH /v2/images/{i}", Type: patchType, Body: `[{"op":"replace","path":"/visibility","value":"community"}]`,
		Want: 200, Case: "communitize"},
	{Call: "PATCH /v2/images/{i}", Type: patchType, Body: `[{"op":"replace","path":"/visibility","value":"private"}]`,
		Want: 200},
	{Call: "PUT /v2/images/{i}/tags/red", Want: 204},
	{Call: "DELETE /v2/images/{i}/tags/red", Want: 204, Again: 404},
	{Call: "DELETE /v2/images/{i}", Want: 204, Again: 404},
}

var dataSteps = []Step{
	newImage(`,"visibility":"private"`),
	{Call: "GET /v2/images/{i}/file", Want: 204, Case: "without data"},
	upload(),
	{Call: "GET /v2/images/{i}/file", Want: 200},
	{Call: "GET /v2/images/{i}/file", Header: "Range: bytes=0-1", Want: 206},
	{Call: "POST /v2/images/{i}/actions/deactivate", Want: 204},
	{Call: "POST /v2/images/{i}/actions/reactivate", Want: 204},
	{Call: "DELETE /v2/images/{i}", Want: 204},
	newImage(`,"visibility":"private"`),
	{Call: "PUT /v2/images/{i}/stage", Body: "data", Type: "application/octet-stream", Want: 204, Again: 409},
	{Call: "POST /v2/images/{i}/import", Body: `{"method":{"name":"glance-direct"}}`, Want: 202},
	{Call: "GET /v2/images/{i}/tasks", Want: 200},
	{Call: "DELETE /v2/images/{i}", Want: 204},
}

var shareSteps = []Step{
	newImage(`,"visibility":"shared"`),
	{Call: "POST /v2/images/{i}/members", Body: `{"member":"{away}"}`, Want: 200, Again: 409},
	{Call: "GET /v2/images/{i}/members", Want: 200},
	{Call: "GET /v2/images/{i}/members/{away}", Want: 200},
	{Call: "PUT /v2/images/{i}/members/{away}", Who: "stranger", Body: `{"status":"accepted"}`, Want: 200},
	{Call: "GET /v2/images/{i}", Who: "stranger", Want: 200, Case: "shared"},
	{Call: "DELETE /v2/images/{i}/members/{away}", Want: 204, Again: 404},
	{Call: "DELETE /v2/images/{i}", Want: 204},
}

var infoSteps = []Step{
	{Call: "GET /v2/info/import", Want: 200}, {Call: "GET /v2/info/stores", Want: 200},
	{Call: "GET /v2/info/usage", Want: 200},
	{Call: "GET /v2/info/stores/detail", Who: "admin", Want: 200},
	{Call: "GET /v2/schemas/image", Want: 200}, {Call: "GET /v2/schemas/images", Want: 200},
	{Call: "GET /v2/schemas/member", Want: 200}, {Call: "GET /v2/schemas/members", Want: 200},
	{Call: "GET /v2/schemas/task", Want: 200}, {Call: "GET /v2/schemas/tasks", Want: 200},
	{Call: "GET /v2/schemas/metadefs/namespace", Want: 200}, {Call: "GET /v2/schemas/metadefs/namespaces", Want: 200},
	{Call: "GET /v2/schemas/metadefs/object", Want: 200}, {Call: "GET /v2/schemas/metadefs/objects", Want: 200},
	{Call: "GET /v2/schemas/metadefs/property", Want: 200}, {Call: "GET /v2/schemas/metadefs/properties", Want: 200},
	{Call: "GET /v2/schemas/metadefs/resource_type", Want: 200},
	{Call: "GET /v2/schemas/metadefs/resource_types", Want: 200},
	{Call: "GET /v2/schemas/metadefs/tag", Want: 200}, {Call: "GET /v2/schemas/metadefs/tags", Want: 200},
}

var locationSteps = []Step{
	newImage(`,"visibility":"private"`),
	{Call: "POST /v2/images/{i}/locations", Body: `{"url":"{location}"}`, Want: 202},
	{Call: "GET /v2/images/{i}", Want: 200, Until: "status=active"},
	{Call: "GET /v2/images/{i}/locations", Who: "service", Want: 200},
	{Call: "DELETE /v2/images/{i}", Want: 204},
}

var storeSteps = []Step{
	newImage(`,"visibility":"private"`),
	{Call: "PUT /v2/images/{i}/file", Body: "data", Type: "application/octet-stream",
		Header: "X-Image-Meta-Store: {store}", Want: 204},
	{Call: "POST /v2/images/{i}/import", Who: "admin",
		Body: `{"method":{"name":"copy-image"},"stores":["{second_store}"]}`, Want: 202, Case: "copy"},
	{Call: "GET /v2/images/{i}", Want: 200, Until: "stores={store},{second_store}"},
	{Call: "GET /v2/images/{i}/tasks", Want: 200},
	{Call: "DELETE /v2/stores/{second_store}/{i}", Who: "admin", Want: 204, Again: 403},
	{Call: "DELETE /v2/images/{i}", Want: 204},
}

var cacheSteps = []Step{
	newImage(`,"visibility":"private"`),
	upload(),
	{Call: "PUT /v2/cache/{i}", Who: "admin", Want: 202},
	{Call: "GET /v2/cache", Who: "admin", Want: 200},
	{Call: "GET /v2/cache/nodes/{i}", Who: "admin", Want: 200},
	{Call: "DELETE /v2/cache/{i}", Who: "admin", Want: 204},
	{Call: "POST /v2/cache/clean", Who: "admin", Want: 200},
	{Call: "POST /v2/cache/prune", Who: "admin", Want: 200},
	{Call: "DELETE /v2/cache", Who: "admin", Want: 204},
	{Call: "DELETE /v2/images/{i}", Want: 204},
}

var taskSteps = []Step{
	// fails without a download: the format is missing
	{Call: "POST /v2/tasks", Body: `{"type":"import","input":{"import_from":"{location}"}}`, Want: 201, Keep: "task=id"},
	{Call: "GET /v2/tasks", Want: 200},
	{Call: "GET /v2/tasks/{task}", Want: 200},
	{Call: "DELETE /v2/tasks/{task}", Want: 405, Unknown: 405},
}

var namespaceSteps = []Step{
	{Call: "POST /v2/metadefs/namespaces", Want: 201, Again: 409,
		Body: `{"namespace":"{new:ns}","display_name":"d","description":"d","visibility":"public","protected":false,
		"resource_type_associations":[{"name":"OS::Glance::Image","prefix":"hw_"}],"tags":[{"name":"t"}],
		"properties":{"speed":{"title":"Speed","type":"integer","minimum":1}},"objects":[{"name":"o","properties":{"a":{"title":"A","type":"string"}}}]}`},
	{Call: "GET /v2/metadefs/namespaces", Want: 200},
	{Call: "GET /v2/metadefs/namespaces?limit=1&visibility=public", Want: 200},
	{Call: "GET /v2/metadefs/namespaces/{ns}", Want: 200},
	{Call: "PUT /v2/metadefs/namespaces/{ns}", Body: `{"namespace":"{ns}","description":"other","visibility":"public"}`,
		Want: 200},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}", Want: 204, Again: 404},
}

// within returns steps on a new namespace.
func within(steps ...Step) []Step {
	out := []Step{{Call: "POST /v2/metadefs/namespaces", Body: `{"namespace":"{new:ns}","visibility":"public"}`,
		Want: 201}}
	return append(append(out, steps...), Step{Call: "DELETE /v2/metadefs/namespaces/{ns}", Want: 204})
}

var objectSteps = within([]Step{
	{Call: "POST /v2/metadefs/namespaces/{ns}/objects",
		Body: `{"name":"o","description":"d","required":["a"],"properties":{"a":{"title":"A","type":"string"}}}`, Want: 201,
		Again: 409},
	{Call: "GET /v2/metadefs/namespaces/{ns}/objects", Want: 200},
	{Call: "GET /v2/metadefs/namespaces/{ns}/objects/o", Want: 200},
	{Call: "PUT /v2/metadefs/namespaces/{ns}/objects/o", Body: `{"name":"o","description":"other"}`, Want: 200},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/objects/o", Want: 204, Again: 404},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/objects", Want: 204},
}...)

var propertySteps = within([]Step{
	{Call: "POST /v2/metadefs/namespaces/{ns}/properties",
		Body: `{"name":"p","title":"P","type":"string","enum":["a","b"],"operators":["<or>"]}`, Want: 201, Again: 409},
	{Call: "GET /v2/metadefs/namespaces/{ns}/properties", Want: 200},
	{Call: "GET /v2/metadefs/namespaces/{ns}/properties/p", Want: 200},
	{Call: "PUT /v2/metadefs/namespaces/{ns}/properties/p", Body: `{"name":"p","title":"Q","type":"string"}`, Want: 200},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/properties/p", Want: 204, Again: 404},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/properties", Want: 204},
}...)

var tagSteps = within([]Step{
	{Call: "POST /v2/metadefs/namespaces/{ns}/tags", Body: `{"tags":[{"name":"a"},{"name":"b"}]}`, Want: 201},
	{Call: "POST /v2/metadefs/namespaces/{ns}/tags/c", Want: 201, Again: 409},
	{Call: "GET /v2/metadefs/namespaces/{ns}/tags", Want: 200},
	{Call: "GET /v2/metadefs/namespaces/{ns}/tags/c", Want: 200},
	{Call: "PUT /v2/metadefs/namespaces/{ns}/tags/c", Body: `{"name":"d"}`, Want: 200},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/tags/d", Want: 204, Again: 404},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/tags", Want: 204},
}...)

var typeSteps = within([]Step{
	{Call: "GET /v2/metadefs/resource_types", Want: 200},
	{Call: "POST /v2/metadefs/namespaces/{ns}/resource_types", Body: `{"name":"OS::Glance::Image","prefix":"hw_"}`,
		Want: 201, Again: 409},
	{Call: "GET /v2/metadefs/namespaces/{ns}/resource_types", Want: 200},
	{Call: "DELETE /v2/metadefs/namespaces/{ns}/resource_types/OS::Glance::Image", Want: 204, Again: 404},
}...)
