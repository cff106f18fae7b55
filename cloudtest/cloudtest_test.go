package cloudtest_test

import (
	"testing"
	"time"

	"hypernova/cloudtest"
)

func TestACloudIsWholeAtOnce(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := cloudtest.New(t, cloudtest.Computes(3))
	t.Logf("three hosts and a controller were ready after %v", time.Since(began))
	if status, doc := c.Do("admin", "GET", "compute", "/os-hypervisors", nil); status != 200 ||
		len(doc["hypervisors"].([]any)) != 3 {
		t.Errorf("got %d %v, want three hypervisors", status, doc)
	}
}

func TestTwoCloudsDoNotMeet(t *testing.T) {
	t.Parallel()
	a, b := cloudtest.New(t, cloudtest.Bare()), cloudtest.New(t, cloudtest.Bare())
	if status, _ := a.Do("admin", "POST", "identity", "/projects", `{"project": {"name": "only-a"}}`); status != 201 {
		t.Fatalf("got status %d, want 201", status)
	}
	_, doc := b.Do("admin", "GET", "identity", "/projects?name=only-a", nil)
	if n := len(doc["projects"].([]any)); n != 0 {
		t.Errorf("got %d projects in the other cloud, want none", n)
	}
}

func TestTickAgesHeartbeatsAndTokens(t *testing.T) {
	t.Parallel()
	c := cloudtest.New(t, cloudtest.Bare())
	if err := c.Kill("h1"); err != nil {
		t.Fatal(err)
	}
	c.Tick(time.Minute)
	_, doc := c.Do("admin", "GET", "compute", "/os-services?binary=nova-compute", nil)
	services := doc["services"].([]any)
	if len(services) != 1 || services[0].(map[string]any)["state"] != "down" {
		t.Errorf("got %v, want one service that is down", services)
	}
	c.Tick(2 * time.Hour)
	if status, _ := c.Do("admin", "GET", "compute", "/os-services", nil); status != 401 {
		t.Errorf("got status %d with an old token, want 401", status)
	}
}
