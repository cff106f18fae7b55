package libvirt

import (
	"testing"
	"time"
)

func TestUptimeText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got, err := uptimeText(at, "5160.22 20000.10\n", "0.32 0.45 1.07 2/345 6789\n")
	if want := " 03:04:05 up  1:26,  0 users,  load average: 0.32, 0.45, 1.07"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, bad := range [][2]string{{"", "0 0 0"}, {"1 2", "x"}} {
		if text, err := uptimeText(at, bad[0], bad[1]); err == nil {
			t.Errorf("%q: got %q", bad, text)
		}
	}
}
