package api

import "reflect"

// Option adjusts an operation.
type Option func(*opts)

type opts struct {
	span                    spans
	envIn, envOut           string
	envInSet, envOutSet     bool
	noAuth, hidden          bool
	nonEmpty                bool
	missingShown            bool
	looseQuery, strictQuery bool
	strictFrom              Version
	secretPath              bool
	maxBody                 int64
	media                   []string
	query                   reflect.Type
}

// Span is the microversions the op exists in, "2.26-", "2.1-2.35"; outside: 404.
func Span(mv string) Option { return func(o *opts) { o.span = mustSpans(mv) } }

// Envelope wraps body and view in this member instead of the resource's name.
func Envelope(name string) Option {
	return func(o *opts) { o.envIn, o.envOut, o.envInSet, o.envOutSet = name, name, true, true }
}

// EnvelopeIn names the member of the body only.
func EnvelopeIn(name string) Option { return func(o *opts) { o.envIn, o.envInSet = name, true } }

// EnvelopeOut names the member of the view only.
func EnvelopeOut(name string) Option { return func(o *opts) { o.envOut, o.envOutSet = name, true } }

// Bare takes and gives documents without an envelope.
func Bare() Option { return Envelope("") }

// NoAuth allows the operation without a token. With a valid token the caller is known; an invalid one counts as none.
func NoAuth() Option { return func(o *opts) { o.noAuth = true } }

// SecretPath keeps the path of requests out of the log, because a parameter of it is a secret: the log has the
// operation's pattern.
func SecretPath() Option { return func(o *opts) { o.secretPath = true } }

// Hidden answers 404 instead of 403 where the policy refuses the loaded target, so that its existence stays secret.
func Hidden() Option { return func(o *opts) { o.hidden = true } }

// MissingShown answers 404 for a missing target to every caller, where Config.MissingRefused answers 403.
func MissingShown() Option { return func(o *opts) { o.missingShown = true } }

// MaxBody bounds the request body in bytes; the default is Config.MaxBody.
func MaxBody(n int64) Option { return func(o *opts) { o.maxBody = n } }

// NonEmpty rejects an empty object in the body of an On with 400; 404 and 403 take precedence.
func NonEmpty() Option { return func(o *opts) { o.nonEmpty = true } }

// Media names the accepted request content types; the default is application/json.
func Media(types ...string) Option { return func(o *opts) { o.media = types } }

// LooseQuery ignores unknown query parameters where Config.StrictQuery refuses them.
func LooseQuery() Option { return func(o *opts) { o.looseQuery = true } }

// StrictQuery refuses unknown query parameters where the API otherwise ignores them.
func StrictQuery() Option { return func(o *opts) { o.strictQuery = true } }

// StrictFrom refuses unknown query parameters from this microversion on, "2.75", in the place of Config.StrictFrom.
func StrictFrom(mv string) Option {
	v, ok := ParseVersion(mv)
	if !ok {
		panic("api: bad version " + mv)
	}
	return func(o *opts) { o.strictFrom = v }
}

// Query declares the query parameters of an operation that is not a list; QueryOf reads them in the handler.
func Query[Q any]() Option { return func(o *opts) { o.query = reflect.TypeFor[Q]() } }
