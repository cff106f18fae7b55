package token

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"hypernova/oslo/fault"
)

// Claims are the content of a token. Roles and names are not among them; they are looked up when the token is
// validated.
type Claims struct {
	User     string
	Methods  []string
	Scope    Scope
	AuditIDs []string // the token's own id; if it was issued for another token, also the id of the first of the chain
	Issued   time.Time
	Expires  time.Time
	// At most one is set; it limits the token to the delegated roles. With a trust, User is the trustee.
	Trust, AppCredential string
	// Federation is set if an identity provider authenticated the user. Such a token is not delegated.
	Federation *Federation
}

// Federation names the identity provider and the protocol of a login, and the groups that the mapping gave the user.
type Federation struct {
	Provider, Protocol string
	Groups             []string
}

// Scope is the scope of a token. At most one field is set; the zero Scope is an unscoped token.
type Scope struct {
	Project, Domain string
	System          bool
}

// MethodEC2 is the method of tokens that were issued for a request signed with an EC2 key.
const MethodEC2 = "ec2credential"

// methods have fixed bits on the wire: append only.
var methods = [...]string{"password", "token", "application_credential", "totp", MethodEC2, "mapped"}

// Versions of the payload: plain tokens, tokens by delegation, receipts, which are no tokens, and tokens by
// federation.
const (
	version   = 1
	delegated = 2
	receipt   = 3
	federated = 4
)

// encode packs the claims. Ids of 32 hex digits, as most are, take 16 bytes, so that tokens have fewer than 255
// characters.
func (c Claims) encode() []byte {
	b := []byte{version, c.methodBits()}
	if c.Trust != "" || c.AppCredential != "" {
		b[0] = delegated
	}
	if c.Federation != nil {
		b[0] = federated
	}
	b = putID(b, c.User)
	return c.encodeRest(b)
}

func (c Claims) methodBits() (bits byte) {
	for i, m := range methods {
		if slices.Contains(c.Methods, m) {
			bits |= 1 << i
		}
	}
	return bits
}

func (c Claims) encodeRest(b []byte) []byte {
	switch {
	case c.Scope.Project != "":
		b = putID(append(b, 'p'), c.Scope.Project)
	case c.Scope.Domain != "":
		b = putID(append(b, 'd'), c.Scope.Domain)
	case c.Scope.System:
		b = append(b, 's')
	default:
		b = append(b, 'u')
	}
	b = binary.BigEndian.AppendUint64(b, uint64(c.Issued.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.UnixMicro()))
	switch {
	case c.Trust != "":
		b = putID(append(b, 't'), c.Trust)
	case c.AppCredential != "":
		b = putID(append(b, 'a'), c.AppCredential)
	case c.Federation != nil:
		b = putID(putID(b, c.Federation.Provider), c.Federation.Protocol)
		b = append(b, byte(len(c.Federation.Groups)))
		for _, g := range c.Federation.Groups {
			b = putID(b, g)
		}
	}
	for _, a := range c.AuditIDs {
		raw, _ := base64.RawURLEncoding.DecodeString(a)
		b = append(b, raw...)
	}
	return b
}

// long marks the 64 hex digits of users and groups of other directories; no id is as long as that number.
const long = 255

func putID(b []byte, id string) []byte {
	if raw, err := hex.DecodeString(id); err == nil && hex.EncodeToString(raw) == id {
		switch len(raw) {
		case 16:
			return append(append(b, 0), raw...)
		case 32:
			return append(append(b, long), raw...)
		}
	}
	return append(append(b, byte(len(id))), id...)
}

var malformed = fault.New(fault.Unauthorized, "The token is malformed.")

func decode(b []byte) (Claims, error) {
	r := reader{b: b}
	var c Claims
	form := r.byte()
	if form != version && form != delegated && form != federated {
		return c, malformed
	}
	c.Methods = namesOf(r.byte())
	c.User = r.id()
	switch r.byte() {
	case 'p':
		c.Scope.Project = r.id()
	case 'd':
		c.Scope.Domain = r.id()
	case 's':
		c.Scope.System = true
	case 'u':
	default:
		return c, malformed
	}
	c.Issued, c.Expires = r.time(), r.time()
	if form == delegated {
		switch r.byte() {
		case 't':
			c.Trust = r.id()
		case 'a':
			c.AppCredential = r.id()
		default:
			return c, malformed
		}
	}
	if form == federated {
		c.Federation = &Federation{Provider: r.id(), Protocol: r.id()}
		for n := r.byte(); n > 0 && !r.short; n-- {
			c.Federation.Groups = append(c.Federation.Groups, r.id())
		}
	}
	for len(r.b) > 0 && !r.short {
		c.AuditIDs = append(c.AuditIDs, base64.RawURLEncoding.EncodeToString(r.take(16)))
	}
	if r.short || len(c.AuditIDs) == 0 || len(c.AuditIDs) > 2 {
		return c, malformed
	}
	return c, nil
}

func namesOf(bits byte) []string {
	var out []string
	for i, m := range methods {
		if bits&(1<<i) != 0 {
			out = append(out, m)
		}
	}
	return out
}

// reader takes a payload apart; short tells that it ended too early.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) id() string {
	switch n := r.byte(); n {
	case 0:
		return hex.EncodeToString(r.take(16))
	case long:
		return hex.EncodeToString(r.take(32))
	default:
		return string(r.take(int(n)))
	}
}

func (r *reader) time() time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(r.take(8)))).UTC()
}
