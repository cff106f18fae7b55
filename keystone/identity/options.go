package identity

import "time"

// Hashing are options of passwords in section [identity].
type Hashing struct {
	Rounds int `conf:"password_hash_rounds" default:"10" min:"4" max:"31" help:"The cost of checking a password: each step doubles the time it takes."`
}

// SecurityOptions are section [security_compliance].
type SecurityOptions struct {
	Attempts    int           `conf:"lockout_failure_attempts" default:"0" min:"0" help:"Wrong passwords in a row that lock a user; 0 never locks."`
	Duration    time.Duration `conf:"lockout_duration" default:"1800" min:"1" help:"How long a user stays locked."`
	Inactive    int           `conf:"disable_user_account_days_inactive" default:"0" min:"0" help:"Days without a login after which a user counts as disabled; 0 never does."`
	Expires     int           `conf:"password_expires_days" default:"0" min:"0" help:"Days that a new password is good; 0 is for ever."`
	Unique      int           `conf:"unique_last_password_count" default:"0" min:"0" help:"How many of their last passwords, the present one among them, users may not choose again; 0 lets them."`
	MinimumAge  int           `conf:"minimum_password_age" default:"0" min:"0" help:"Days that a password must be used before its user may change it."`
	Pattern     string        `conf:"password_regex" help:"A regular expression that new passwords must match. Empty matches all."`
	Advice      string        `conf:"password_regex_description" help:"The same in words, for users whose password does not match."`
	ChangeFirst bool          `conf:"change_password_upon_first_use" default:"false" help:"Whether a password that somebody else has set must be changed before it is of use."`
}

// Compliance are the rules of the section.
func (s SecurityOptions) Compliance() Compliance {
	const day = 24 * time.Hour
	return Compliance{LockoutAttempts: s.Attempts, LockoutFor: s.Duration,
		InactiveAfter: time.Duration(s.Inactive) * day,
		ExpiresAfter:  time.Duration(s.Expires) * day, MinimumAge: time.Duration(s.MinimumAge) * day, Unique: s.Unique,
		ChangeFirst: s.ChangeFirst, Pattern: s.Pattern, Advice: s.Advice}
}
