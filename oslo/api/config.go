package api

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"hypernova/oslo/auth"
	"hypernova/oslo/policy"
)

// Config assembles one service's handler.
type Config struct {
	Name string // "nova", metrics and logs
	// "/v2.1", "/v3", "/v2", "/v2.0", "" ; an optional {project_id} segment is accepted where ProjectInPath
	Base          string
	ProjectInPath bool
	Dialect       Dialect
	Versions      *Versions
	Validator     auth.Validator
	Policy        *policy.Enforcer
	MaxBody       int64        // bytes of a request body; 0: 1 MiB
	Endpoint      string       // public base URL for links, with or without Base at its end; empty: from the request
	Root          http.Handler // version discovery documents at / and /Base; unauthenticated
	Links         LinkStyle    // how lists write next links

	AuthURI         string  // identity's public address, for WWW-Authenticate
	MaxLimit        int     // largest page; 0: 1000
	DefaultLimit    int     // page where the client asks for none; 0: MaxLimit
	StrictQuery     bool    // unknown query parameters are 400
	StrictFrom      Version // those of reads are from this microversion on; zero: see StrictQuery
	RequestIDHeader string  // a header that tells the request id besides X-Openstack-Request-Id; empty: none
	FieldSelection  bool    // fields=… on lists and shows (neutron)
	// as placement: the policy comes before the body, both ends speak JSON (406, 415), the first of repeated parameters counts
	Exacting     bool
	FormatSuffix bool // a path may end in ".json", as older clients of networking write it
	StrictSlash  bool // a path with a slash at its end is another, unknown one (glance, placement)
	// services may ask for a user: Request.Service speaks, Request.Caller is judged (auth.AskerHeader)
	Askers         bool
	MissingRefused bool // what is not there is 403 to callers whose role alone would not let them at it (keystone)
	Relaxed        bool // members of a body that are not known are left out, as nova's v2.0 does
	Log            *slog.Logger
	Metrics        prometheus.Registerer // nil: none
}

// server is a Config at work. It has no type parameter: operations are closures over their receiver.
type server struct {
	c        Config
	endpoint string
	root     *node
	readers  readers
	queries  queries
	views    writers
	metrics  *metrics
}

// New makes the handler of a service from resources with a common receiver a. A wrong tag, a duplicate route or an
// unknown rule is a programmer's error and panics.
func New[A any](c Config, a A, rs ...Resource[A]) http.Handler {
	return Handler(c, Bind(a, rs...)...)
}

// Handler is New for resources that have receivers of their own, as Bind gives them.
func Handler(c Config, rs ...Bound) http.Handler {
	s := newServer(c)
	for _, r := range rs {
		for _, op := range r.Ops {
			def := *op.def
			def.resource, def.plural = r.Name, r.Plural
			run := op.run
			s.add(&bound{&def, func(c *call) error { return run(None{}, c) }})
		}
	}
	return s
}

func newServer(c Config) *server {
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxLimit == 0 {
		c.MaxLimit = 1000
	}
	if c.DefaultLimit == 0 || c.DefaultLimit > c.MaxLimit {
		c.DefaultLimit = c.MaxLimit
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dialect == nil {
		panic("api: " + c.Name + " has no dialect")
	}
	c.Base = strings.TrimSuffix(c.Base, "/")
	s := &server{c: c, root: &node{}, readers: readers{relaxed: c.Relaxed}}
	s.endpoint = strings.TrimSuffix(strings.TrimSuffix(c.Endpoint, "/"), c.Base)
	s.metrics = newMetrics(c.Metrics)
	return s
}

func (s *server) add(b *bound) {
	d := b.def
	d.describe()
	if d.rule != nil && s.c.Policy == nil {
		panic("api: " + d.name() + " has a rule, " + s.c.Name + " has no policy")
	}
	if d.rule != nil && s.c.Policy.Rule(d.rule.Name) == nil {
		panic("api: " + d.name() + ": the rule " + d.rule.Name + " is not among the service's rules")
	}
	for _, name := range d.fieldRules() {
		if s.c.Policy == nil || s.c.Policy.Rule(name) == nil {
			panic("api: " + d.name() + ": the rule " + name + " of a field is not among the service's rules")
		}
	}
	s.root.add(b)
}
