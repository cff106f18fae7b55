package app

import "time"

// Keystone is [identity].
type Keystone struct {
	Rounds int `conf:"password_hash_rounds" default:"10" min:"4" max:"31" help:"The cost of checking a password: each step doubles the time it takes."`

	DomainDrivers bool   `conf:"domain_specific_drivers_enabled" default:"false" help:"Whether domains may keep their users in directories of their own."`
	FromDatabase  bool   `conf:"domain_configurations_from_database" default:"false" help:"Whether those domains are configured through the API (openstack's /v3/domains/ID/config), and not by files."`
	DomainDir     string `conf:"domain_config_dir" default:"/etc/keystone/domains" help:"The folder of those files: keystone.NAME.conf configures domain NAME."`
}

// Security is [security_compliance].
type Security struct {
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

// AppCredentials is [application_credential].
type AppCredentials struct {
	PerUser int `conf:"user_limit" default:"-1" min:"-1" help:"How many application credentials a user may have; -1 is any number."`
}

// Trusts is [trust].
type Trusts struct {
	MaxRedelegation int64 `conf:"max_redelegation_count" default:"3" min:"0" help:"How often a trust may be handed on."`
}

// Credentials is [credential].
type Credentials struct {
	Repository string `conf:"key_repository" default:"$state_path/credential-keys" help:"The folder of the keys that users' credentials are sealed with in the database. Every keystone process needs the same ones. Empty keeps a key in memory, and what is sealed with it can be read by this process only."`
}

// UnifiedLimit is [unified_limit].
type UnifiedLimit struct {
	Model string `conf:"enforcement_model" default:"flat" enum:"flat|strict_two_level" help:"How limits of a domain and of its projects go together."`
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

// OIDC is [oidc].
type OIDC struct {
	Audiences    []string `conf:"audiences" help:"Client ids whose OpenID Connect tokens are taken: one of them must be among a token's audiences, or be the client it was made for. Empty: nobody logs in by a token."`
	ClientID     string   `conf:"introspection_client_id" help:"The client as which identity providers are asked about tokens that are not signed. Empty: such tokens are refused."`
	ClientSecret string   `conf:"introspection_client_secret" secret:"true" help:"Its secret."`

	WebClientID     string   `conf:"websso_client_id" help:"The client as which browsers are sent to identity providers by a dashboard's login. Empty: they are not."`
	WebClientSecret string   `conf:"websso_client_secret" secret:"true" help:"Its secret."`
	WebScopes       []string `conf:"websso_scopes" default:"profile,email" help:"What it asks for besides openid."`

	Skew    time.Duration `conf:"clock_skew" default:"60" min:"0" max:"300" help:"By how much the clocks of identity providers may differ from this one."`
	Timeout time.Duration `conf:"timeout" default:"10" min:"1" help:"How long an identity provider may take to answer."`
	CAFile  string        `conf:"ca_file" help:"Certificates to trust identity providers by, besides the system's."`
}

// Federation is [federation].
type Federation struct {
	Dashboards []string `conf:"trusted_dashboard" help:"The addresses that a login by a browser may send a token to, letter by letter: https://dashboard.example.org/auth/websso/. Empty: there are no such logins."`

	TTL int64 `conf:"default_authorization_ttl" default:"0" min:"0" help:"Minutes for which the groups of a federated user outlast the login, for identity providers that set no time of their own. Application credentials rest on them."`
}
