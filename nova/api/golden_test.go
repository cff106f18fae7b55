package api_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	novaapi "hypernova/nova/api"
	"hypernova/oslo/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestOperations keeps the whole surface in a file, so that every change of the API is a difference to read.
func TestOperations(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, op := range api.Describe(novaapi.Resources()...) {
		fmt.Fprintf(&b, "%s %s %s %d %s", op.Method, op.Path, op.Action, op.Status, op.Rule)
		if op.Span != "" {
			fmt.Fprintf(&b, " [%s]", op.Span)
		}
		b.WriteByte('\n')
		members(&b, "  ? ", op.Query)
		members(&b, "  < ", op.In)
		members(&b, "  > ", op.Out)
	}
	const file = "testdata/operations.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run with -update if this is meant:\n%s", diff)
	}
}

func members(b *strings.Builder, indent string, ms []api.Member) {
	for _, m := range ms {
		fmt.Fprintf(b, "%s%s: %s", indent, m.Name, m.Type)
		for _, s := range []string{m.Span, m.Checks, m.Policy} {
			if s != "" {
				fmt.Fprintf(b, " (%s)", s)
			}
		}
		b.WriteByte('\n')
		members(b, indent+"  ", m.Members)
	}
}

var bound = regexp.MustCompile(`([2-9]\.[0-9]+)?-([2-9]\.[0-9]+)?|[2-9]\.[0-9]+`)

// TestHistoryNamesEveryBoundary: a member or operation that begins or ends does so at a version that the history tells
// about.
func TestHistoryNamesEveryBoundary(t *testing.T) {
	t.Parallel()
	known := map[int]bool{}
	last := 0
	for _, c := range novaapi.History() {
		if c.Minor <= last || c.Text == "" {
			t.Errorf("2.%d is out of order or empty", c.Minor)
		}
		last = c.Minor
		known[c.Minor] = true
	}
	if last != novaapi.Newest.Minor {
		t.Errorf("the history ends at 2.%d, the API at %s", last, novaapi.Newest)
	}
	check := func(where, spans string) {
		for _, m := range bound.FindAllStringSubmatch(spans, -1) {
			if from := minor(m[1]); from > 0 && !known[from] {
				t.Errorf("%s begins at 2.%d, which the history does not have", where, from)
			}
			if to := minor(m[2]); to > 0 && to < last && !known[to+1] {
				t.Errorf("%s ends at 2.%d, but the history has no 2.%d", where, to, to+1)
			}
		}
	}
	var walk func(where string, ms []api.Member)
	walk = func(where string, ms []api.Member) {
		for _, m := range ms {
			check(where+" "+m.Name, m.Span)
			walk(where+" "+m.Name, m.Members)
		}
	}
	for _, op := range api.Describe(novaapi.Resources()...) {
		check(op.Method+" "+op.Path, op.Span)
		walk(op.Path, op.Query)
		walk(op.Path, op.In)
		walk(op.Path, op.Out)
	}
}

func minor(version string) int {
	_, m, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(m)
	if err != nil {
		return 0
	}
	return n
}
