package api_test

import (
	"slices"
	"testing"

	"hypernova/oslo/api"
)

func TestPaged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		all   string
		limit int
		want  string
		next  string
	}{
		{"less than a page", "ab", 3, "ab", ""},
		{"a page", "abc", 3, "abc", ""},
		{"one more", "abcd", 3, "abc", "c"},
		{"none wanted", "a", 0, "", ""},
	} {
		page, next := api.Paged([]byte(c.all), c.limit, func(b byte) string { return string(b) })
		if !slices.Equal(page, []byte(c.want)) || next != c.next {
			t.Errorf("%s: got %s and %q, want %s and %q", c.name, page, next, c.want, c.next)
		}
	}
}
