package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/policy"
	placementapi "hypernova/placement/api"
	"hypernova/placement/providers"
	"hypernova/placement/store"
)

// BenchmarkCandidates is one request for candidates among 1,000 providers from the handler's entry to its last byte.
func BenchmarkCandidates(b *testing.B) {
	e, err := policy.New(placementapi.Rules(), nil)
	if err != nil {
		b.Fatal(err)
	}
	s := providers.New(dbtest.Memory(b, dbtest.Migrations{Name: "placement", FS: store.Migrations()}), nil)
	v := auth.ValidatorFunc(func(context.Context, string) (*auth.Caller, error) {
		return &auth.Caller{UserID: "u", ProjectID: "p", Roles: []string{"service", "admin"}}, nil
	})
	h := placementapi.Handler(api.Config{Validator: v, Policy: e}, s)
	serve := func(method, target, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, target, strings.NewReader(body))
		req.Header.Set("X-Auth-Token", "t")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("OpenStack-API-Version", "placement 1.39")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
		return w
	}
	for n := range 1000 {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
		serve("POST", "/resource_providers", fmt.Sprintf(`{"name":"host-%d","uuid":%q}`, n, id))
		serve("PUT", "/resource_providers/"+id+"/inventories",
			`{"resource_provider_generation":0,"inventories":{"VCPU":{"total":64},"MEMORY_MB":{"total":1048576},"DISK_GB":{"total":10000}}}`)
	}
	for b.Loop() {
		serve("GET", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1&limit=1000", "")
	}
}
