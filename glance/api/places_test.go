package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	glanceapi "hypernova/glance/api"
	"hypernova/glance/images"
)

// A signed URL gives everyone who has it access to the data. So a caller who may read an image's locations sees the
// whole URL only if he may also set locations.
func TestSignedPlacesAreForWhoMaySetThem(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("signature") != "s3cret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.ServeContent(w, r, "i", time.Time{}, strings.NewReader("data"))
	}))
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	s := startWith(t, func(a *glanceapi.Deps) { a.ShowLocations, a.ShowDirectURL = true, true }, func(c *setup) {
		c.Stores = append(c.Stores, images.Store{ID: "web", Type: images.TypeHTTP})
		c.Web = images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	})
	id := s.create("member@p", rawImage)
	place := web.URL + "/i?signature=s3cret"
	s.want(200, "member@p", "PATCH", "/v2/images/"+id,
		`[{"op":"replace","path":"/locations","value":[{"url":"`+place+`","metadata":{}}]}]`,
		"Content-Type", "application/openstack-images-v2.1-json-patch")
	s.want(200, "member@p", "POST", "/v2/images/"+id+"/members", `{"member":"q"}`)
	for token, whole := range map[string]bool{"member@p": true, "admin@x": true, "member@q": false} {
		i := s.want(200, token, "GET", "/v2/images/"+id, "")
		if !strings.Contains(i.body, web.URL+"/i") || strings.Contains(i.body, "s3cret") != whole {
			t.Errorf("%s sees %s", token, i.body)
		}
	}
}
