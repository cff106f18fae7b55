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

// Compliance is what an operator demands of users and their passwords, [security_compliance]. The zero value demands nothing.
type Compliance struct {
	LockoutAttempts int           // wrong passwords in a row that lock a user; 0: never
	LockoutFor      time.Duration // 0: until an administrator sets a new password
	InactiveAfter   time.Duration // a user who has not logged in for so long counts as disabled; 0: never
	ExpiresAfter    time.Duration // how long a password is good; 0: for ever
	MinimumAge      time.Duration // before its user may change a password again
	Unique          int           // how many of a user's last passwords, the present one among them, may not come again
	ChangeFirst     bool          // a password set by somebody else must be changed before it is of use
	Pattern         string        // a regular expression, with look-ahead, that passwords must match; empty: none
	Advice          string        // what to tell whose password does not match
}

// The options by which a user is exempt.
const (
	ignoresChangeFirst = "ignore_change_password_upon_first_use"
	ignoresExpiry      = "ignore_password_expiry"
	ignoresLockout     = "ignore_lockout_failure_attempts"
	ignoresInactivity  = "ignore_user_inactivity"
	lockPassword       = "lock_password"
)

// pattern compiles an operator's expression; a hostile password must not keep it busy.
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

// Locked reports whether too many wrong passwords keep the user out at the moment.
func (c Compliance) Locked(u keystone.User, s store.Secret, now time.Time) bool {
	return c.LockoutAttempts > 0 && s.FailedCount >= int64(c.LockoutAttempts) && u.Options[ignoresLockout] != true &&
		(c.LockoutFor == 0 || now.Before(s.FailedAt.Add(c.LockoutFor)))
}

// Dormant reports whether the user has been away for too long.
func (c Compliance) Dormant(u keystone.User, now time.Time) bool {
	return c.InactiveAfter > 0 && !u.LastActive.IsZero() && u.Options[ignoresInactivity] != true && now.Sub(u.LastActive) > c.InactiveAfter
}

// Expired reports whether the user's password must be changed before it proves anything.
func (c Compliance) Expired(u keystone.User, now time.Time) bool {
	return !u.PasswordExpires.IsZero() && !now.Before(u.PasswordExpires) && u.Options[ignoresExpiry] != true
}

// expiry is when a password set now runs out; own tells that its user has set it.
func (c Compliance) expiry(u keystone.User, now time.Time, own bool) time.Time {
	switch {
	case c.ChangeFirst && !own && u.Options[ignoresChangeFirst] != true:
		return now
	case c.ExpiresAfter > 0 && u.Options[ignoresExpiry] != true:
		return now.Add(c.ExpiresAfter)
	}
	return time.Time{}
}

// Demand makes the rules that hold from now on; it belongs before the first use. fault.Invalid for a pattern that is none.
func (p *Passwords) Demand(c Compliance) error {
	re, err := c.pattern()
	p.rules, p.pattern = c, re
	return err
}

// Rules are what is demanded.
func (p *Passwords) Rules() Compliance { return p.rules }

// fits refuses a password that the operator's pattern does not like.
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

// fresh refuses a password that its user had not long ago, and one that comes too soon after the last.
func (s *Service) fresh(ctx context.Context, u keystone.User, sec store.Secret, password string) error {
	rules := s.passwords.rules
	if u.Options[lockPassword] == true {
		return fault.Invalidf("You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.")
	}
	now := s.now()
	expired := !u.PasswordExpires.IsZero() && !now.Before(u.PasswordExpires)
	if free := sec.Created.Add(rules.MinimumAge); rules.MinimumAge > 0 && !sec.Created.IsZero() && now.Before(free) && !expired {
		return fault.Invalidf("You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for %d day(s) before it can be changed. Please try again in %d day(s) or contact your administrator to reset your password.",
			int(rules.MinimumAge.Hours()/24), int(free.Sub(now).Hours()/24)+1)
	}
	if rules.Unique == 0 {
		return nil
	}
	old, err := store.OldPasswords(ctx, s.db, u.ID)
	if err != nil {
		return err
	}
	for _, hash := range append([]string{sec.Hash}, old[:min(len(old), rules.Unique-1)]...) {
		if s.passwords.Verify(u.ID, hash, password) {
			return fault.Invalidf("The new password cannot be identical to a previous password. The total number which includes the new password must be unique is %d.",
				rules.Unique)
		}
	}
	return nil
}

// setPassword replaces a password, keeps the old one's hash where history counts, and answers when the new one expires.
func (s *Service) setPassword(ctx context.Context, tx *db.Tx, u keystone.User, sec store.Secret, hash string, own bool) (time.Time, error) {
	now := s.now()
	if s.passwords.rules.Unique > 1 && sec.Hash != "" {
		if err := store.KeepPassword(ctx, tx, ids.Ordered(now), u.ID, sec.Hash, s.passwords.rules.Unique); err != nil {
			return time.Time{}, err
		}
	}
	expires := s.passwords.rules.expiry(u, now, own)
	return expires, store.SetPassword(ctx, tx, u.ID, hash, now, expires)
}
