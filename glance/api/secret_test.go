package api_test

import (
	"strings"
	"testing"
)

// For who may not show an image it is not there, whatever they ask to be done.
func TestWhatMayNotBeShownIsNotThere(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/v2/images/" + s.create("member@p", `{"disk_format":"raw","container_format":"bare","tags":["t"]}`)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"DELETE", "", ""}, {"PATCH", "", "[]"}, {"PUT", "/file", "x"}, {"PUT", "/stage", "x"},
		{"GET", "/file", ""}, {"PUT", "/tags/x", ""},
		{"DELETE", "/tags/t", ""}, {"POST", "/actions/deactivate", ""}, {"POST", "/actions/reactivate", ""},
		{"GET", "/members", ""}, {"GET", "/tasks", ""},
		{"POST", "/members", `{"member":"q"}`}, {"PUT", "/members/q", `{"status":"accepted"}`}, {"DELETE", "/members/q", ""},
		{"POST", "/import", `{"method":{"name":"glance-direct"}}`},
	} {
		for _, token := range []string{"none@p", "member@q"} {
			if a := s.do(token, c.method, path+c.path, c.body); a.status != 404 {
				t.Errorf("%s %s as %s: %d %s", c.method, c.path, token, a.status, a.body)
			}
		}
	}
}

// An administrator whose project is one of the members sees the others as well.
func TestAdministratorsSeeAllMembers(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/v2/images/" + s.create("member@p", `{}`) + "/members"
	for _, m := range []string{"a", "b"} {
		s.want(200, "member@p", "POST", path, `{"member":"`+m+`"}`)
	}
	for token, both := range map[string]bool{"admin@a": true, "member@a": false} {
		if got := s.want(200, token, "GET", path, "").body; strings.Contains(got, `"member_id":"b"`) != both {
			t.Errorf("%s: %s", token, got)
		}
	}
	s.want(200, "admin@a", "GET", path+"/b", "")
	s.want(404, "member@a", "GET", path+"/b", "")
	s.want(200, "admin@a", "PUT", path+"/b", `{"status":"accepted"}`)
}
