package api_test

import (
	"fmt"
	"net/http"
	"testing"
)

// BenchmarkCandidates is one request for candidates among 1,000 providers from the handler's entry to its last byte.
func BenchmarkCandidates(b *testing.B) {
	direct := direct(b)
	serve := func(method, target, body string) {
		if w := direct(method, target, "1.39", body); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
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
