package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/crypto/bcrypt"

	"hypernova/oslo/fault"
)

// MaxPassword is the longest password in bytes, keystone's max_password_length.
const MaxPassword = 4096

// Passwords hashes and checks passwords with bcrypt. A right password is remembered for a short time as a keyed hash
// under a key that lives in this process only, so that a client that logs in again and again does not pay bcrypt each
// time.
type Passwords struct {
	rounds  int
	decoy   []byte // what an unknown user's password is compared with, so that both take the same time
	key     []byte
	rules   Compliance
	pattern *regexp2.Regexp
	paid    atomic.Int64
	known   *lru.Cache[[32]byte, time.Time]
}

// How long and how many right passwords are remembered; the least recently used leave first.
const (
	rememberFor = 5 * time.Minute
	rememberMax = 10_000
)

// NewPasswords makes a hasher with a bcrypt cost of rounds (4 to 31).
func NewPasswords(rounds int) (*Passwords, error) {
	known, err := lru.New[[32]byte, time.Time](rememberMax)
	if err != nil {
		return nil, err
	}
	p := &Passwords{rounds: rounds, key: make([]byte, 32), known: known}
	rand.Read(p.key)
	p.decoy, err = bcrypt.GenerateFromPassword([]byte("nobody's password"), rounds)
	return p, err
}

// Hash makes a bcrypt hash, empty for an empty password. fault.Invalid for one that is too long. It takes its time by
// design.
func (p *Passwords) Hash(password string) (string, error) {
	if password == "" {
		return "", nil
	}
	if len(password) > MaxPassword {
		return "", fault.Invalidf("Password length must be less than or equal to %d.", MaxPassword)
	}
	h, err := bcrypt.GenerateFromPassword(fit(password), p.rounds)
	return string(h), err
}

// Verify reports whether the password fits the hash. An empty hash fits nothing and takes as long as a real one.
func (p *Passwords) Verify(user, hash, password string) bool {
	if len(password) > MaxPassword {
		return false
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(user + "\x00" + hash + "\x00" + password))
	key := [32]byte(mac.Sum(nil))
	if hash != "" && p.remembers(key) {
		return true
	}
	target := []byte(hash)
	if hash == "" {
		target = p.decoy
	}
	p.paid.Add(1)
	ok := bcrypt.CompareHashAndPassword(target, fit(password)) == nil && hash != ""
	if ok {
		p.remember(key)
	}
	return ok
}

// Paid returns the number of comparisons made with bcrypt. Each answer that is not in the cache costs one, also for a
// user who does not exist.
func (p *Passwords) Paid() int64 { return p.paid.Load() }

func (p *Passwords) remembers(key [32]byte) bool {
	at, ok := p.known.Get(key)
	return ok && time.Since(at) < rememberFor
}

func (p *Passwords) remember(key [32]byte) { p.known.Add(key, time.Now()) }

// fit brings long passwords into the 72 bytes that bcrypt looks at, without losing what is behind them.
func fit(password string) []byte {
	if len(password) <= 72 {
		return []byte(password)
	}
	sum := sha512.Sum512([]byte(password))
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))[:72]
}
