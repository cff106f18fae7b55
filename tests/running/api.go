package running

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// API is the administrator calling the cloud's APIs directly, where a test counts milliseconds or looks at what no
// client shows.
type API struct {
	token   string
	project string
	urls    map[string]string // service type to public URL, as in the catalog
	http    *http.Client
}

// API logs the administrator in.
func (c *Cloud) API(t testing.TB) *API {
	t.Helper()
	identity := strings.TrimSuffix(c.Identity(t), "/v3") + "/v3"
	a := &API{urls: map[string]string{"identity": identity}, http: &http.Client{}}
	var doc struct {
		Token struct {
			Project struct{ ID string }
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":%q}}},
		"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, c.Password(t))
	status, head, err := a.try(t, "POST", identity+"/auth/tokens", body, &doc)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("login: %d %v", status, err)
	}
	a.token, a.project = head.Get("X-Subject-Token"), doc.Token.Project.ID
	for _, s := range doc.Token.Catalog {
		for _, e := range s.Endpoints {
			if e.Interface == "public" {
				a.urls[s.Type] = strings.TrimSuffix(e.URL, "/")
			}
		}
	}
	return a
}

// Project is the administrator's.
func (a *API) Project() string { return a.project }

// Do calls a service by its type and decodes the answer into into, if that is not nil. Another status than the wanted
// one fails the test.
func (a *API) Do(t testing.TB, method, service, path, body string, want int, into any) {
	t.Helper()
	if status, err := a.Try(t, method, service, path, body, into); err != nil || status != want {
		t.Fatalf("%s %s %s: %d %v, want %d", method, service, path, status, err, want)
	}
}

// Try is Do for calls that may fail: status is 0 where nobody answered, and err says what was wrong.
func (a *API) Try(t testing.TB, method, service, path, body string, into any) (status int, err error) {
	t.Helper()
	base, ok := a.urls[service]
	if !ok {
		t.Fatalf("the catalog has no %s service", service)
	}
	switch service { // their catalog entries may end with the version
	case "network":
		base = strings.TrimSuffix(base, "/v2.0")
	case "image":
		base = strings.TrimSuffix(base, "/v2")
	}
	status, _, err = a.try(t, method, base+path, body, into)
	return status, err
}

func (a *API) try(t testing.TB, method, url, body string, into any) (int, http.Header, error) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "compute 2.79, placement 1.28")
	req.Header.Set("X-Auth-Token", a.token)
	resp, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s", bytes.TrimSpace(b))
	}
	if err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	return resp.StatusCode, resp.Header, err
}

// Find is the id of the thing in a list, which is the answer's member of that name, by its name.
func (a *API) Find(t testing.TB, service, path, list, name string) string {
	t.Helper()
	var doc map[string]json.RawMessage
	a.Do(t, "GET", service, path, "", http.StatusOK, &doc)
	var rows []struct{ ID, Name string }
	if err := json.Unmarshal(doc[list], &rows); err != nil {
		t.Fatalf("%s: %v: %s", path, err, doc[list])
	}
	for _, row := range rows {
		if row.Name == name {
			return row.ID
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return ""
}
