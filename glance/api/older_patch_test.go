package api_test

import "testing"

// Older clients send the form of patch whose operation is a member's name.
func TestOlderPatch(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/v2/images/" + s.create("member@p1", `{"name":"a","x":"1"}`)
	patch := func(status int, body string) answer {
		t.Helper()
		return s.want(status, "member@p1", "PATCH", path, body, "Content-Type",
			"application/openstack-images-v2.0-json-patch")
	}
	got := patch(200, `[{"replace":"/name","value":"b"},{"add":"/y","value":"2"},{"remove":"/x"}]`).json(t)
	if _, there := got["x"]; got["name"] != "b" || got["y"] != "2" || there {
		t.Errorf("got %v", got)
	}
	patch(400, `[{"op":"replace","path":"/name","value":"c"}]`)
	patch(400, `[{"add":"/z","replace":"/name","value":"c"}]`)
	patch(400, `[{"value":"c"}]`)
}

// A path that ends with a slash names nothing: not the list, and no image without an id.
func TestNoImageWithoutAnID(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.want(404, "member@p1", "GET", "/v2/images/", "")
	s.want(404, "member@p1", "DELETE", "/v2/images/", "")
}
