package filters

import "testing"

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		have, want string
		ok         bool
	}{
		{"QEMU", "QEMU", true}, {"QEMU", "qemu", false},
		{"5", "= 4", true}, {"5", "= 6", false}, {"5", "== 5", true}, {"5", "!= 5", false}, {"5", "<= 5", true},
		{"5", ">= 6", false}, {"x", ">= 1", false},
		{"a", "s== a", true}, {"a", "s!= a", false}, {"b", "s> a", true}, {"b", "s< a", false},
		{"abc", "<in> b", true}, {"abc", "<in> d", false}, {"aes mmx", "<all-in> aes mmx", true},
		{"aes", "<all-in> aes mmx", false},
		{"12", "<or> 11 <or> 12", true}, {"13", "<or> 11 <or> 12", false},
	} {
		if got := Match(x.have, x.want); got != x.ok {
			t.Errorf("%q against %q: got %v", x.have, x.want, got)
		}
	}
}
