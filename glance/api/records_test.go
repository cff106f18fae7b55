package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	glanceapi "hypernova/glance/api"
	"hypernova/glance/images"
)

// TestTwoWriters lets clients change one image at once: each change is kept or refused, and none is lost.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/v2/images/" + s.create("member@p", rawImage)
	const writers, each = 8, 5
	var kept sync.Map
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				name := fmt.Sprintf("p_%d_%d", w, n)
				switch a := s.do("member@p", "PATCH", path, `[{"op":"add","path":"/`+name+`","value":"v"}]`); a.status {
				case 200:
					kept.Store(name, true)
				case 409:
				default:
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
				if a := s.do("member@p", "PUT", path+"/tags/"+name, ""); a.status != 204 && a.status != 409 {
					t.Errorf("tag %s: %d %s", name, a.status, a.body)
				}
			}
		})
	}
	all.Wait()
	i := s.want(200, "member@p", "GET", path, "").json(t)
	count := 0
	kept.Range(func(name, _ any) bool {
		count++
		if i[name.(string)] != "v" {
			t.Errorf("%s is lost", name)
		}
		return true
	})
	if count == 0 {
		t.Error("nobody could write")
	}
}

func TestConfiguredFormats(t *testing.T) {
	t.Parallel()
	s := startWith(t, func(a *glanceapi.Deps) {
		a.Formats = glanceapi.Formats{Disk: []string{"qcow2", "own"}, Container: []string{"bare"}}
	})
	s.want(201, "member@p", "POST", "/v2/images", `{"disk_format":"own","container_format":"bare"}`)
	s.want(201, "member@p", "POST", "/v2/images", `{"disk_format":null,"container_format":null}`)
	s.want(400, "member@p", "POST", "/v2/images", `{"disk_format":"raw"}`)
	s.want(400, "member@p", "POST", "/v2/images", `{"container_format":"ovf"}`)
	ps := s.want(200, "member@p", "GET", "/v2/schemas/image", "").json(t)["properties"].(map[string]any)
	if got := fmt.Sprint(ps["disk_format"].(map[string]any)["enum"],
		ps["container_format"].(map[string]any)["enum"]); got != "[<nil> qcow2 own] [<nil> bare]" {
		t.Errorf("in the schema: %s", got)
	}
}

func TestWellKnownProperties(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"kernel":               {`{"kernel_id":"11111111-2222-3333-4444-555555555555"}`, 201},
		"kernel that is none":  {`{"kernel_id":"vmlinuz"}`, 400},
		"ramdisk that is none": {`{"ramdisk_id":"x"}`, 400},
		"deletion policy":      {`{"cinder_encryption_key_deletion_policy":"never"}`, 400},
		"a number":             {`{"os_distro":1}`, 400},
	} {
		if a := s.do("member@p", "POST", "/v2/images", c.body); a.status != c.status {
			t.Errorf("%s: got %d, want %d: %s", name, a.status, c.status, a.body)
		}
	}
	for _, name := range []string{"kernel_id", "os_distro", "instance_uuid"} {
		p := s.want(200, "member@p", "GET", "/v2/schemas/image", "").json(t)["properties"].(map[string]any)[name]
		if p == nil || p.(map[string]any)["is_base"] != false {
			t.Errorf("%s in the schema: %v", name, p)
		}
	}
}

func TestLimitsOfOneImage(t *testing.T) {
	t.Parallel()
	l := images.Limits{Properties: 2, Tags: 2, Members: 1}
	s := start(t, func(c *setup) { c.Limits = l })
	s.want(413, "member@p", "POST", "/v2/images", `{"a":"1","b":"2","c":"3"}`)
	s.want(413, "member@p", "POST", "/v2/images", `{"tags":["a","b","c"]}`)
	path := "/v2/images/" + s.create("member@p", `{"a":"1","b":"2","tags":["a","b","b"]}`)
	for _, c := range []struct {
		name string
		a    answer
		want string
	}{
		{"property", s.do("member@p", "PATCH", path, `[{"op":"add","path":"/c","value":""}]`),
			"allowed image properties. Attempted: 3, Maximum: 2"},
		{"tag", s.do("member@p", "PUT", path+"/tags/c", ""), "allowed image tags. Attempted: 3, Maximum: 2"},
	} {
		if c.a.status != 413 || !strings.Contains(c.a.body, c.want) {
			t.Errorf("%s: %d %s", c.name, c.a.status, c.a.body)
		}
	}
	s.want(200, "member@p", "PATCH", path, `[{"op":"remove","path":"/a"},{"op":"add","path":"/c","value":""}]`)
	s.want(204, "member@p", "PUT", path+"/tags/b", "")
	s.want(200, "member@p", "POST", path+"/members", `{"member":"q"}`)
	if a := s.want(413, "member@p", "POST", path+"/members", `{"member":"r"}`); !strings.Contains(a.body,
		"Attempted: 2, Maximum: 1") {
		t.Errorf("members: %s", a.body)
	}
}

// TestWhatClientsMayNotSet tries every member that is the service's own, in a new image and in a change of one.
func TestWhatClientsMayNotSet(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/v2/images/" + s.create("member@p", rawImage)
	for _, name := range []string{"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url",
		"self", "file", "schema", "stores",
		"os_hash_algo", "os_hash_value", "location", "deleted", "deleted_at", "os_glance_import_task", "os_glance_x"} {
		for _, body := range []string{`"x"`, `1`} {
			if a := s.do("admin@p", "POST", "/v2/images", `{"`+name+`":`+body+`}`); a.status != 403 {
				t.Errorf("new image with %s: %d %s", name, a.status, a.body)
			}
			for _, op := range []string{"add", "replace", "remove"} {
				if a := s.do("admin@p", "PATCH", path, `[{"op":"`+op+`","path":"/`+name+`","value":`+body+`}]`); a.status != 403 {
					t.Errorf("%s %s: %d %s", op, name, a.status, a.body)
				}
			}
		}
	}
	if a := s.do("admin@p", "PATCH", path, `[{"op":"replace","path":"/id","value":"x"}]`); a.status != 403 {
		t.Errorf("id: %d", a.status)
	}
	for _, name := range []string{"name", "visibility", "protected", "tags", "disk_format", "container_format", "min_ram",
		"min_disk", "owner", "os_hidden"} {
		if a := s.do("admin@p", "PATCH", path, `[{"op":"remove","path":"/`+name+`"}]`); a.status != 403 ||
			!strings.Contains(a.body, "may not be removed") {
			t.Errorf("remove %s: %d %s", name, a.status, a.body)
		}
	}
}

// TestFiltersOfLists asks for images by every operator.
func TestFiltersOfLists(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{
		`{"name":"a","disk_format":"raw","container_format":"bare","min_ram":1,"tags":["x","y"],"os_distro":"debian"}`,
		`{"name":"b","disk_format":"qcow2","container_format":"bare","min_ram":2,"tags":["x"],"protected":true}`,
		`{"name":"c,d","disk_format":"iso","container_format":"ovf","min_ram":3,"os_hidden":true}`,
		`{"name":"e","disk_format":"vhd","container_format":"ova","min_ram":4,"visibility":"community"}`,
	} {
		s.create("member@p", body)
	}
	for query, want := range map[string]string{
		"": "a b e", "os_hidden=true": "c,d", "protected=true": "b", "protected=false": "a e",
		"name=a": "a", "name=in:a,b": "a b", `os_hidden=true&name=in:"c,d",a`: "c,d", "name=eq:a": "a", "name=in:none": "",
		"disk_format=in:raw,vhd": "a e", "container_format=bare": "a b", "container_format=in:bare,ova": "a b e",
		"status=in:queued,active": "a b e", "status=active": "", "tag=x": "a b", "tag=x&tag=y": "a", "tag=z": "",
		"os_distro=debian": "a", "os_distro=none": "", "min_ram=2": "b", "min_ram_min=2": "b e", "min_ram_max=1": "a",
		"owner=p": "a b e", "owner=q": "", "visibility=community": "e", "visibility=all": "a b e", "visibility=shared": "a b",
		"visibility=private": "",
		"checksum=x":         "", "os_hash_value=x": "", "created_at=gt:2020-01-01T00:00:00Z": "a b e",
		"updated_at=lt:2020-01-01T00:00:00Z":  "",
		"created_at=neq:2020-01-01T00:00:00Z": "a b e", "created_at=gte:2020-01-01": "a b e", "created_at=lte:2020-01-01": "",
		"created_at=2020-01-01T00:00:00": "",
		"size_min=1":                     "", "size_max=0": "",
	} {
		doc := s.want(200, "member@p", "GET", "/v2/images?sort=name:asc&"+strings.ReplaceAll(query, `"`, "%22"), "").json(t)
		var names []string
		for _, i := range doc["images"].([]any) {
			names = append(names, i.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for query, status := range map[string]int{
		"name=gt:a": 400, "created_at=in:2020-01-01": 400, "created_at=gt:yesterday": 400, "size_min=x": 400,
		"visibility=secret": 400, "changes-since=2020-01-01": 400,
		"os_hidden=maybe": 400, "protected=maybe": 400, "member_status=maybe": 400, "sort=name:up": 400,
		"sort_key=color": 400, "sort=name&sort_key=name": 400,
		"sort_key=name&sort_key=size&sort_dir=asc&sort_dir=asc&sort_dir=asc": 400, "limit=-1": 400, "limit=x": 400,
		"marker=none": 400, `name=in:%22a`: 400,
	} {
		if a := s.do("member@p", "GET", "/v2/images?"+query, ""); a.status != status {
			t.Errorf("%s: got %d, want %d: %s", query, a.status, status, a.body)
		}
	}
}
