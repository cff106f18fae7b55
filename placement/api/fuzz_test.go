package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/policy"
	placementapi "hypernova/placement/api"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

// direct answers requests without a network between.
func direct(t testing.TB) func(method, target, version, body string) *httptest.ResponseRecorder {
	t.Helper()
	e, err := policy.New(placementapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := resources.New(dbtest.Memory(t, dbtest.Migrations{Name: "placement", FS: store.Migrations()}), nil)
	v := auth.ValidatorFunc(func(context.Context, string) (*auth.Caller, error) {
		return &auth.Caller{UserID: "u", ProjectID: "p", Roles: []string{"service", "admin"}}, nil
	})
	h := placementapi.Handler(api.Config{Validator: v, Policy: e}, s)
	return func(method, target, version, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, target, strings.NewReader(body))
		req.Header.Set("X-Auth-Token", "t")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("OpenStack-API-Version", "placement "+version)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
}

// FuzzCandidates looks for a query of allocation candidates that ends in anything but an answer or a refusal.
func FuzzCandidates(f *testing.F) {
	for _, seed := range []string{
		"resources=VCPU:1", "resources=VCPU:1,MEMORY_MB:64&required=HW_CPU_X86_VMX,!COMPUTE_NODE&limit=3",
		"resources1=VCPU:1&resources2=DISK_GB:1&group_policy=isolate&same_subtree=1,2",
		"resources_A=VCPU:1&required_B=in:CUSTOM_X,CUSTOM_Y&same_subtree=_A,_B&root_required=CUSTOM_X,!CUSTOM_Y",
		"resources=VCPU:1&member_of=!in:8a1d6d5b-9a52-4f52-a5f1-7f2d61b2f0b1&in_tree=8a1d6d5b-9a52-4f52-a5f1-7f2d61b2f0b1",
		"resources=VCPU:9223372036854775808", "resources=:&required=,", "limit=-1&resources=VCPU:0", "%ff=%00",
		many("resources%d=VCPU:1&", 300) + "group_policy=none", many("resources%d=MEMORY_MB:1&required%[1]d=!HW_CPU_X86_VMX&",
			300) + "group_policy=isolate&same_subtree=1,2,3",
		"resources=VCPU:1&" + many("member_of=8a1d6d5b-9a52-4f52-a5f1-%012d&", 500), "resources=VCPU:1" + many(",CUSTOM_%d:1",
			3000), "resources=VCPU:1&required=in:HW_CPU_X86_VMX" + many(",CUSTOM_%d", 3000),
	} {
		for _, version := range []uint8{10, 16, 25, 33, 36, 39} {
			f.Add(seed, version)
		}
	}
	serve := direct(f)
	const provider = "8a1d6d5b-9a52-4f52-a5f1-7f2d61b2f0b1"
	serve("POST", "/resource_providers", "1.39", `{"name":"host","uuid":"`+provider+`"}`)
	if w := serve("PUT", "/resource_providers/"+provider+"/inventories", "1.39",
		`{"resource_provider_generation":0,"inventories":{"VCPU":{"total":8},"MEMORY_MB":{"total":1024},"DISK_GB":{"total":10}}}`); w.Code != http.StatusOK {
		f.Fatal(w.Code, w.Body)
	}
	f.Fuzz(func(t *testing.T, query string, minor uint8) {
		target := "/allocation_candidates?" + query
		if u, err := url.ParseRequestURI(target); err != nil || u.Path != "/allocation_candidates" ||
			strings.ContainsAny(target, " \r\n\t\v\f") {
			return
		}
		w := serve("GET", target, "1."+string('0'+rune(minor/10%4))+string('0'+rune(minor%10)), "")
		if w.Code != http.StatusOK && (w.Code < 400 || w.Code >= 500) {
			t.Fatalf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}

// many repeats a part of a query with numbers in it.
func many(part string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, part, i+1)
	}
	return b.String()
}
