package virt_test

import (
	"regexp"
	"testing"
	"time"

	"hypernova/nova/virt"
)

func TestUptimeText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	// How clients take it apart.
	form := regexp.MustCompile(`^\s*(.+)\sup\s+(.+),\s+(.+)\susers?,\s+load average:\s(.+)$`)
	for _, x := range []struct {
		up    time.Duration
		users int
		want  string
	}{
		{30 * time.Second, 0, " 03:04:05 up 0 min,  0 users,  load average: 0.10, 0.25, 12.00"},
		{59 * time.Minute, 1, " 03:04:05 up 59 min,  1 user,  load average: 0.10, 0.25, 12.00"},
		{2*time.Hour + 3*time.Minute, 2, " 03:04:05 up  2:03,  2 users,  load average: 0.10, 0.25, 12.00"},
		{24*time.Hour + 5*time.Minute, 2, " 03:04:05 up 1 day, 5 min,  2 users,  load average: 0.10, 0.25, 12.00"},
		{93*24*time.Hour + 18*time.Hour + 25*time.Minute, 12,
			" 03:04:05 up 93 days, 18:25,  12 users,  load average: 0.10, 0.25, 12.00"},
	} {
		got := virt.UptimeText(at, x.up, x.users, [3]float64{0.1, 0.25, 12})
		if got != x.want {
			t.Errorf("%v: got %q, want %q", x.up, got, x.want)
		}
		if !form.MatchString(got) {
			t.Errorf("%q is not in the form that clients take apart", got)
		}
	}
}
