package keystone_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"hypernova/keystone"
)

// covers is what a path of an access rule means, told another way.
func covers(pattern, path string) bool {
	for {
		switch {
		case pattern == "":
			return path == ""
		case strings.HasPrefix(pattern, "**"):
			for i := 0; i <= len(path); i++ {
				if covers(pattern[2:], path[i:]) {
					return true
				}
				if i < len(path) && path[i] == '\n' {
					return false
				}
			}
			return false
		case pattern[0] == '*' || pattern[0] == '{' && closed(pattern) > 0:
			rest := pattern[max(1, closed(pattern)):]
			for i := 1; i <= len(path) && path[i-1] != '/'; i++ {
				if covers(rest, path[i:]) {
					return true
				}
			}
			return false
		case path == "" || path[0] != pattern[0]:
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
}

// closed is how long the placeholder is that the pattern begins with.
func closed(pattern string) int {
	if pattern[0] != '{' {
		return 0
	}
	if i := strings.IndexAny(pattern, "}/"); i > 0 && pattern[i] == '}' {
		return i + 1
	}
	return 0
}

func FuzzAccessRule(f *testing.F) {
	for _, c := range [][2]string{{"/v2.1/servers", "/v2.1/servers"}, {"/v2.1/servers/{id}", "/v2.1/servers/1"},
		{"/v2.1/servers/{id}/action", "/v2.1/servers/../action"}, {"/v2.1/**", "/v2.1/a\nb"},
		{"/v2.1/*/1", "/v2.1//1"}, {"/{a{b}", "/{ab"}, {"/{a/b}", "/x"}, {"***", "/"}, {"/v2.1/servers$", "/v2.1/servers"},
		{"(a+)+", "aaaa"}, {"/.*", "/x"}, {"{", "{"}, {"/a", "/a\n"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(path) || len(pattern)+len(path) > 60 ||
			strings.Count(pattern, "*")+strings.Count(pattern, "{") > 6 {
			return // what is longer is as right, but the other way takes its time
		}
		r := keystone.AccessRule{Service: "compute", Method: "GET", Path: pattern}
		if got, want := r.Allows(keystone.Use{Service: "compute", Method: "GET", Path: path}),
			covers(pattern, path); got != want {
			t.Errorf("%q covers %q: got %t", pattern, path, got)
		}
	})
}
