package token

import (
	"fmt"
	"testing"
	"time"

	"hypernova/oslo/auth"
)

// A full cache drops the least recently used token, not all of them.
func TestFullCacheDropsTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	c, now := newCache(), time.Now()
	caller := &auth.Caller{Expires: now.Add(time.Hour)}
	for i := range cacheMax {
		c.put(fmt.Sprint(i), 1, caller, caller.Expires)
	}
	c.get("0", 1, now)
	c.put("one more", 1, caller, caller.Expires)
	for token, want := range map[string]bool{"0": true, "1": false, "2": true, "one more": true} {
		if got := c.get(token, 1, now) != nil; got != want {
			t.Errorf("token %s is cached: %v, want %v", token, got, want)
		}
	}
}

func TestCacheEntryIsValidForItsEpochAndTime(t *testing.T) {
	t.Parallel()
	c, now := newCache(), time.Now()
	caller := &auth.Caller{Expires: now.Add(time.Hour)}
	c.put("token", 7, caller, now.Add(time.Minute))
	for _, row := range []struct {
		name  string
		epoch int64
		at    time.Time
		want  bool
	}{
		{"same epoch", 7, now, true},
		{"later epoch", 8, now, false},
		{"earlier epoch", 6, now, false},
		{"past its time", 7, now.Add(time.Minute), false},
		{"expired", 7, now.Add(time.Hour), false},
	} {
		if got := c.get("token", row.epoch, row.at) != nil; got != row.want {
			t.Errorf("%s: cached %v, want %v", row.name, got, row.want)
		}
	}
}
