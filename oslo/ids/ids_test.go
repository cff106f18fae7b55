package ids

import (
	"testing"
	"time"
)

func TestOrderedFollowsTimeToTheMicrosecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := ""
	for range 5000 { // over several milliseconds
		id := Ordered(at)
		if id <= last {
			t.Fatalf("%s at %s is not after %s", id, at, last)
		}
		if !IsUUID(id) || id[14] != '7' {
			t.Fatalf("%s is not a UUID of version 7", id)
		}
		last, at = id, at.Add(time.Microsecond)
	}
}

func TestIsUUIDAcceptsOpenStacksForms(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		UUID(): true, Hex(): true, "": false, "default": false,
		"01234567-89AB-CDEF-0123-456789abcdef": true, "0123456789abcdef0123456789abcdeg": false,
		"0123456789abcdef0123456789abcde": false,
	} {
		if got := IsUUID(s); got != want {
			t.Errorf("IsUUID(%q) = %v", s, got)
		}
	}
}
