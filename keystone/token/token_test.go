package token

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"hypernova/keystone/store"
	"hypernova/oslo/ids"
)

func claims() Claims {
	audit := base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	now := time.Now().UTC().Truncate(time.Microsecond)
	return Claims{
		User:     ids.Hex(),
		Methods:  []string{"password", "token"},
		Scope:    Scope{Project: ids.Hex()},
		AuditIDs: []string{audit, audit},
		Issued:   now,
		Expires:  now.Add(time.Hour),
	}
}

func TestClaimsSurviveTheirEncoding(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Claims){
		"project":       func(*Claims) {},
		"named domain":  func(c *Claims) { c.Scope = Scope{Domain: "default"} },
		"system":        func(c *Claims) { c.Scope = Scope{System: true} },
		"unscoped":      func(c *Claims) { c.Scope = Scope{} },
		"other user id": func(c *Claims) { c.User = "ldap-user" },
		"one audit id":  func(c *Claims) { c.AuditIDs = c.AuditIDs[:1] },
		"by a trust":    func(c *Claims) { c.Trust = ids.Hex() },
		"by an application credential": func(c *Claims) {
			c.AppCredential, c.Methods = ids.Hex(), []string{"application_credential"}
		},
		"by an identity provider": func(c *Claims) {
			c.User = store.PublicID("d", "user", "alice")
			c.Federation = &Federation{Provider: "idp", Protocol: "openid", Groups: []string{ids.Hex(), "default",
				store.PublicID("d", "group", "ops")}}
		},
		"by an identity provider, no groups": func(c *Claims) {
			c.Federation = &Federation{Provider: "idp", Protocol: "openid"}
		},
		"all methods": func(c *Claims) { c.Methods = methods[:] },
	} {
		c := claims()
		change(&c)
		got, err := decode(c.encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestKeysRotateAndOldTokensStayGoodForAWhile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	one, err := OpenKeys(dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenKeys(dir, 3) // another process
	if err != nil {
		t.Fatal(err)
	}
	old, err := one.Seal([]byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	for rotation := 1; rotation <= 4; rotation++ {
		if err := one.Rotate(); err != nil {
			t.Fatal(err)
		}
		_, err := one.Open(old)
		if good := rotation <= 1; (err == nil) != good {
			t.Errorf("after %d rotations: %v, want good=%v", rotation, err, good)
		}
	}
	fresh, err := one.Seal([]byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	other.read = time.Time{}
	if b, err := other.Open(fresh); err != nil || string(b) != "payload" {
		t.Errorf("the other process: %q, %v", b, err)
	}
	es, err := os.ReadDir(dir)
	if err != nil || len(es) != 3 {
		t.Errorf("%d keys are kept: %v", len(es), err)
	}
	for _, e := range es {
		if i, err := e.Info(); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), i.Mode(), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(claims().encode())
	f.Add([]byte{version})
	c := claims()
	c.Federation = &Federation{Provider: "idp", Protocol: "openid", Groups: []string{ids.Hex()}}
	f.Add(c.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(b)
		if err == nil && c.User == "" && len(c.AuditIDs) == 0 {
			t.Errorf("decode(%x) = %+v without an error", b, c)
		}
	})
}

// FuzzOpen: of a changed token nothing opens, unless it is the same token in other letters; what opens is what was
// sealed.
func FuzzOpen(f *testing.F) {
	keys, err := OpenKeys("", 3)
	if err != nil {
		f.Fatal(err)
	}
	payload := claims().encode()
	good, err := keys.Seal(payload)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := base64.URLEncoding.DecodeString(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", uint16(0), byte(1))
	f.Add("gAAAAA", uint16(20), byte(0x80))
	f.Add("=", uint16(300), byte(7))
	f.Add("null", uint16(9), byte(0xff))
	f.Fuzz(func(t *testing.T, text string, at uint16, flip byte) {
		i := int(at) % len(good)
		for _, forged := range []string{text, good[:i] + text + good[i:], good[:i] + text, text + good} {
			if got, err := keys.Open(forged); err == nil && !bytes.Equal(got, payload) {
				t.Errorf("%q opens as %x", forged, got)
			}
		}
		bad := bytes.Clone(raw)
		bad[int(at)%len(bad)] ^= flip
		if got, err := keys.Open(base64.URLEncoding.EncodeToString(bad)); err == nil && flip != 0 {
			t.Errorf("byte %d xor %x opens as %x", int(at)%len(bad), flip, got)
		}
	})
}

// FuzzRightCode: a seed's own passcode is right, no other one is, and no seed is too odd.
func FuzzRightCode(f *testing.F) {
	now := time.Date(2026, 5, 1, 12, 0, 10, 0, time.UTC)
	f.Add("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "000000", int64(0))
	f.Add("gezdgnbvgy3tqojq====", " 123456", int64(-1))
	f.Add("", "", int64(1)<<40)
	f.Add("!", "12345", int64(7))
	f.Fuzz(func(t *testing.T, seed, code string, later int64) {
		at := now.Add(time.Duration(later%1_000_000) * time.Second)
		got := rightCode(seed, code, at) >= 0
		own, err := totp.GenerateCode(strings.TrimRight(strings.ToUpper(seed), "="), at)
		if err != nil {
			if got {
				t.Errorf("%q is right for a seed that is none, %q", code, seed)
			}
			return
		}
		last, err := totp.GenerateCode(strings.TrimRight(strings.ToUpper(seed), "="), at.Add(-step))
		if err != nil {
			t.Fatal(err)
		}
		if plain := strings.TrimSpace(code); got && plain != own && plain != last {
			t.Errorf("%q is right, not only %s and %s", code, own, last)
		}
		if !strings.ContainsFunc(seed, unicode.IsSpace) && rightCode(seed, own, at) < 0 {
			t.Errorf("the seed %q refuses its own %s", seed, own)
		}
	})
}
