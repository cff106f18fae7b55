package api_test

import (
	"fmt"
	"strings"
	"testing"
)

const namespaceX = `{"namespace":"X","display_name":"dn","description":"d","visibility":"public","protected":false,
	"resource_type_associations":[{"name":"OS::Nova::Flavor","prefix":"hw:","properties_target":"image"}],
	"properties":{"p":{"title":"P","type":"integer","minimum":1,"maximum":5,"default":3,"operators":["<or>"],"readonly":false}},
	"objects":[{"name":"o","description":"od","required":["q"],"properties":{"q":{"title":"Q","type":"array","items":{"type":"string","enum":["a"]}}}}],
	"tags":[{"name":"t1"},{"name":"t2"}]}`

func TestNamespaceWithAllInIt(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.want(201, "admin@a", "POST", "/v2/metadefs/namespaces", namespaceX)
	if !strings.HasSuffix(a.header.Get("Location"), "/v2/metadefs/namespaces/X") {
		t.Errorf("location: %q", a.header.Get("Location"))
	}
	s.want(409, "admin@a", "POST", "/v2/metadefs/namespaces", namespaceX)
	n := s.want(200, "reader@b", "GET", "/v2/metadefs/namespaces/X", "").json(t)
	for k, want := range map[string]string{"namespace": "X", "display_name": "dn", "description": "d",
		"visibility": "public", "protected": "false", "owner": "a",
		"self": "/v2/metadefs/namespaces/X", "schema": "/v2/schemas/metadefs/namespace",
		"properties": "map[p:map[default:3 maximum:5 minimum:1 operators:[<or>] readonly:false title:P type:integer]]"} {
		if got := fmt.Sprint(n[k]); got != want {
			t.Errorf("%s: got %s, want %s", k, got, want)
		}
	}
	if got := len(n["tags"].([]any)); got != 2 {
		t.Errorf("%d tags", got)
	}
	o := n["objects"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(o["name"], o["required"], o["properties"],
		o["self"]); got != "o[q] map[q:map[items:map[enum:[a] type:string] title:Q type:array]]/v2/metadefs/namespaces/X/objects/o" {
		t.Errorf("object: %s", got)
	}
	n = s.want(200, "reader@b", "GET", "/v2/metadefs/namespaces/X?resource_type=OS::Nova::Flavor", "").json(t)
	o = n["objects"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(n["properties"], o["required"], o["properties"]); !strings.HasPrefix(got, "map[hw:p:") ||
		!strings.Contains(got, "[hw:q] map[hw:q:") {
		t.Errorf("prefixed: %s", got)
	}
	n = s.want(200, "admin@a", "PUT", "/v2/metadefs/namespaces/X", `{"namespace":"Y","protected":true}`).json(t)
	if n["namespace"] != "Y" || n["visibility"] != "private" || n["protected"] != true || n["display_name"] != nil {
		t.Errorf("updated: %v", n)
	}
	s.want(404, "admin@a", "GET", "/v2/metadefs/namespaces/X", "")
	for _, path := range []string{"", "/objects", "/objects/o", "/properties", "/properties/p", "/tags", "/tags/t1",
		"/resource_types/OS::Nova::Flavor"} {
		s.want(403, "admin@a", "DELETE", "/v2/metadefs/namespaces/Y"+path, "")
	}
	s.want(200, "admin@a", "PUT", "/v2/metadefs/namespaces/Y", `{"namespace":"Y"}`)
	for _, path := range []string{"/objects/o", "/objects", "/properties/p", "/properties", "/tags/t1", "/tags",
		"/resource_types/OS::Nova::Flavor", ""} {
		s.want(204, "admin@a", "DELETE", "/v2/metadefs/namespaces/Y"+path, "")
	}
	if got := s.want(200, "reader@b", "GET", "/v2/metadefs/resource_types", "").body; !strings.Contains(got,
		`"name":"OS::Nova::Flavor"`) {
		t.Errorf("resource types: %s", got)
	}
}

func TestWhoSeesANamespace(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.want(201, "admin@a", "POST", "/v2/metadefs/namespaces", `{"namespace":"pub","visibility":"public"}`)
	s.want(201, "admin@a", "POST", "/v2/metadefs/namespaces", `{"namespace":"priv","owner":"p"}`)
	for _, c := range []struct {
		status              int
		token, method, path string
		body                string
	}{
		{403, "member@p", "POST", "", `{"namespace":"n"}`},
		{200, "reader@p", "GET", "/pub", ""},
		{200, "reader@p", "GET", "/priv", ""},
		{404, "reader@q", "GET", "/priv", ""},
		{404, "member@q", "PUT", "/priv", `{"namespace":"n"}`},
		{403, "member@p", "PUT", "/priv", `{"namespace":"n"}`},
		{403, "member@q", "DELETE", "/pub", ""},
		{404, "member@q", "DELETE", "/priv", ""},
		{404, "member@q", "GET", "/priv/objects", ""},
		{404, "member@q", "POST", "/priv/objects", `{"name":"o"}`},
		{403, "member@q", "POST", "/pub/objects", `{"name":"o"}`},
		{403, "member@q", "POST", "/pub/properties", `{"name":"o","title":"t","type":"string"}`},
		{403, "member@q", "POST", "/pub/tags/x", ``},
		{403, "member@q", "POST", "/pub/tags", `{"tags":[]}`},
		{403, "member@q", "POST", "/pub/resource_types", `{"name":"x"}`},
		{404, "member@q", "GET", "/priv/tags", ""},
		{404, "member@q", "GET", "/priv/properties", ""},
		{404, "member@q", "GET", "/priv/resource_types", ""},
		{401, "", "GET", "/pub", ""},
	} {
		if a := s.do(c.token, c.method, "/v2/metadefs/namespaces"+c.path, c.body); a.status != c.status {
			t.Errorf("%s %s as %s: got %d, want %d: %s", c.method, c.path, c.token, a.status, c.status, a.body)
		}
	}
	for token, want := range map[string]int{"reader@p": 2, "reader@q": 1, "admin@z": 2} {
		if got := len(s.want(200, token, "GET", "/v2/metadefs/namespaces", "").json(t)["namespaces"].([]any)); got != want {
			t.Errorf("%s sees %d namespaces, want %d", token, got, want)
		}
	}
}

func TestListsOfNamespaces(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, n := range []string{"c", "a", "b"} {
		s.want(201, "admin@a", "POST", "/v2/metadefs/namespaces",
			`{"namespace":"`+n+`","visibility":"public","resource_type_associations":[{"name":"T`+n+`"}]}`)
	}
	names := func(path string) (string, map[string]any) {
		t.Helper()
		doc := s.want(200, "reader@p", "GET", path, "").json(t)
		var out []string
		for _, n := range doc["namespaces"].([]any) {
			out = append(out, n.(map[string]any)["namespace"].(string))
		}
		return strings.Join(out, ""), doc
	}
	for path, want := range map[string]string{"": "bac", "?sort_key=namespace&sort_dir=asc": "abc",
		"?sort_key=namespace&sort_dir=asc&marker=a": "bc", "?visibility=private": "",
		"?resource_types=Ta,Tb&sort_key=namespace&sort_dir=asc": "ab", "?resource_types=none": "", "?limit=0": ""} {
		if got, _ := names("/v2/metadefs/namespaces" + path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	got, doc := names("/v2/metadefs/namespaces?limit=2&sort_key=namespace&sort_dir=asc")
	if got != "ab" || doc["schema"] != "/v2/schemas/metadefs/namespaces" ||
		doc["first"] != "/v2/metadefs/namespaces?limit=2&sort_dir=asc&sort_key=namespace" {
		t.Errorf("page: %s %v", got, doc)
	}
	if got, doc = names(doc["next"].(string)); got != "c" || doc["next"] != nil {
		t.Errorf("next page: %s %v", got, doc)
	}
	for path, status := range map[string]int{"?limit=-1": 400, "?limit=x": 400, "?sort_dir=up": 400, "?sort_key=x": 400,
		"?visibility=shared": 400, "?marker=none": 404} {
		s.want(status, "reader@p", "GET", "/v2/metadefs/namespaces"+path, "")
	}
}

func TestContentsOfANamespace(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.want(201, "admin@a", "POST", "/v2/metadefs/namespaces", `{"namespace":"X"}`)
	x := "/v2/metadefs/namespaces/X"
	for _, c := range []struct {
		status             int
		method, path, body string
		want               string // in the answer
	}{
		{201, "POST", "/objects", `{"name":"o","properties":{"p":{"title":"P","type":"string"}}}`,
			`"schema":"/v2/schemas/metadefs/object"`},
		{409, "POST", "/objects", `{"name":"o"}`, ""},
		{400, "POST", "/objects", `{"name":"` + strings.Repeat("x", 81) + `"}`, ""},
		{400, "POST", "/objects", `{"name":"q","properties":{"p":{"type":"string"}}}`, "title"},
		{400, "POST", "/objects", `{"name":"q","other":1}`, ""},
		{403, "POST", "/objects", `{"name":"q","created_at":"x"}`, "read-only"},
		{200, "GET", "/objects", "", `"schema":"v2/schemas/metadefs/objects"`},
		{404, "GET", "/objects/none", "", ""},
		{200, "PUT", "/objects/o", `{"name":"o2","description":"d"}`, `"name":"o2"`},
		{404, "PUT", "/objects/o", `{"name":"o"}`, ""},
		{200, "GET", "/objects/o2", "", `"properties":{}`},

		{201, "POST", "/properties", `{"name":"p","title":"P","type":"string","enum":["a"]}`, `"name":"p"`},
		{409, "POST", "/properties", `{"name":"p","title":"P","type":"string"}`, ""},
		{400, "POST", "/properties", `{"title":"P","type":"string"}`, "name"},
		{400, "POST", "/properties", `{"name":"q","title":"P","type":"text"}`, ""},
		{400, "POST", "/properties", `{"name":"q","title":"P","type":"string","minLength":-1}`, ""},
		{200, "GET", "/properties", "", `{"properties":{"p":{"type":"string","title":"P","enum":["a"]}}}`},
		{200, "PUT", "/properties/p", `{"name":"r","title":"R","type":"integer"}`, `"title":"R"`},
		{404, "GET", "/properties/p", "", ""},
		{201, "POST", "/resource_types", `{"name":"T","prefix":"hw_"}`, `"prefix":"hw_"`},
		{409, "POST", "/resource_types", `{"name":"T"}`, ""},
		{403, "POST", "/resource_types", `{"name":"U","updated_at":""}`, ""},
		{200, "GET", "/resource_types", "", `"resource_type_associations":[{"name":"T"`},
		{200, "GET", "/properties/hw_r?resource_type=T", "", `"name":"r"`},
		{404, "GET", "/properties/r?resource_type=T", "", ""},
		{404, "GET", "/properties/hw_r?resource_type=U", "", ""},
		{404, "DELETE", "/resource_types/U", "", "Failed to find resource type U to delete"},

		{201, "POST", "/tags/a", "", `"name":"a"`},
		{409, "POST", "/tags/a", "", ""},
		{400, "POST", "/tags/" + strings.Repeat("x", 81), "", ""},
		{201, "POST", "/tags", `{"tags":[{"name":"b"},{"name":"c"}]}`, `{"tags":[{"name":"b"},{"name":"c"}]}`},
		{404, "GET", "/tags/a", "", ""},
		{409, "POST", "/tags", `{"tags":[{"name":"d"},{"name":"d"}]}`, ""},
		{200, "GET", "/tags?sort_key=name&sort_dir=asc&limit=1&marker=b", "", `{"tags":[{"name":"c"}]}`},
		{404, "GET", "/tags?marker=none", "", ""},
		{200, "PUT", "/tags/b", `{"name":"e"}`, `"name":"e"`},
		{409, "PUT", "/tags/c", `{"name":"e"}`, ""},
		{404, "PUT", "/tags/none", `{"name":"f"}`, ""},
		{404, "DELETE", "/tags/none", "", ""},
	} {
		a := s.do("admin@a", c.method, x+c.path, c.body)
		if a.status != c.status || !strings.Contains(a.body, c.want) {
			t.Errorf("%s %s %s: got %d %s, want %d with %q", c.method, c.path, c.body, a.status, a.body, c.status, c.want)
		}
	}
	s.want(201, "admin@a", "POST", x+"/tags", `{"tags":[{"name":"z"}]}`, "X-Openstack-Append", "True")
	if got := s.want(200, "admin@a", "GET", x+"/tags?sort_key=name",
		"").body; got != `{"tags":[{"name":"z"},{"name":"e"},{"name":"c"}]}` {
		t.Errorf("after appending: %s", got)
	}
}

func TestSchemaDocumentsOfMetadefs(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, name := range []string{"namespace", "object", "property", "tag", "resource_type"} {
		if got := s.want(200, "reader@p", "GET", "/v2/schemas/metadefs/"+name, "").json(t); got["properties"] == nil ||
			got["name"] == nil || got["additionalProperties"] != false {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{"namespaces", "objects", "properties", "tags", "resource_types"} {
		if got := s.want(200, "reader@p", "GET", "/v2/schemas/metadefs/"+name, "").json(t); len(got["links"].([]any)) != 3 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
