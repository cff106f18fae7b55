package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCrashes kills the whole process during builds and deletions of real servers. The next process must complete each,
// and nothing may be leaked.
func TestCrashes(t *testing.T) {
	s := newSite(t)
	body := fmt.Sprintf(`{"server":{"name":"crash","flavorRef":%q,"imageRef":%q,"networks":[{"uuid":%q}]}}`,
		s.api.Find(t, "compute", "/flavors", "flavors", "m1.nano"),
		s.api.Find(t, "image", "/v2/images", "images", "guest"), s.network)
	var ids []string
	for _, d := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond,
		800 * time.Millisecond} {
		var doc struct{ Server server }
		s.api.Do(t, "POST", "compute", "/servers", body, http.StatusAccepted, &doc)
		id := doc.Server.ID
		s.crash(d)
		start := time.Now()
		v := s.idle(id, "ACTIVE")
		t.Logf("killed %4d ms after the create: %s %.1f s after the next start", d.Milliseconds(), v.Status,
			time.Since(start).Seconds())
		if state := strings.TrimSpace(s.virsh("domstate", id)); state != "running" {
			t.Errorf("the server is active, its domain is %q", state)
		}
		ids = append(ids, id)
	}
	s.learnOwner()
	for i, d := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond,
		400 * time.Millisecond} {
		s.api.Do(t, "DELETE", "compute", "/servers/"+ids[i], "", http.StatusNoContent, nil)
		s.crash(d)
		start := time.Now()
		s.until("the server to be gone", func() bool { _, gone := s.look(ids[i]); return gone })
		t.Logf("killed %4d ms after the delete: gone %.1f s after the next start", d.Milliseconds(),
			time.Since(start).Seconds())
	}
	s.clean()
}

// crash kills the cloud after some time and starts it again.
func (s *site) crash(after time.Duration) {
	s.t.Helper()
	<-time.After(after)
	s.Kill(s.t)
	s.up()
}
