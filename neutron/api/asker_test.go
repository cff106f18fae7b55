package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"hypernova/oslo/auth"
)

// Only a service may ask for somebody else, and never for more than a user.
func TestWhoMayAskForOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	boss := auth.EncodeAsker(&auth.Caller{UserID: "u", ProjectID: "p", Roles: []string{"admin"}})
	for _, c := range []struct {
		token, asker string
		status       int
	}{
		{"member", boss, http.StatusForbidden},
		{"admin", boss, http.StatusForbidden},
		{"service", boss, http.StatusOK},
		{"service", "nonsense", http.StatusBadRequest},
		{"service", auth.EncodeAsker(auth.Service("nova")), http.StatusBadRequest},
		{"service", auth.EncodeAsker(&auth.Caller{ProjectID: "p"}), http.StatusBadRequest},
		{"service", "", http.StatusBadRequest},
		{"service", auth.EncodeAsker(&auth.Caller{UserID: "u", ProjectID: "p\x00"}), http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2.0/networks", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", c.token)
		r.Header.Set(auth.AskerHeader, c.asker)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s asks for %q: %d %s, want %d", c.token, c.asker, resp.StatusCode,
				strings.TrimSpace(string(b)), c.status)
		}
	}
}
