package keystone_test

import (
	"testing"

	"hypernova/keystone"
)

func TestAccessRulesCoverWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v2.1/servers", "/v2.1/servers", true},
		{"/v2.1/servers", "/v2.1/servers/1", false},
		{"/v2.1/servers", "/x/v2.1/servers", false},
		{"/v2.1/servers/{server_id}", "/v2.1/servers/1", true},
		{"/v2.1/servers/{server_id}", "/v2.1/servers/1/action", false},
		{"/v2.1/*/1", "/v2.1/servers/1", true},
		{"/v2.1/*/1", "/v2.1/a/b/1", false},
		{"/v2.1/**", "/v2.1/servers/1/action", true},
		{"/v2.1/servers.detail", "/v2.1/servers/detail", false},
	} {
		r := keystone.AccessRule{Service: "compute", Method: "GET", Path: tt.pattern}
		if got := r.Allows(keystone.Use{Service: "compute", Method: "GET", Path: tt.path}); got != tt.want {
			t.Errorf("%s covers %s: got %v", tt.pattern, tt.path, got)
		}
		if r.Allows(keystone.Use{Service: "image", Method: "GET", Path: tt.path}) ||
			r.Allows(keystone.Use{Service: "compute", Method: "PUT", Path: tt.path}) {
			t.Errorf("%s covers another service or method", tt.pattern)
		}
	}
}
