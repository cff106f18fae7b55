// Package metric provides the Prometheus metrics of a process. The oslo packages count API requests, RPC calls, tasks,
// steps and periodic tasks, so that handlers need not.
package metric

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds a process's metrics. All methods may be called on a nil *Registry, which stores nothing.
type Registry struct {
	r *prometheus.Registry

	ops      *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	panics   *prometheus.CounterVec
	overruns *prometheus.CounterVec
	events   *prometheus.CounterVec
}

// New makes a registry. It already has the metrics of the Go runtime and of the process.
func New() *Registry {
	m := &Registry{
		r: prometheus.NewRegistry(),
		ops: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hypernova_operation_seconds",
			Help:    "Time taken by an operation of the kit, by sort (http, call, task, step, periodic, filter, weigher), name and outcome.",
			Buckets: []float64{.0001, .001, .005, .025, .1, .5, 2.5, 10, 60, 300}}, []string{"sort", "name", "outcome"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hypernova_in_flight",
			Help: "Operations under way, by sort."}, []string{"sort"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hypernova_panics_total",
			Help: "Contained panics, by sort and name. Each one is a bug and has its stack in the log."},
			[]string{"sort", "name"}),
		overruns: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hypernova_periodic_overruns_total",
			Help: "Runs of a periodic task that took longer than its spacing, so that runs were left out."}, []string{"name"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hypernova_events_total",
			Help: "Things that happened and are no operations, by sort (network_repair, dhcp, metadata) and name."},
			[]string{"sort", "name"}),
	}
	m.r.MustRegister(m.ops, m.inFlight, m.panics, m.overruns, m.events, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Start counts an operation as running. The returned function ends it with its outcome: "ok", a status or a fault kind.
func (m *Registry) Start(sort, name string) (end func(outcome string)) {
	if m == nil {
		return func(string) {}
	}
	begin := time.Now()
	g := m.inFlight.WithLabelValues(sort)
	g.Inc()
	return func(outcome string) {
		g.Dec()
		m.ops.WithLabelValues(sort, name, outcome).Observe(time.Since(begin).Seconds())
	}
}

// Took counts an operation that has ended, with its outcome and duration.
func (m *Registry) Took(sort, name, outcome string, d time.Duration) {
	if m != nil {
		m.ops.WithLabelValues(sort, name, outcome).Observe(d.Seconds())
	}
}

// Panic counts a recovered panic.
func (m *Registry) Panic(sort, name string) {
	if m != nil {
		m.panics.WithLabelValues(sort, name).Inc()
	}
}

// Overrun counts a run of a periodic task that took longer than its spacing.
func (m *Registry) Overrun(name string) {
	if m != nil {
		m.overruns.WithLabelValues(name).Inc()
	}
}

// Count adds n to a counter of events. Sort and name must be constants of the program, never values from users.
func (m *Registry) Count(sort, name string, n int) {
	if m != nil {
		m.events.WithLabelValues(sort, name).Add(float64(n))
	}
}

// Gauge registers a metric whose value fn returns at each scrape. It panics if the name is registered already.
func (m *Registry) Gauge(name, help string, fn func() float64) {
	if m != nil {
		m.r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, fn))
	}
}

// Register adds a collector. It panics if the collector is registered already.
func (m *Registry) Register(c prometheus.Collector) {
	if m != nil {
		m.r.MustRegister(c)
	}
}

// Gatherer returns the source of /metrics.
func (m *Registry) Gatherer() prometheus.Gatherer {
	if m == nil {
		return prometheus.NewRegistry()
	}
	return m.r
}

// Handler returns the handler of /metrics for g.
func Handler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{})
}

type key struct{}

// With returns a context that carries the registry.
func With(ctx context.Context, m *Registry) context.Context { return context.WithValue(ctx, key{}, m) }

// From returns the registry in ctx, or nil, which is valid.
func From(ctx context.Context) *Registry { m, _ := ctx.Value(key{}).(*Registry); return m }
