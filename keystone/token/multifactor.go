package token

import (
	"context"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Insufficient means that the proofs are right but that the user's multi-factor rules require more. A further request
// with the receipt needs only the missing ones.
type Insufficient struct {
	Receipt  string
	Proved   *Token // the user and the methods; it has no scope
	Required [][]string
}

// Error implements error.
func (*Insufficient) Error() string { return "Additional authentications required." }

// enough checks the methods of claims against the user's multi-factor rules.
func (s *Service) enough(ctx context.Context, at int64, c Claims) error {
	u, err := s.known.owner(ctx, at, c.User)
	if err != nil {
		return gone(err, "user", c.User)
	}
	rules := factorRules(u.Options)
	if len(rules) == 0 || slices.ContainsFunc(rules, func(r []string) bool { return within(r, c.Methods) }) {
		return nil
	}
	life := s.config.ReceiptFor
	if life == 0 {
		life = 5 * time.Minute
	}
	c.Issued, c.Scope = s.now(), Scope{}
	c.Expires = c.Issued.Add(life)
	text, err := s.keys.Seal(c.encodeReceipt())
	if err != nil {
		return err
	}
	t := &Token{Claims: c, Owner: u}
	if t.OwnerDomain, err = s.enabled(ctx, u.DomainID); err != nil {
		return err
	}
	return &Insufficient{Receipt: text, Proved: t, Required: rules}
}

// factorRules returns the combinations of methods that a user's options require, or none.
func factorRules(options map[string]any) [][]string {
	if options["multi_factor_auth_enabled"] != true {
		return nil
	}
	rules, _ := options["multi_factor_auth_rules"].([]any)
	var out [][]string
	for _, r := range rules {
		var names []string
		list, _ := r.([]any)
		for _, m := range list {
			if name, ok := m.(string); ok && slices.Contains(methods[:], name) {
				names = append(names, name)
			}
		}
		// A rule of which this service knows no method cannot be met and locks nobody out.
		if len(names) > 0 {
			out = append(out, names)
		}
	}
	return out
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(m string) bool { return !slices.Contains(all, m) })
}

func (c Claims) encodeReceipt() []byte {
	r := Claims{User: c.User, Methods: c.Methods, Issued: c.Issued, Expires: c.Expires}
	b := r.encode()
	b[0] = receipt
	return b
}

// checkReceipt returns the user of a receipt and adds its methods to the claims.
func (s *Service) checkReceipt(text string, c *Claims) (string, error) {
	payload, err := s.keys.Open(text)
	if err != nil || len(payload) == 0 || payload[0] != receipt {
		return "", refused("the receipt is malformed")
	}
	r := reader{b: payload[1:]}
	methods := namesOf(r.byte())
	user := r.id()
	kind := r.byte()
	r.time()
	if expires := r.time(); r.short || kind != 'u' || !s.now().Before(expires) {
		return "", refused("the receipt is over")
	}
	for _, m := range methods {
		if !has(c.Methods, m) {
			c.Methods = append(c.Methods, m)
		}
	}
	return user, nil
}

// step is the period of a passcode; the one of the period before is also accepted.
const step = 30 * time.Second

// checkTOTP checks a passcode and returns the user's id. Wrong passcodes count like wrong passwords. It takes as long
// for users who do not exist or may not log in. A passcode is accepted once among all processes.
func (s *Service) checkTOTP(ctx context.Context, at int64, p PasswordProof) (string, error) {
	u, sec, err := s.find(ctx, at, p)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	now, rules := s.now(), s.passwords.Rules()
	var seeds []string
	if s.config.Seeds != nil {
		var bad error
		if seeds, bad = s.config.Seeds.Seeds(ctx, u.ID); bad != nil {
			return "", bad
		}
	}
	right := int64(-1)
	for _, seed := range seeds {
		right = max(right, rightCode(seed, p.Password, now))
	}
	switch {
	case err != nil, rules.Locked(u, sec, now), !u.Enabled, rules.Dormant(u, now):
		return "", s.failed(ctx, "", refused("user %q is not there, locked or disabled", u.ID))
	case right < 0:
		return "", s.failed(ctx, u.ID, refused("wrong passcode of user %s", u.ID))
	}
	first := false
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		first, err = store.UsePasscode(ctx, tx, u.ID, right, strings.TrimSpace(p.Password)) // spaces around it do not count
		return err
	})
	switch {
	case err != nil:
		return "", err
	case !first:
		return "", s.failed(ctx, u.ID, refused("a passcode of user %s was used before", u.ID))
	}
	return u.ID, nil
}

// rightCode returns the period whose passcode it is, or -1 if it is none of the accepted ones.
func rightCode(seed, code string, now time.Time) int64 {
	seed = strings.TrimRight(strings.ToUpper(seed), "=")
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed); err != nil {
		return -1
	}
	for _, at := range []time.Time{now, now.Add(-step)} {
		ok, err := totp.ValidateCustom(
			code,
			seed,
			at,
			totp.ValidateOpts{Period: uint(step / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1},
		)
		if err == nil && ok {
			return at.Unix() / int64(step/time.Second)
		}
	}
	return -1
}
