package identity

import (
	"context"
	"time"

	"github.com/dlclark/regexp2"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Compliance is the rules for users and their passwords, [security_compliance]. The zero value has none.
type Compliance struct {
	LockoutAttempts int           // consecutive wrong passwords that lock a user; 0: never
	LockoutFor      time.Duration // 0: until an administrator sets a new password
	InactiveAfter   time.Duration // a user who has not logged in for so long is disabled; 0: never
	ExpiresAfter    time.Duration // how long a password is valid; 0: for ever
	MinimumAge      time.Duration // of a password before its user may change it again
	Unique          int           // how many of a user's last passwords, with the present one, must differ
	ChangeFirst     bool          // a password set by an administrator must be changed at first use
	Pattern         string        // a regular expression, with look-ahead, that passwords must match; empty: none
	Advice          string        // the description of Pattern for users
}

// User options that exempt a user from a rule.
const (
	ignoresChangeFirst = "ignore_change_password_upon_first_use"
	ignoresExpiry      = "ignore_password_expiry"
	ignoresLockout     = "ignore_lockout_failure_attempts"
	ignoresInactivity  = "ignore_user_inactivity"
	lockPassword       = "lock_password"
)

// pattern compiles Pattern, with a bound on the time of a match.
func (c Compliance) pattern() (*regexp2.Regexp, error) {
	if c.Pattern == "" {
		return nil, nil
	}
	re, err := regexp2.Compile(c.Pattern, regexp2.None)
	if err != nil {
		return nil, fault.Invalidf("password_regex: %v", err)
	}
	re.MatchTimeout = 100 * time.Millisecond
	return re, nil
}

// Locked reports whether the user is locked out after too many wrong passwords.
func (c Compliance) Locked(u keystone.User, s store.Secret, now time.Time) bool {
	return c.LockoutAttempts > 0 && s.FailedCount >= int64(c.LockoutAttempts) && u.Options[ignoresLockout] != true &&
		(c.LockoutFor == 0 || now.Before(s.FailedAt.Add(c.LockoutFor)))
}

// Dormant reports whether the user has been inactive for too long.
func (c Compliance) Dormant(u keystone.User, now time.Time) bool {
	return c.InactiveAfter > 0 && !u.LastActive.IsZero() && u.Options[ignoresInactivity] != true &&
		now.Sub(u.LastActive) > c.InactiveAfter
}

// Expired reports whether the user's password has expired and must be changed.
func (c Compliance) Expired(u keystone.User, now time.Time) bool {
	return !u.PasswordExpires.IsZero() && !now.Before(u.PasswordExpires) && u.Options[ignoresExpiry] != true
}

// expiry returns when a password that is set now expires. own: its user sets it.
func (c Compliance) expiry(u keystone.User, now time.Time, own bool) time.Time {
	switch {
	case c.ChangeFirst && !own && u.Options[ignoresChangeFirst] != true:
		return now
	case c.ExpiresAfter > 0 && u.Options[ignoresExpiry] != true:
		return now.Add(c.ExpiresAfter)
	}
	return time.Time{}
}

// Demand sets the rules. It must be called before the first use. fault.Invalid for an invalid pattern.
func (p *Passwords) Demand(c Compliance) error {
	re, err := c.pattern()
	p.rules, p.pattern = c, re
	return err
}

// Rules returns the rules.
func (p *Passwords) Rules() Compliance { return p.rules }

// fits is fault.Invalid for a password that does not match the pattern.
func (p *Passwords) fits(password string) error {
	if p.pattern == nil {
		return nil
	}
	ok, err := p.pattern.MatchString(password)
	if err == nil && ok {
		return nil
	}
	return fault.Invalidf("The password does not match the requirements: %s.", p.rules.Advice).Because(err)
}

// mayReplace is fault.Invalid for a password that the user had before, and for a change that comes too early.
func (u *Users) mayReplace(ctx context.Context, v keystone.User, sec store.Secret, password string) error {
	rules := u.passwords.rules
	if v.Options[lockPassword] == true {
		return fault.Invalidf(
			"You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.",
		)
	}
	now := u.now()
	expired := !v.PasswordExpires.IsZero() && !now.Before(v.PasswordExpires)
	if free := sec.Created.Add(rules.MinimumAge); rules.MinimumAge > 0 && !sec.Created.IsZero() && now.Before(free) &&
		!expired {
		return fault.Invalidf(
			"You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for %d day(s) before it can be changed. Please try again in %d day(s) or contact your administrator to reset your password.",
			int(rules.MinimumAge.Hours()/24),
			int(free.Sub(now).Hours()/24)+1,
		)
	}
	if rules.Unique == 0 {
		return nil
	}
	old, err := store.OldPasswords(ctx, u.db, v.ID)
	if err != nil {
		return err
	}
	for _, hash := range append([]string{sec.Hash}, old[:min(len(old), rules.Unique-1)]...) {
		if u.passwords.Verify(v.ID, hash, password) {
			return fault.Invalidf(
				"The new password cannot be identical to a previous password. The total number which includes the new password must be unique is %d.",
				rules.Unique,
			)
		}
	}
	return nil
}

// setPassword replaces a password, keeps the hash of the old one if the rules need it, and returns when the new one
// expires.
func (u *Users) setPassword(
	ctx context.Context,
	tx *db.Tx,
	v keystone.User,
	sec store.Secret,
	hash string,
	own bool,
) (time.Time, error) {
	now := u.now()
	if u.passwords.rules.Unique > 1 && sec.Hash != "" {
		if err := store.KeepPassword(ctx, tx, ids.Ordered(now), v.ID, sec.Hash, u.passwords.rules.Unique); err != nil {
			return time.Time{}, err
		}
	}
	expires := u.passwords.rules.expiry(v, now, own)
	return expires, store.SetPassword(ctx, tx, v.ID, hash, now, expires)
}
