package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts and times operations; nil does nothing.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	known    sync.Map // measured → *measures, because to find them by their labels takes longer than to use them
}

// measured is what a request counts as. Operations and statuses are few.
type measured struct {
	operation string
	status    int
}

type measures struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

func (m *metrics) of(service string, what measured) *measures {
	if known, ok := m.known.Load(what); ok {
		return known.(*measures)
	}
	made := &measures{m.requests.WithLabelValues(service, what.operation, strconv.Itoa(what.status)),
		m.seconds.WithLabelValues(service, what.operation)}
	m.known.Store(what, made)
	return made
}

// newMetrics registers the collectors, or joins those that another service of the process has registered.
func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		return nil
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hypernova_api_requests_total", Help: "API requests by operation and status."},
			[]string{"service", "operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hypernova_api_request_seconds", Help: "Time to answer API requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}},
			[]string{"service", "operation"}),
	}
	m.requests = joined(reg, m.requests)
	m.seconds = joined(reg, m.seconds)
	return m
}

func joined[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	var have prometheus.AlreadyRegisteredError
	if errors.As(err, &have) {
		return have.ExistingCollector.(C)
	}
	if err != nil {
		panic("api: " + err.Error())
	}
	return c
}

// report writes the log line of a request and counts it. ctx is the connection's, without the request id, which the
// line has already.
func (s *server) report(ctx context.Context, r *Request, op *opDef, status int, took time.Duration, err error) {
	name := "none"
	if op != nil {
		name = op.name()
	}
	if s.metrics != nil {
		m := s.metrics.of(s.c.Name, measured{name, status})
		m.requests.Inc()
		m.seconds.Observe(took.Seconds())
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !s.c.Log.Enabled(ctx, level) {
		return
	}
	path := r.HTTP.URL.Path
	if op != nil && op.secretPath {
		path = op.path
	}
	attrs := []slog.Attr{slog.String("request", r.ID), slog.String("method", r.HTTP.Method), slog.String("path", path),
		slog.Int("status", status), slog.Duration("took", took)}
	if r.global != "" {
		attrs = append(attrs, slog.String("global_request", r.global))
	}
	if r.Caller != nil {
		attrs = append(attrs, slog.String("user", r.Caller.UserID), slog.String("project", r.Caller.ProjectID))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.c.Log.LogAttrs(ctx, level, "request", attrs...)
}
