package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	novaapi "hypernova/nova/api"
	"hypernova/tests/compat/contract"
	"hypernova/tests/running"
	"hypernova/tests/stories"
)

// walker calls the APIs as an administrator and stores the answers.
type walker struct {
	t     *testing.T
	http  *http.Client
	token string
	urls  map[string]string
}

// do sends a request to a service; minor is the microversion, 0 for none. The answer must have the wanted status.
func (w *walker) do(service string, minor int, method, path, body string, status int) map[string]any {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.urls[service]+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if w.token != "" {
		req.Header.Set("X-Auth-Token", w.token)
	}
	switch {
	case minor > 0 && service == "placement":
		req.Header.Set("OpenStack-API-Version", fmt.Sprintf("placement 1.%d", minor))
	case minor > 0:
		req.Header.Set("OpenStack-API-Version", fmt.Sprintf("compute 2.%d", minor))
		req.Header.Set("X-OpenStack-Nova-API-Version", fmt.Sprintf("2.%d", minor))
	}
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != status {
		w.t.Errorf("%s %s (minor %d): got %d, want %d: %.500s", method, path, minor, resp.StatusCode, status, b)
	}
	if t := resp.Header.Get("X-Subject-Token"); t != "" {
		w.token = t
	}
	var v map[string]any
	if len(b) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b, &v); err != nil {
			w.t.Errorf("%s %s: %v: %.200s", method, path, err, b)
		}
	}
	return v
}

func TestOpenAPIDocuments(t *testing.T) {
	dir := os.Getenv("HYPERNOVA_OPENAPI")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "openapi")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no OpenAPI documents beside the project; $HYPERNOVA_OPENAPI can name a folder of them")
	}
	t.Parallel()
	flags := []string{"--memory", "--virt", "fake", "--admin-password", "secret", "--set", "DEFAULT.report_interval=1",
		"--set", "DEFAULT.service_down_time=60", "--set", "quota.instances=-1", "--set", "quota.cores=-1",
		"--set", "quota.ram=-1"}
	around := stories.Surround(t)
	for _, o := range around.Options {
		flags = append(flags, "--set", o)
	}
	cloud := running.Up(t, t.TempDir(), flags...)
	w := &walker{t: t, http: http.DefaultClient,
		urls: map[string]string{"identity": strings.TrimSuffix(cloud.Identity(t), "/v3")}}
	auth := w.do("identity", 0, "POST", "/v3/auth/tokens",
		`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin",
		"domain":{"id":"default"},"password":"secret"}}},"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, 201)
	for _, s := range auth["token"].(map[string]any)["catalog"].([]any) {
		s := s.(map[string]any)
		u, err := url.Parse(fmt.Sprint(s["endpoints"].([]any)[0].(map[string]any)["url"]))
		if err != nil {
			t.Fatal(err)
		}
		w.urls[fmt.Sprint(s["type"])] = u.Scheme + "://" + u.Host
	}

	people := &stories.Cloud{URLs: w.urls}
	stories.Populate(t, people, around, "secret")
	var page sections
	for _, s := range []struct {
		name      string
		sequences []stories.Sequence
		minors    []int
	}{{"identity", stories.Identity(), []int{-1}}, {"image", stories.Image(), []int{-1}},
		{"placement", stories.Placement(), all(0, 39)},
		{"network", stories.Network(), []int{-1}}, {"compute", stories.Compute(), all(1, novaapi.Newest.Minor)}} {
		d, err := contract.Load(dir, s.name)
		if err != nil {
			t.Fatal(err)
		}
		c := &count{service: s.name, document: d, exercised: map[string]map[int]bool{}, used: map[int]int{}}
		runAll(t, c, people, s.sequences, s.minors)
		page.add(c, c.untold(t))
	}
	if *update && !t.Failed() {
		write(t, "openapi.md", page.String())
	}
}

func all(from, to int) []int {
	var out []int
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}
