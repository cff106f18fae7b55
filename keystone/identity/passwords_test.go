package identity

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func hasher(t *testing.T) *Passwords {
	t.Helper()
	p, err := NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryWrongAnswerCostsTheSame(t *testing.T) {
	t.Parallel()
	p := hasher(t)
	hash, err := p.Hash("right")
	if err != nil {
		t.Fatal(err)
	}
	decoy, err := bcrypt.Cost(p.decoy)
	if real, err2 := bcrypt.Cost([]byte(hash)); err != nil || err2 != nil || decoy != real {
		t.Errorf("the decoy costs %d, a hash %d: %v %v", decoy, real, err, err2)
	}
	for _, c := range []struct {
		name, user, hash, password string
		good                       bool
		paid                       int64
	}{
		{"nobody", "", "", "right", false, 1},
		{"nobody, the decoy's password", "", "", "nobody's password", false, 1},
		{"wrong", "u", hash, "wrong", false, 1},
		{"right", "u", hash, "right", true, 1},
		{"right again", "u", hash, "right", true, 0},
		{"wrong after right", "u", hash, "wrong", false, 1},
		{"wrong again", "u", hash, "wrong", false, 1},
		{"somebody else's", "w", hash, "right", true, 1},
		{"endless", "u", hash, strings.Repeat("x", MaxPassword+1), false, 0},
	} {
		before := p.Paid()
		if got := p.Verify(c.user, c.hash, c.password); got != c.good || p.Paid()-before != c.paid {
			t.Errorf("%s: got %v for %d, want %v for %d", c.name, got, p.Paid()-before, c.good, c.paid)
		}
	}
}

func TestWhatIsRememberedCannotBeRead(t *testing.T) {
	t.Parallel()
	one, other := hasher(t), hasher(t)
	hash, err := one.Hash("a password that is long enough to be seen")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(p *Passwords) (out []byte) {
		if !p.Verify("user", hash, "a password that is long enough to be seen") || p.known.Len() != 1 {
			t.Fatalf("%d are remembered", p.known.Len())
		}
		for _, k := range p.known.Keys() {
			out = append(out, k[:]...)
		}
		return out
	}
	a, b := keys(one), keys(other)
	if bytes.Equal(a, b) {
		t.Error(
			"two processes remember the same thing by the same key: whoever reads one's memory can try passwords against the other's",
		)
	}
	if bytes.Contains(a, []byte("password")) {
		t.Error("the password is readable")
	}
	for _, k := range one.known.Keys() { // what is remembered too long is forgotten
		one.known.Add(k, time.Now().Add(-rememberFor))
	}
	before := one.Paid()
	if !one.Verify("user", hash, "a password that is long enough to be seen") || one.Paid() != before+1 {
		t.Error("an old memory was taken")
	}
}

func TestMemoryOfPasswordsIsBounded(t *testing.T) {
	t.Parallel()
	p := hasher(t)
	for i := range rememberMax + 10 {
		p.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if p.known.Len() > rememberMax {
		t.Errorf("%d passwords are remembered", p.known.Len())
	}
}

func TestLongPasswordsCountToTheirEnd(t *testing.T) {
	t.Parallel()
	p := hasher(t)
	long := strings.Repeat("x", 100)
	hash, err := p.Hash(long + "1")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Verify("u", hash, long+"1") || p.Verify("u", hash, long+"2") || p.Verify("u", hash, long) {
		t.Error("what is behind the 72nd byte does not count")
	}
}
