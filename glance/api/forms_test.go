package api_test

import (
	"strings"
	"testing"
)

// TestEmptyNullAndAbsent tells apart what glance's schemas tell apart.
func TestEmptyNullAndAbsent(t *testing.T) {
	t.Parallel()
	s := start(t)
	const images = "POST /v2/images"
	for name, c := range map[string]struct {
		line, body string
		status     int
		says       string
	}{
		"name null":                    {images, `{"name":null}`, 201, `"name":null`},
		"name empty":                   {images, `{"name":""}`, 201, ""},
		"name that is no text":         {images, `{"name":1}`, 400, ""},
		"id null":                      {images, `{"id":null}`, 400, ""},
		"id empty":                     {images, `{"id":""}`, 400, ""},
		"id without dashes":            {images, `{"id":"11111111222233334444555555555555"}`, 400, ""},
		"id with its dashes elsewhere": {images, `{"id":"1111-11112222-3333-4444-555555555555"}`, 400, ""},
		"id in capitals": {images, `{"id":"AAAAAAAA-2222-3333-4444-555555555555"}`, 201,
			`"id":"AAAAAAAA-2222-3333-4444-555555555555"`},
		"visibility null":               {images, `{"visibility":null}`, 400, ""},
		"visibility empty":              {images, `{"visibility":""}`, 400, ""},
		"visibility in capitals":        {images, `{"visibility":"Private"}`, 400, ""},
		"format null":                   {images, `{"disk_format":null,"container_format":null}`, 201, `"disk_format":null`},
		"format empty":                  {images, `{"disk_format":""}`, 400, ""},
		"format in capitals":            {images, `{"disk_format":"RAW"}`, 400, ""},
		"owner null":                    {images, `{"owner":null}`, 201, ""},
		"memory null":                   {images, `{"min_ram":null}`, 400, ""},
		"memory as text":                {images, `{"min_ram":"1"}`, 400, ""},
		"protected null":                {images, `{"protected":null}`, 400, ""},
		"hidden as text":                {images, `{"os_hidden":"true"}`, 400, ""},
		"tags null":                     {images, `{"tags":null}`, 400, ""},
		"tags with null":                {images, `{"tags":[null]}`, 400, ""},
		"a tag twice":                   {images, `{"tags":["a","a"]}`, 201, `"tags":["a"]`},
		"a property null":               {images, `{"os_distro":null}`, 400, ""},
		"a property empty":              {images, `{"os_distro":""}`, 201, `"os_distro":""`},
		"kernel null":                   {images, `{"kernel_id":null}`, 201, `"kernel_id":null`},
		"kernel empty":                  {images, `{"kernel_id":""}`, 400, ""},
		"kernel without dashes":         {images, `{"kernel_id":"11111111222233334444555555555555"}`, 400, ""},
		"visibility asked for as empty": {"GET /v2/images?visibility=", "", 200, ""},
	} {
		method, path, _ := strings.Cut(c.line, " ")
		if a := s.want(c.status, "member@p", method, path, c.body); !strings.Contains(a.body, c.says) {
			t.Errorf("%s: got %s, want %s", name, a.body, c.says)
		}
	}
	id := s.create("member@p", rawImage)
	at := "/v2/images/" + id
	for _, c := range []struct {
		name, who, line, body string
		status                int
	}{
		{"kernel null, later", "member@p", "PATCH " + at, `[{"op":"add","path":"/kernel_id","value":null}]`, 200},
		{"a property null, later", "member@p", "PATCH " + at, `[{"op":"add","path":"/x","value":null}]`, 400},
		{"member null", "member@p", "POST " + at + "/members", `{"member":null}`, 400},
		{"member empty", "member@p", "POST " + at + "/members", `{"member":""}`, 400},
		{"member with more", "member@p", "POST " + at + "/members", `{"member":"q","status":"accepted"}`, 200},
		{"member twice", "member@p", "POST " + at + "/members", `{"member":"q"}`, 409},
		{"answer null", "member@q", "PUT " + at + "/members/q", `{"status":null}`, 400},
		{"answer empty", "member@q", "PUT " + at + "/members/q", `{"status":""}`, 400},
		{"answer in capitals", "member@q", "PUT " + at + "/members/q", `{"status":"ACCEPTED"}`, 400},
		{"answer with more", "member@q", "PUT " + at + "/members/q", `{"status":"accepted","more":1}`, 200},
		{"import of null", "member@p", "POST " + at + "/import", `{"method":null}`, 400},
		{"import by no method", "member@p", "POST " + at + "/import", `{"method":{"name":""}}`, 400},
		{"import into all or none", "member@p", "POST " + at + "/import",
			`{"method":{"name":"web-download","uri":"http://x.example/i"},"all_stores":null}`, 400},
	} {
		method, path, _ := strings.Cut(c.line, " ")
		if a := s.do(c.who, method, path, c.body); a.status != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, a.status, a.body, c.status)
		}
	}
}
