package federation

// Options are section [federation].
type Options struct {
	Dashboards []string `conf:"trusted_dashboard" help:"The addresses that a login by a browser may send a token to, letter by letter: https://dashboard.example.org/auth/websso/. Empty: there are no such logins."`

	TTL int64 `conf:"default_authorization_ttl" default:"0" min:"0" help:"Minutes for which the groups of a federated user outlast the login, for identity providers that set no time of their own. Application credentials rest on them."`
}
