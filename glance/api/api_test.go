package api_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"hypernova/glance"
	glanceapi "hypernova/glance/api"
	"hypernova/glance/backend/file"
	"hypernova/glance/backend/mem"
	"hypernova/glance/images"
	"hypernova/glance/metadefs"
	"hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
	queue "hypernova/oslo/tasks"
)

// service is an image API with tokens "role@project".
type service struct {
	t      testing.TB
	url    string
	images *images.Service
	files  *file.Backend

	handler http.Handler
}

// setup is what a test's service is made of.
type setup struct {
	images.Config
	images.Deps
}

func start(t testing.TB, change ...func(*setup)) *service {
	t.Helper()
	return startWith(t, func(*glanceapi.Deps) {}, change...)
}

func startWith(t testing.TB, edit func(*glanceapi.Deps), change ...func(*setup)) *service {
	t.Helper()
	files, err := file.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := setup{Deps: images.Deps{DB: dbtest.Memory(t, dbtest.Migrations{Name: "glance", FS: store.Migrations()},
		dbtest.Migrations{Name: "tasks", FS: queue.Migrations()}),
		Stores: []images.Store{{ID: "file", Type: "file", Backend: files},
			{ID: "ram", Type: "mem", Description: "volatile", Backend: &mem.Backend{}}}}}
	for _, f := range change {
		f(&c)
	}
	s, err := images.New(c.Config, c.Deps)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.New(glanceapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := glanceapi.Deps{Images: s, Metadefs: metadefs.New(c.DB, c.Now), Tasks: tasks.New(c.DB, c.Deps.Tasks)}
	edit(&a)
	h := glanceapi.Handler(api.Config{Policy: rules, Validator: auth.ValidatorFunc(validate)}, a)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &service{t, srv.URL, s, files, h}
}

func validate(_ context.Context, token string) (*auth.Caller, error) {
	role, project, ok := strings.Cut(token, "@")
	if !ok {
		return nil, fault.New(fault.Unauthorized, "no")
	}
	roles := map[string][]string{"admin": {"admin", "member", "reader"}, "member": {"member", "reader"},
		"reader": {"reader"}}[role]
	return &auth.Caller{UserID: "u-" + project, ProjectID: project, Roles: roles}, nil
}

// caller is the context of a token.
func caller(t testing.TB, token string) context.Context {
	c, err := validate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return auth.With(t.Context(), c)
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return m
}

// do sends one request; header pairs follow the body.
func (s *service) do(token, method, path, body string, header ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	switch {
	case method == "PATCH":
		req.Header.Set("Content-Type", "application/openstack-images-v2.1-json-patch")
	case strings.HasSuffix(path, "/file"), strings.HasSuffix(path, "/stage"):
		req.Header.Set("Content-Type", "application/octet-stream")
	case body != "":
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{resp.StatusCode, resp.Header, "cut off: " + err.Error()}
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (s *service) want(status int, token, method, path, body string, header ...string) answer {
	s.t.Helper()
	a := s.do(token, method, path, body, header...)
	if a.status != status {
		s.t.Fatalf("%s %s as %s: got %d, want %d: %s", method, path, token, a.status, status, a.body)
	}
	return a
}

// create makes an image of the project and returns its id.
func (s *service) create(token, body string) string {
	s.t.Helper()
	return s.want(201, token, "POST", "/v2/images", body).json(s.t)["id"].(string)
}

const rawImage = `{"name":"n","disk_format":"raw","container_format":"bare"}`

func TestLifeOfAnImage(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.want(201, "member@p", "POST", "/v2/images",
		`{"name":"cirros","disk_format":"raw","container_format":"bare","tags":["b","a","a"],"min_ram":64,"hw_disk_bus":"scsi"}`)
	i := a.json(t)
	id := i["id"].(string)
	for k, want := range map[string]any{"status": "queued", "visibility": "shared", "owner": "p", "size": nil,
		"virtual_size": nil, "checksum": nil, "os_hash_algo": nil,
		"protected": false, "os_hidden": false, "hw_disk_bus": "scsi", "min_ram": 64.0, "min_disk": 0.0,
		"schema": "/v2/schemas/image", "self": "/v2/images/" + id, "file": "/v2/images/" + id + "/file"} {
		if i[k] != want {
			t.Errorf("%s: got %v, want %v", k, i[k], want)
		}
	}
	if got := fmt.Sprint(i["tags"]); got != "[a b]" {
		t.Errorf("tags: %s", got)
	}
	if m := a.header.Get("OpenStack-image-import-methods"); m != "glance-direct,web-download,copy-image" {
		t.Errorf("import methods: %q", m)
	}
	if a := s.want(204, "member@p", "GET", "/v2/images/"+id+"/file", ""); a.body != "" {
		t.Errorf("data of a queued image: %q", a.body)
	}
	data := strings.Repeat("0123456789", 300_000)
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", data)
	i = s.want(200, "member@p", "GET", "/v2/images/"+id, "").json(t)
	sum5, sum512 := md5.Sum([]byte(data)), sha512.Sum512([]byte(data))
	for k, want := range map[string]any{"status": "active", "size": 3e6, "virtual_size": 3e6,
		"checksum": hex.EncodeToString(sum5[:]), "os_hash_algo": "sha512",
		"os_hash_value": hex.EncodeToString(sum512[:]), "stores": "file"} {
		if i[k] != want {
			t.Errorf("%s: got %v, want %v", k, i[k], want)
		}
	}
	a = s.want(200, "member@p", "GET", "/v2/images/"+id+"/file", "")
	if a.body != data || a.header.Get("Content-MD5") != i["checksum"] || a.header.Get("Content-Length") != "3000000" {
		t.Errorf("download: %d bytes, %v", len(a.body), a.header)
	}
	s.want(409, "member@p", "PUT", "/v2/images/"+id+"/file", "again")
	s.want(204, "member@p", "DELETE", "/v2/images/"+id, "")
	s.want(404, "member@p", "GET", "/v2/images/"+id, "")
	if left, err := s.files.List(t.Context()); len(left) != 0 || err != nil {
		t.Errorf("data left: %v, %v", left, err)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "0123456789")
	for _, c := range []struct {
		spec   string
		status int
		body   string
		rng    string
	}{
		{"bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"bytes=8-", 206, "89", "bytes 8-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=-99", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=5-99", 206, "56789", "bytes 5-9/10"},
		{"bytes=10-", 416, "", ""},
		{"bytes=5-2", 416, "", ""},
		{"bytes=0-1,3-4", 400, "", ""},
		{"bytes=x", 416, "", ""},
		{"lines=0-1", 416, "", ""},
		{"bytes=-0", 416, "", ""},
	} {
		a := s.want(c.status, "member@p", "GET", "/v2/images/"+id+"/file", "", "Range", c.spec)
		if c.status == 206 && (a.body != c.body || a.header.Get("Content-Range") != c.rng) {
			t.Errorf("%s: got %q, %q", c.spec, a.body, a.header.Get("Content-Range"))
		}
	}
	for spec, want := range map[string]string{ // the header of clients of older releases
		"bytes 0-3/10": "0123", "bytes 8-9/*": "89", "bytes 8-10/*": "", "bytes 5-2/10": "", "bytes=0-3": "", "x": "",
	} {
		status := 206
		if want == "" {
			status = 416
		}
		a := s.want(status, "member@p", "GET", "/v2/images/"+id+"/file", "", "Content-Range", spec)
		if status == 206 && a.body != want {
			t.Errorf("%s: got %q", spec, a.body)
		}
	}
}

func TestDamagedDataIsNeverAWholeAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", strings.Repeat("good", 1<<20))
	path, err := s.images.Path(caller(t, "member@p"), id)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, path)
	if a := s.do("member@p", "GET", "/v2/images/"+id+"/file", ""); !strings.HasPrefix(a.body, "cut off") {
		t.Errorf("got %d and %d bytes", a.status, len(a.body))
	}
	_, r, err := s.images.Open(caller(t, "member@p"), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err == nil {
		t.Error("the reader does not notice")
	}
}

func TestWhoSeesAndDoesWhat(t *testing.T) {
	t.Parallel()
	s := start(t)
	ids := map[string]string{}
	for _, v := range []string{"private", "shared", "community", "public"} {
		ids[v] = s.create("admin@p", fmt.Sprintf(`{"name":%q,"visibility":%q,"disk_format":"raw","container_format":"bare"}`,
			v, v))
		s.want(204, "admin@p", "PUT", "/v2/images/"+ids[v]+"/file", "data")
	}
	s.want(200, "member@p", "POST", "/v2/images/"+ids["shared"]+"/members", `{"member":"friend"}`)
	for _, c := range []struct {
		token                  string
		private, shared, other int // status of show: private, shared, community and public
		download, patch, del   int // of the public one
		list                   string
	}{
		{"admin@x", 200, 200, 200, 200, 200, 0, "private,public,shared"},
		{"member@p", 200, 200, 200, 200, 200, 0, "community,private,public,shared"},
		{"reader@p", 200, 200, 200, 403, 403, 403, "community,private,public,shared"},
		{"member@friend", 404, 200, 200, 200, 403, 403, "public"},
		{"member@x", 404, 404, 200, 200, 403, 403, "public"},
		{"none@x", 404, 404, 404, 404, 404, 404, ""},
	} {
		show := func(v string) int { return s.do(c.token, "GET", "/v2/images/"+ids[v], "").status }
		if a, b, d, e := show("private"), show("shared"), show("community"), show("public"); a != c.private ||
			b != c.shared || d != c.other || e != c.other {
			t.Errorf("%s sees %d %d %d %d", c.token, a, b, d, e)
		}
		if got := s.do(c.token, "GET", "/v2/images/"+ids["public"]+"/file", "").status; got != c.download {
			t.Errorf("%s downloads: %d, want %d", c.token, got, c.download)
		}
		if got := s.do(c.token, "PATCH", "/v2/images/"+ids["public"],
			`[{"op":"add","path":"/x","value":"y"}]`).status; got != c.patch {
			t.Errorf("%s patches: %d, want %d", c.token, got, c.patch)
		}
		if c.del != 0 {
			if got := s.do(c.token, "DELETE", "/v2/images/"+ids["public"], "").status; got != c.del {
				t.Errorf("%s deletes: %d, want %d", c.token, got, c.del)
			}
		}
		if c.list != "" {
			if got := s.names(c.token, "sort=name:asc"); got != c.list {
				t.Errorf("%s lists %s, want %s", c.token, got, c.list)
			}
		}
	}
	s.want(401, "", "GET", "/v2/images", "")
	s.want(401, "rubbish", "GET", "/v2/images/"+ids["public"], "")
	s.want(403, "reader@p", "POST", "/v2/images", rawImage)
	s.want(403, "member@p", "POST", "/v2/images", `{"visibility":"public"}`)
	s.want(403, "member@p", "POST", "/v2/images", `{"owner":"other"}`)
	s.want(201, "admin@p", "POST", "/v2/images", `{"owner":"other"}`)
	s.want(403, "member@p", "PATCH", "/v2/images/"+ids["private"],
		`[{"op":"replace","path":"/visibility","value":"public"}]`)
	if got := s.names("member@x", "visibility=community"); got != "community" {
		t.Errorf("community images asked for: %s", got)
	}
}

func (s *service) names(token, query string) string {
	s.t.Helper()
	var out struct{ Images []struct{ Name string } }
	if err := json.Unmarshal([]byte(s.want(200, token, "GET", "/v2/images?"+query, "").body), &out); err != nil {
		s.t.Fatal(err)
	}
	var ns []string
	for _, i := range out.Images {
		ns = append(ns, i.Name)
	}
	return strings.Join(ns, ",")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", `{"name":"s","disk_format":"raw","container_format":"bare"}`)
	base := "/v2/images/" + id + "/members"
	m := s.want(200, "member@p", "POST", base, `{"member":"friend"}`).json(t)
	if m["status"] != "pending" || m["member_id"] != "friend" || m["image_id"] != id ||
		m["schema"] != "/v2/schemas/member" {
		t.Errorf("got %v", m)
	}
	s.want(409, "member@p", "POST", base, `{"member":"friend"}`)
	s.want(400, "member@p", "POST", base, `{"member":""}`)
	s.want(200, "member@p", "POST", base, `{"member":"second"}`)
	if n := len(s.want(200, "member@p", "GET", base, "").json(t)["members"].([]any)); n != 2 {
		t.Errorf("the owner sees %d members", n)
	}
	if n := len(s.want(200, "member@friend", "GET", base, "").json(t)["members"].([]any)); n != 1 {
		t.Errorf("a member sees %d members", n)
	}
	s.want(404, "member@friend", "GET", base+"/second", "")
	s.want(404, "member@x", "GET", base, "")
	s.want(403, "member@p", "PUT", base+"/friend", `{"status":"accepted"}`)
	s.want(400, "member@friend", "PUT", base+"/friend", `{"status":"perhaps"}`)
	if got := s.names("member@friend", ""); got != "" {
		t.Errorf("listed before it was accepted: %s", got)
	}
	if got := s.names("member@friend", "member_status=pending"); got != "s" {
		t.Errorf("pending: %s", got)
	}
	s.want(200, "member@friend", "PUT", base+"/friend", `{"status":"accepted"}`)
	if got := s.names("member@friend", ""); got != "s" {
		t.Errorf("listed after it was accepted: %s", got)
	}
	s.want(403, "member@friend", "DELETE", base+"/friend", "")
	s.want(403, "member@friend", "POST", base, `{"member":"third"}`)
	s.want(204, "member@p", "DELETE", base+"/friend", "")
	s.want(404, "member@p", "DELETE", base+"/friend", "")
	s.want(404, "member@friend", "GET", "/v2/images/"+id, "")
	private := s.create("member@p", `{"visibility":"private"}`)
	s.want(403, "member@p", "POST", "/v2/images/"+private+"/members", `{"member":"friend"}`)
	s.want(404, "member@p", "GET", "/v2/images/"+private+"/members/friend", "")
}

func TestPatch(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *setup) { c.Limits.Properties = 3; c.Limits.Tags = 2 })
	id := s.create("member@p", `{"name":"n","disk_format":"raw","container_format":"bare","a":"1"}`)
	for _, c := range []struct {
		name, ops string
		status    int
	}{
		{"rename", `[{"op":"replace","path":"/name","value":"new"}]`, 200},
		{"no name", `[{"op":"replace","path":"/name","value":null}]`, 200},
		{"add property", `[{"op":"add","path":"/b","value":"2"}]`, 200},
		{"escaped", `[{"op":"add","path":"/c~1d","value":"2"}]`, 200},
		{"one too many", `[{"op":"add","path":"/e","value":"2"}]`, 413},
		{"remove property", `[{"op":"remove","path":"/b"}]`, 200},
		{"remove absent", `[{"op":"remove","path":"/b"}]`, 409},
		{"replace absent", `[{"op":"replace","path":"/zz","value":"1"}]`, 409},
		{"all or nothing", `[{"op":"replace","path":"/name","value":"half"},{"op":"remove","path":"/zz"}]`, 409},
		{"remove attribute", `[{"op":"remove","path":"/name"}]`, 403},
		{"read-only", `[{"op":"replace","path":"/status","value":"active"}]`, 403},
		{"id", `[{"op":"replace","path":"/id","value":"x"}]`, 403},
		{"reserved", `[{"op":"add","path":"/os_glance_x","value":"x"}]`, 403},
		{"locations", `[{"op":"add","path":"/locations/-","value":{"url":"file:///etc/passwd","metadata":{}}}]`, 403},
		{"owner", `[{"op":"replace","path":"/owner","value":"x"}]`, 403},
		{"number as property", `[{"op":"add","path":"/b","value":3}]`, 400},
		{"wrong visibility", `[{"op":"replace","path":"/visibility","value":"secret"}]`, 400},
		{"wrong format", `[{"op":"replace","path":"/disk_format","value":"exe"}]`, 400},
		{"negative", `[{"op":"replace","path":"/min_ram","value":-1}]`, 400},
		{"text as number", `[{"op":"replace","path":"/min_disk","value":"1"}]`, 400},
		{"long name", `[{"op":"replace","path":"/name","value":"` + strings.Repeat("x", 256) + `"}]`, 400},
		{"no slash", `[{"op":"replace","path":"name","value":"x"}]`, 400},
		{"deep", `[{"op":"add","path":"/a/b","value":"x"}]`, 400},
		{"bad escape", `[{"op":"add","path":"/a~2","value":"x"}]`, 400},
		{"no value", `[{"op":"add","path":"/b"}]`, 400},
		{"unknown op", `[{"op":"move","path":"/b","value":"x"}]`, 400},
		{"no list", `{"op":"add","path":"/b","value":"x"}`, 400},
		{"tags", `[{"op":"replace","path":"/tags","value":["x","y"]}]`, 200},
		{"too many tags", `[{"op":"replace","path":"/tags","value":["x","y","z"]}]`, 413},
		{"format of a queued image",
			`[{"op":"replace","path":"/disk_format","value":"qcow2"},{"op":"replace","path":"/disk_format","value":"raw"}]`,
			200},
		{"empty", `[]`, 200},
	} {
		if a := s.do("member@p", "PATCH", "/v2/images/"+id, c.ops); a.status != c.status {
			t.Errorf("%s: got %d, want %d: %s", c.name, a.status, c.status, a.body)
		}
	}
	i := s.want(200, "member@p", "GET", "/v2/images/"+id, "").json(t)
	if i["name"] != nil || i["a"] != "1" || i["c/d"] != "2" || i["b"] != nil || fmt.Sprint(i["tags"]) != "[x y]" {
		t.Errorf("got %v", i)
	}
	s.want(415, "member@p", "PATCH", "/v2/images/"+id, `[]`, "Content-Type", "application/json")
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "data")
	s.want(403, "member@p", "PATCH", "/v2/images/"+id, `[{"op":"replace","path":"/disk_format","value":"qcow2"}]`)
	s.want(204, "member@p", "DELETE", "/v2/images/"+id+"/tags/x", "")
	s.want(404, "member@p", "DELETE", "/v2/images/"+id+"/tags/x", "")
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/tags/caf%C3%A9", "")
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/tags/caf%C3%A9", "")
	s.want(413, "member@p", "PUT", "/v2/images/"+id+"/tags/third", "")
	s.want(200, "member@p", "PATCH", "/v2/images/"+id, `[{"op":"replace","path":"/protected","value":true}]`)
	s.want(403, "member@p", "DELETE", "/v2/images/"+id, "")
}

func TestBadCreates(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"no body", ``, 400},
		{"no object", `[]`, 400},
		{"cut off", `{"name":`, 400},
		{"bad id", `{"id":"x"}`, 400},
		{"null id", `{"id":null}`, 400},
		{"number name", `{"name":1}`, 400},
		{"long name", `{"name":"` + strings.Repeat("x", 256) + `"}`, 400},
		{"bad format", `{"disk_format":"exe"}`, 400},
		{"bad container", `{"container_format":"box"}`, 400},
		{"null visibility", `{"visibility":null}`, 400},
		{"text for protected", `{"protected":"yes"}`, 400},
		{"tags as text", `{"tags":"a"}`, 400},
		{"long tag", `{"tags":["` + strings.Repeat("x", 256) + `"]}`, 400},
		{"object as property", `{"p":{"a":1}}`, 400},
		{"long property name", `{"` + strings.Repeat("x", 256) + `":"v"}`, 400},
		{"huge min_disk", `{"min_disk":4294967296}`, 400},
		{"read-only", `{"status":"active"}`, 403},
		{"computed", `{"self":"x"}`, 403},
		{"reserved", `{"deleted":"x"}`, 403},
		{"own space", `{"os_glance_import_task":"x"}`, 403},
		{"locations", `{"locations":[]}`, 403},
		{"empty", `{}`, 201},
		{"nulls", `{"name":null,"disk_format":null,"container_format":null}`, 201},
	} {
		if a := s.do("member@p", "POST", "/v2/images", c.body); a.status != c.status {
			t.Errorf("%s: got %d, want %d: %s", c.name, a.status, c.status, a.body)
		}
	}
	id := s.create("member@p", `{"id":"11111111-2222-3333-4444-555555555555"}`)
	s.want(409, "member@p", "POST", "/v2/images", `{"id":"`+id+`"}`)
	s.want(400, "member@p", "PUT", "/v2/images/"+id+"/file", "data") // formats are not set
	s.want(415, "member@p", "PUT", "/v2/images/"+id+"/file", "data", "Content-Type", "text/plain")
	if a := s.want(404, "member@p", "GET", "/v2/images/nothing", ""); !strings.Contains(a.body, `"code":"404 Not Found"`) {
		t.Errorf("error shape: %s", a.body)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	s := start(t, func(c *setup) {
		c.Now = func() time.Time { n++; return at.Add(time.Duration(n) * time.Hour) }
	})
	for i, body := range []string{
		`{"name":"a","disk_format":"raw","container_format":"bare","tags":["x","y"],"os_distro":"debian","min_ram":10}`,
		`{"name":"b","disk_format":"raw","container_format":"bare","tags":["x"],"os_distro":"debian 12"}`,
		`{"name":"c,d","disk_format":"raw","container_format":"bare","visibility":"private","protected":true}`,
		`{"name":"e","disk_format":"iso","container_format":"bare","os_hidden":true}`,
		`{"name":"f:g","disk_format":"qcow2","container_format":"bare"}`,
	} {
		id := s.create("member@p", body)
		if i < 2 {
			s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", strings.Repeat("x", 10*(i+1)))
		}
	}
	for _, c := range []struct{ query, want string }{
		{"", "f:g,c,d,b,a"},
		{"sort=name:asc", "a,b,c,d,f:g"},
		{"sort=disk_format:asc,name:desc", "f:g,c,d,b,a"},
		{"sort_key=name&sort_dir=asc", "a,b,c,d,f:g"},
		{"sort_key=size&sort_key=name&sort_dir=desc", "b,a,f:g,c,d"},
		{"name=a", "a"},
		{"name=f:g", "f:g"},
		{`name=in:a,"c,d"&sort=name:asc`, "a,c,d"},
		{"name=in:a,b,nothing&sort=name:asc", "a,b"},
		{"status=active&sort=name:asc", "a,b"},
		{"status=in:queued&sort=name:asc", "c,d,f:g"},
		{"disk_format=qcow2", "f:g"},
		{"container_format=in:bare,ovf&limit=1", "f:g"},
		{"visibility=private", "c,d"},
		{"protected=true", "c,d"},
		{"os_hidden=true", "e"},
		{"owner=other", ""},
		{"owner=p&limit=2", "f:g,c,d"},
		{"tag=x&sort=name:asc", "a,b"},
		{"tag=x&tag=y", "a"},
		{"os_distro=debian", "a"},
		{"os_distro=debian%2012", "b"},
		{"nothing=1", ""},
		{"size_min=11", "b"},
		{"size_max=10", "a"},
		{"size_min=10&size_max=10", "a"},
		{"min_ram=10", "a"},
		{"created_at=lt:2026-01-01T02:00:00Z", "a"},
		{"created_at=gte:2026-01-01T08:00:00Z&created_at=x", ""},
		{"updated_at=gt:2026-01-01T08:30:00", "f:g"},
		{"created_at=neq:2026-01-01T01:00:00Z&sort=name:asc", "b,c,d,f:g"},
	} {
		if strings.Contains(c.query, "created_at=x") {
			s.want(400, "member@p", "GET", "/v2/images?"+c.query, "")
			continue
		}
		if got := s.names("member@p", c.query); got != c.want {
			t.Errorf("%s: got %s, want %s", c.query, got, c.want)
		}
	}
	for _, q := range []string{"limit=-1", "limit=x", "sort=colour", "sort=name:up", "sort=name&sort_key=size",
		"sort_key=name&sort_key=size&sort_key=id&sort_dir=asc&sort_dir=asc",
		"visibility=secret", "member_status=perhaps", "os_hidden=perhaps", "protected=1", "size_min=big",
		"created_at=gt:yesterday", "created_at=in:2026-01-01",
		"name=neq:a", `name=in:"a`, "status=gt:active", "marker=nothing", "changes-since=2026-01-01"} {
		if a := s.do("member@p", "GET", "/v2/images?"+q, ""); a.status != 400 {
			t.Errorf("%s: got %d: %s", q, a.status, a.body)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 7 {
		s.create("member@p", fmt.Sprintf(`{"name":"n%d"}`, i))
	}
	for _, query := range []string{"limit=3&sort=name:asc", "limit=3"} {
		var got []string
		path := "/v2/images?" + query
		for pages := 0; path != ""; pages++ {
			if pages > 4 {
				t.Fatal("no end")
			}
			l := s.want(200, "member@p", "GET", path, "").json(t)
			for _, i := range l["images"].([]any) {
				got = append(got, i.(map[string]any)["name"].(string))
			}
			if first, err := url.Parse(l["first"].(string)); err != nil || first.Path != "/v2/images" ||
				first.Query().Get("limit") != "3" || first.Query().Has("marker") {
				t.Errorf("first: %v", l["first"])
			}
			if l["schema"] != "/v2/schemas/images" {
				t.Errorf("schema: %v", l["schema"])
			}
			path, _ = l["next"].(string)
		}
		if len(got) != 7 || strings.Contains(query, "sort") && strings.Join(got, " ") != "n0 n1 n2 n3 n4 n5 n6" {
			t.Errorf("%s: got %v", query, got)
		}
	}
	if l := s.want(200, "member@p", "GET", "/v2/images?limit=0", "").json(t); len(l["images"].([]any)) != 0 {
		t.Errorf("limit=0: %v", l)
	}
}

// qcow2 is a header with the tables that it names, and nothing in them.
func qcow2(virtual, backing, features uint64) string {
	b := make([]byte, 3<<16)
	copy(b, "QFI\xfb")
	be := binary.BigEndian
	be.PutUint32(b[4:], 3)
	be.PutUint64(b[8:], backing)
	be.PutUint32(b[20:], 16)
	be.PutUint64(b[24:], virtual)
	be.PutUint32(b[36:], 2)
	be.PutUint64(b[40:], 1<<16)
	be.PutUint64(b[48:], 2<<16)
	be.PutUint32(b[56:], 1)
	be.PutUint64(b[72:], features)
	be.PutUint32(b[96:], 4)
	be.PutUint32(b[100:], 104)
	return string(b)
}

func TestContentIsLookedAt(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct {
		name, format, data string
		status             int
		virtual            any
	}{
		{"qcow2", "qcow2", qcow2(1<<30, 0, 0), 204, float64(1 << 30)},
		{"backing file", "qcow2", qcow2(1<<30, 512, 0), 415, nil},
		{"data file", "qcow2", qcow2(1<<30, 0, 4), 415, nil},
		{"unknown feature", "qcow2", qcow2(1<<30, 0, 1<<40), 415, nil},
		{"cut header", "qcow2", "QFI\xfb\x00", 415, nil},
		{"cut off behind its header", "qcow2", qcow2(1<<30, 0, 0)[:1<<16], 415, nil},
		{"qcow2 as raw", "raw", qcow2(1<<30, 0, 0), 204, float64(3 << 16)},
		{"backing file as raw", "raw", qcow2(1<<30, 512, 0), 415, nil},
		{"qcow2 as iso", "iso", qcow2(1<<30, 0, 0), 415, nil},
		{"vmdk descriptor", "vmdk", "# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0\n", 415, nil},
		{"vmdk descriptor as raw", "raw", "# Disk DescriptorFile\n", 415, nil},
		{"bytes as raw", "raw", "anything", 204, 8.0},
		{"bytes as qcow2", "qcow2", "anything", 415, nil},
		{"bytes as ami", "ami", "anything", 204, nil},
		{"empty", "raw", "", 204, 0.0},
	} {
		id := s.create("member@p", `{"container_format":"bare","disk_format":"`+c.format+`"}`)
		if a := s.do("member@p", "PUT", "/v2/images/"+id+"/file", c.data); a.status != c.status {
			t.Errorf("%s: got %d, want %d: %s", c.name, a.status, c.status, a.body)
			continue
		}
		i := s.want(200, "member@p", "GET", "/v2/images/"+id, "").json(t)
		if want := map[int]string{204: "active", 415: "queued"}[c.status]; i["status"] != want ||
			i["virtual_size"] != c.virtual {
			t.Errorf("%s: %v, virtual size %v", c.name, i["status"], i["virtual_size"])
		}
	}
}

func TestUploadLimits(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *setup) { c.Limits.Size = 1000; c.Limits.Storage = 1500 })
	id := s.create("member@p", rawImage)
	s.want(413, "member@p", "PUT", "/v2/images/"+id+"/file", strings.Repeat("x", 1001))
	// Nothing is announced: the bound is met while the data comes.
	req, _ := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v2/images/"+id+"/file",
		io.MultiReader(bytes.NewReader(make([]byte, 1001))))
	req.Header.Set("X-Auth-Token", "member@p")
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("chunked: got %d", resp.StatusCode)
	}
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", strings.Repeat("x", 1000))
	second := s.create("member@p", rawImage)
	s.want(413, "member@p", "PUT", "/v2/images/"+second+"/file", strings.Repeat("x", 501))
	s.want(204, "member@p", "PUT", "/v2/images/"+second+"/file", strings.Repeat("x", 500))
	other := s.create("member@q", rawImage)
	s.want(204, "member@q", "PUT", "/v2/images/"+other+"/file", strings.Repeat("x", 1000))
	lying := s.create("member@q", rawImage)
	s.want(400, "member@q", "PUT", "/v2/images/"+lying+"/file", "short", "X-Openstack-Image-Size", "400")
	if left, _ := s.files.List(t.Context()); len(left) != 3 {
		t.Errorf("%d pieces of data are left, want 3", len(left))
	}
}

func TestDeactivate(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	s.want(403, "member@p", "POST", "/v2/images/"+id+"/actions/deactivate", "")
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "data")
	for range 2 {
		s.want(204, "member@p", "POST", "/v2/images/"+id+"/actions/deactivate", "")
	}
	s.want(403, "member@p", "GET", "/v2/images/"+id+"/file", "")
	s.want(200, "admin@x", "GET", "/v2/images/"+id+"/file", "")
	if _, _, err := s.images.Open(caller(t, "member@p"), id); !fault.Is(err, fault.Forbidden) {
		t.Errorf("open: %v", err)
	}
	for range 2 {
		s.want(204, "member@p", "POST", "/v2/images/"+id+"/actions/reactivate", "")
	}
	s.want(200, "member@p", "GET", "/v2/images/"+id+"/file", "")
}

func TestImports(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/image":
			io.WriteString(w, "from the web")
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	port, _ := strconv.Atoi(u.Port())
	s := start(t, func(c *setup) {
		c.Web = images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	})
	s.run()
	settled := func(id string) map[string]any {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
			if i := s.want(200, "member@p", "GET", "/v2/images/"+id, "").json(t); i["status"] == "active" ||
				i["status"] == "queued" && i["os_glance_failed_import"] != "" {
				return i
			}
		}
		t.Fatalf("the import of %s did not end", id)
		return nil
	}

	direct := s.create("member@p", rawImage)
	s.want(409, "member@p", "POST", "/v2/images/"+direct+"/import", `{"method":{"name":"glance-direct"}}`)
	s.want(204, "member@p", "PUT", "/v2/images/"+direct+"/stage", "staged data")
	if i := s.want(200, "member@p", "GET", "/v2/images/"+direct, "").json(t); i["status"] != "uploading" ||
		i["size"] != 11.0 {
		t.Errorf("staged: %v, %v", i["status"], i["size"])
	}
	s.want(202, "member@p", "POST", "/v2/images/"+direct+"/import", `{"method":{"name":"glance-direct"}}`)
	settled(direct)
	if a := s.want(200, "member@p", "GET", "/v2/images/"+direct+"/file", ""); a.body != "staged data" {
		t.Errorf("got %q", a.body)
	}
	s.want(409, "member@p", "POST", "/v2/images/"+direct+"/import", `{"method":{"name":"glance-direct"}}`)

	get := s.create("member@p", rawImage)
	s.want(202, "member@p", "POST", "/v2/images/"+get+"/import",
		`{"method":{"name":"web-download","uri":"`+web.URL+`/image"},"stores":["ram"]}`)
	if i := settled(get); i["status"] != "active" || i["stores"] != "ram" {
		t.Errorf("web-download: %v", i)
	}
	if a := s.want(200, "member@p", "GET", "/v2/images/"+get+"/file", ""); a.body != "from the web" {
		t.Errorf("got %q", a.body)
	}
	for _, path := range []string{"/away", "/missing"} {
		id := s.create("member@p", rawImage)
		s.want(202, "member@p", "POST", "/v2/images/"+id+"/import",
			`{"method":{"name":"web-download","uri":"`+web.URL+path+`"}}`)
		if i := settled(id); i["status"] != "queued" {
			t.Errorf("%s: %v", path, i)
		}
	}
	bad := s.create("member@p", `{"container_format":"bare","disk_format":"qcow2"}`)
	s.want(415, "member@p", "PUT", "/v2/images/"+bad+"/stage", qcow2(1, 1, 0))
	s.want(400, "member@p", "POST", "/v2/images/"+bad+"/import", `{"method":{"name":"carrier-pigeon"}}`)
	s.want(400, "member@p", "POST", "/v2/images/"+bad+"/import", `{}`)
	s.want(403, "reader@p", "POST", "/v2/images/"+bad+"/import", `{"method":{"name":"glance-direct"}}`)
	if left, _ := s.files.List(t.Context()); len(left) != 1 {
		t.Errorf("%d pieces of data are left, want 1: %v", len(left), left)
	}
}

func TestWebDownloadStaysOnThePublicInternet(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	for _, uri := range []string{"", "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://10.0.0.1/",
		"http://192.168.1.1/", "http://169.254.169.254/latest/meta-data",
		"http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://100.64.0.1/", "http://[fe80::1]/", "http://[fd00::1]/",
		"http://224.0.0.1/", "http://[64:ff9b::7f00:1]/",
		"file:///etc/passwd", "ftp://8.8.8.8/", "http://8.8.8.8:22/", "http://user:pw@8.8.8.8/", "http:///x", "::"} {
		b, _ := json.Marshal(uri)
		if a := s.do("member@p", "POST", "/v2/images/"+id+"/import",
			`{"method":{"name":"web-download","uri":`+string(b)+`}}`); a.status != 400 {
			t.Errorf("%s: got %d", uri, a.status)
		}
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, status := range map[string]int{"/": 300, "/versions": 200, "/v2/": 300} {
		vs := s.want(status, "", "GET", path, "").json(t)["versions"].([]any)
		first := vs[0].(map[string]any)
		if first["id"] != "v2.17" || first["status"] != "CURRENT" ||
			!strings.HasSuffix(fmt.Sprint(first["links"]), "/v2/ rel:self]]") {
			t.Errorf("%s: %v", path, first)
		}
	}
	for _, name := range []string{"image", "images", "member", "members"} {
		if d := s.want(200, "member@p", "GET", "/v2/schemas/"+name, "").json(t); d["name"] != name || d["properties"] == nil {
			t.Errorf("%s: %v", name, d)
		}
	}
	if d := s.want(200, "member@p", "GET", "/v2/info/import", "").body; !strings.Contains(d,
		`"value":["glance-direct","web-download","copy-image"]`) {
		t.Errorf("import: %s", d)
	}
	if d := s.want(200, "member@p", "GET", "/v2/info/stores",
		"").body; d != `{"stores":[{"id":"file","default":"true"},{"id":"ram","description":"volatile"}]}` {
		t.Errorf("stores: %s", d)
	}
	s.want(403, "member@p", "GET", "/v2/info/stores/detail", "")
	s.want(200, "admin@p", "GET", "/v2/info/stores/detail", "")
	s.want(200, "member@p", "GET", "/v2/info/usage", "")
}

func TestAnImageDeletedDuringItsUpload(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	r, w := io.Pipe()
	ended := make(chan error, 1)
	ctx := caller(t, "member@p")
	go func() { ended <- s.images.Data.Upload(ctx, id, r, -1, "") }()
	if _, err := w.Write(make([]byte, 70<<10)); err != nil {
		t.Fatal(err)
	}
	if i, err := s.images.Image(ctx, id); err != nil || i.Status != glance.Saving {
		t.Errorf("during the upload: %v, %v", i.Status, err)
	}
	if err := s.images.Records.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-ended; !fault.Is(err, fault.Gone) {
		t.Errorf("got %v", err)
	}
	if left, _ := s.files.List(t.Context()); len(left) != 0 {
		t.Errorf("data left: %v", left)
	}
}
