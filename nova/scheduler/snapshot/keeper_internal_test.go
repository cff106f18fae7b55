package snapshot

import (
	"testing"
	"time"
)

func TestASnapshotThatTookLongServesLonger(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ took, want time.Duration }{
		{time.Millisecond, time.Second},
		{500 * time.Millisecond, 2 * time.Second},
		{time.Minute, longest},
	} {
		k := New(Config{}, Deps{})
		k.took = x.took
		if got := k.serves(); got != x.want {
			t.Errorf("took %s: got %s, want %s", x.took, got, x.want)
		}
	}
}
