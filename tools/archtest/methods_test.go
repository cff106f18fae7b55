package archtest_test

import (
	"fmt"
	"strings"
	"testing"

	"hypernova/tools/archtest"
)

// methods is a file of a package with n methods of type t, on values and pointers.
func methods(pkg, t string, n int) string {
	var b strings.Builder
	b.WriteString("package " + pkg + "\n")
	for i := range n {
		fmt.Fprintf(&b, "func (%s%s) m%d() {}\n", strings.Repeat("*", i%2), t, i)
	}
	return b.String()
}

func TestMethods(t *testing.T) {
	t.Parallel()
	few, many := methods("nova", "T", 39), methods("nova", "T", 40)
	tests := []struct {
		name  string
		files map[string]string
		wide  map[string]int
		want  string
	}{
		{"few", map[string]string{"nova/a.go": few}, nil, ""},
		{"many", map[string]string{"nova/a.go": many}, nil, "nova/a.go:2: T has 40 methods, at most 39"},
		{"many with type parameters", map[string]string{"nova/a.go": methods("nova", "T[A, B]", 40)}, nil,
			"T has 40 methods"},
		{"over several files", map[string]string{"nova/a.go": few, "nova/b.go": "package nova\nfunc (t *T) more() {}\n"}, nil,
			"T has 40 methods"},
		{"the same for another system", map[string]string{"nova/a_linux.go": few, "nova/a_other.go": few}, nil, ""},
		{"a test's type of the same name", map[string]string{"nova/a.go": few, "nova/a_test.go": methods("nova_test", "T",
			20)}, nil, ""},
		{"another package's", map[string]string{"nova/a.go": few, "nova/b/a.go": methods("b", "T", 20)}, nil, ""},
		{"listed", map[string]string{"nova/a.go": many}, map[string]int{"nova.T": 40}, ""},
		{"grown", map[string]string{"nova/a.go": methods("nova", "T", 42)}, map[string]int{"nova.T": 41},
			"has 42 methods, and had 41"},
		{"shrunk", map[string]string{"nova/a.go": many}, map[string]int{"nova.T": 41}, "lower its number"},
		{"cured", map[string]string{"nova/a.go": few}, map[string]int{"nova.T": 40}, "take it off the list"},
		{"gone", map[string]string{"nova/a.go": few}, map[string]int{"nova.U": 40}, "nova.U is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, archtest.Methods(tt.wide)(tree(t, tt.files)), tt.want)
		})
	}
}
