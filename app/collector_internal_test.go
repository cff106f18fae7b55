package app

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheHeapMayGrowWhileCollectionsFollowQuickly(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, x := range []struct {
		name     string
		now      int
		live     uint64
		interval time.Duration
		want     int
	}{
		{"quick, small heap", 100, 16 * mib, 100 * time.Millisecond, 400},
		{"quick, large heap", 100, 1024 * mib, 100 * time.Millisecond, 100},
		{"neither, not grown", 100, 16 * mib, 2 * time.Second, 100},
		{"neither, grown", 400, 16 * mib, 2 * time.Second, 400},
		{"grown, more in use", 400, 32 * mib, 2 * time.Second, 200},
		{"quiet", 400, 16 * mib, 2 * time.Minute, 100},
		{"nothing known", 100, 0, 0, 100},
	} {
		if got := percent(x.now, x.live, x.interval); got != x.want {
			t.Errorf("%s: got %d, want %d", x.name, got, x.want)
		}
	}
}

// Not parallel: it sets the percentage of the process.
func TestTheCollectorIsAdapted(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	old := debug.SetGCPercent(defaultPercent)
	t.Cleanup(func() { debug.SetGCPercent(old) })
	current := func() int {
		p := debug.SetGCPercent(defaultPercent)
		debug.SetGCPercent(p)
		return p
	}
	stop := adaptCollector()
	for current() == defaultPercent { // until the finalizer has run
		runtime.GC()
		runtime.Gosched()
	}
	stop()
	for current() != defaultPercent {
		runtime.GC()
		runtime.Gosched()
	}
}
