package app

import "time"

// Keystone is [identity].
type Keystone struct {
	Rounds int `conf:"password_hash_rounds" default:"10" min:"4" max:"31" help:"The cost of checking a password: each step doubles the time it takes."`
}

// Security is [security_compliance].
type Security struct {
	Attempts int           `conf:"lockout_failure_attempts" default:"0" min:"0" help:"Wrong passwords in a row that lock a user; 0 never locks."`
	Duration time.Duration `conf:"lockout_duration" default:"1800" min:"1" help:"How long a user stays locked."`
}

// Token is [token].
type Token struct {
	Expiration time.Duration `conf:"expiration" default:"3600" min:"1" help:"How long a token is good."`
	Rescope    bool          `conf:"allow_rescope_scoped_token" default:"true" help:"Whether a token for one project may be traded for a token for another."`
}

// FernetTokens is [fernet_tokens].
type FernetTokens struct {
	Repository string `conf:"key_repository" default:"$state_path/fernet-keys" help:"The folder of the keys. Every keystone process needs the same ones. Empty keeps a key in memory, and tokens end with the process."`
	MaxActive  int    `conf:"max_active_keys" default:"3" min:"1" max:"100" help:"How many keys a rotation keeps."`
}
