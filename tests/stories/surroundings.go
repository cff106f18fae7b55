package stories

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/keystone/oidc/oidctest"
)

// Surroundings are the servers that a cloud under test uses: an identity provider with a user, and a web server with an
// image.
type Surroundings struct {
	Options []string // configuration of the cloud: section.option=value
	names   Names
}

// Surround starts the servers. They end with the test.
func Surround(t *testing.T) *Surroundings {
	t.Helper()
	provider := oidctest.New(t, map[string]oidctest.Person{
		"alice": {Claims: map[string]any{"preferred_username": "alice"}}})
	provider.Visit("alice")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "image", time.Time{}, strings.NewReader("data"))
	}))
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Surroundings{
		Options: []string{"oidc.audiences=cloud", "oidc.websso_client_id=cloud", "oidc.websso_client_secret=secret",
			"federation.trusted_dashboard=http://dashboard.example/auth/websso/",
			"image.enabled_backends=one:mem,two:mem,web:http", "glance_store.default_backend=one",
			"image.image_cache_dir=" + filepath.Join(t.TempDir(), "cache"),
			"import_filtering_opts.allowed_networks=127.0.0.0/8", "import_filtering_opts.allowed_ports=" + u.Port()},
		names: Names{"issuer": provider.URL, "bearer": provider.Token("alice"), "location": web.URL + "/image",
			"store": "one", "second_store": "two"},
	}
}
