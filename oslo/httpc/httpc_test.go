package httpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

func TestErrorBodiesBecomeFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   fault.Kind
		msg    string
		code   string
	}{
		{"nova", 404, `{"itemNotFound":{"code":404,"message":"no server"}}`, fault.NotFound, "no server", ""},
		{"keystone", 401, `{"error":{"code":401,"message":"no token","title":"Unauthorized"}}`, fault.Unauthorized,
			"no token", ""},
		{"neutron", 409, `{"NeutronError":{"type":"PortInUse","message":"in use","detail":""}}`, fault.Conflict, "in use",
			"PortInUse"},
		{"placement", 409, `{"errors":[{"status":409,"title":"Conflict","detail":"generation","code":"placement.concurrent_update"}]}`, fault.Conflict, "generation", "placement.concurrent_update"},
		{"flat", 413, `{"message":"too big","code":"413"}`, fault.TooLarge, "too big", "413"},
		{"html", 400, `<html>bad</html>`, fault.Invalid, "glance answered 400 Bad Request", ""},
		{"empty", 500, ``, fault.Internal, "glance answered 500 Internal Server Error", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			cl := httpc.New(httpc.Config{Base: s.URL, Name: "glance"})
			_, err := httpc.Do[map[string]any](t.Context(), cl, httpc.Request{Path: "/x"})
			f := fault.Of(err)
			if f == nil || f.Kind != c.kind || f.Msg != c.msg || f.Code != c.code {
				t.Errorf("got %#v", f)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method string
		fails  int32
		tries  int32
		ok     bool
	}{
		{"GET", 2, 3, true},
		{"GET", 9, 4, false},
		{"POST", 1, 1, false},
	} {
		t.Run(fmt.Sprint(c.method, c.fails), func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) <= c.fails {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer s.Close()
			cl := httpc.New(httpc.Config{Base: s.URL})
			_, err := httpc.Do[struct{}](t.Context(), cl, httpc.Request{Method: c.method})
			if (err == nil) != c.ok || n.Load() != c.tries {
				t.Errorf("got %v after %d tries", err, n.Load())
			}
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRequestCarriesTokenAndRequestID(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		json.NewDecoder(r.Body).Decode(&in)
		fmt.Fprintf(w, `{"got":"%s %s %s %s %v"}`, r.Header.Get("X-Auth-Token"), r.Header.Get("X-Openstack-Request-Id"),
			r.Header.Get("Openstack-Api-Version"), r.URL.String(), in["n"])
	}))
	defer s.Close()
	cl := httpc.New(httpc.Config{Base: s.URL + "/v2/", Tokens: httpc.Static("tok"),
		Headers: map[string]string{"OpenStack-API-Version": "placement 1.39"}})
	out, err := httpc.Do[map[string]string](auth.WithRequest(t.Context(), "req-1"), cl,
		httpc.Request{Method: "POST", Path: "/x", Query: map[string][]string{"a": {"b c"}}, Body: map[string]int{"n": 7}})
	if want := "tok req-1 placement 1.39 /v2/x?a=b+c 7"; err != nil || out["got"] != want {
		t.Errorf("got %v, %v; want %q", out, err, want)
	}
}

// identity serves an identity API that issues the tokens t1, t2 and so on.
func identity(t *testing.T, life time.Duration) (address string, logins *atomic.Int32) {
	t.Helper()
	logins = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v3/auth/tokens" || !strings.Contains(string(b), `"password":"s3cret"`) ||
			!strings.Contains(string(b), `"scope":{"project":{"name":"service","domain":{"name":"Default"}}}`) {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":{"message":"wrong","code":401}}`)
			return
		}
		w.Header().Set("X-Subject-Token", fmt.Sprint("t", logins.Add(1)))
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"token":{"expires_at":%q}}`, time.Now().Add(life).UTC().Format("2006-01-02T15:04:05.000000Z"))
	}))
	t.Cleanup(s.Close)
	return s.URL, logins
}

func TestPassword(t *testing.T) {
	t.Parallel()
	address, logins := identity(t, time.Hour)
	p := &httpc.Password{AuthURL: address, Username: "nova", Password: "s3cret", ProjectName: "service"}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := p.Token(t.Context()); got != "t1" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if logins.Load() != 1 {
		t.Errorf("%d logins", logins.Load())
	}
	bad := &httpc.Password{AuthURL: address + "/v3", Username: "nova", Password: "x", ProjectName: "service",
		Cure: "see the settings"}
	if _, err := bad.Token(t.Context()); !fault.Is(err, fault.Unauthorized) ||
		!strings.Contains(err.Error(), "see the settings") ||
		strings.Contains(fault.Message(err), "see the settings") {
		t.Errorf("wrong password: %v", err)
	}
	shortLived, logins := identity(t, time.Minute)
	p = &httpc.Password{AuthURL: shortLived, Username: "nova", Password: "s3cret", ProjectName: "service"}
	for range 2 {
		if _, err := p.Token(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if logins.Load() != 2 {
		t.Errorf("a token about to end was not renewed: %d logins", logins.Load())
	}
}

func TestRejectedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	address, logins := identity(t, time.Hour)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") != "t2" {
			w.WriteHeader(401)
		}
	}))
	defer s.Close()
	cl := httpc.New(httpc.Config{Base: s.URL, Tokens: &httpc.Password{AuthURL: address, Username: "nova",
		Password: "s3cret", ProjectName: "service"}})
	if _, err := httpc.Do[struct{}](t.Context(), cl, httpc.Request{Method: "POST"}); err != nil || logins.Load() != 2 {
		t.Errorf("got %v after %d logins", err, logins.Load())
	}
	s2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) }))
	defer s2.Close()
	cl = httpc.New(httpc.Config{Base: s2.URL, Tokens: &httpc.Password{AuthURL: address, Username: "nova",
		Password: "s3cret", ProjectName: "service"}})
	if _, err := httpc.Do[struct{}](t.Context(), cl, httpc.Request{}); !fault.Is(err, fault.Unauthorized) ||
		logins.Load() != 4 {
		t.Errorf("got %v after %d logins", err, logins.Load())
	}
}

func TestTimeoutIsUnavailable(t *testing.T) {
	t.Parallel()
	quit := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-quit }))
	defer s.Close()
	defer close(quit)
	cl := httpc.New(httpc.Config{Base: s.URL, Timeout: 30 * time.Millisecond, Retries: -1})
	if _, err := httpc.Do[struct{}](context.Background(), cl, httpc.Request{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}
