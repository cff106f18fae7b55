package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/prometheus/client_golang/prometheus"

	"hypernova/oslo/conns"
	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

// HTTPOptions are the settings of an API server. The zero value has no request timeout and no metrics, and is ready
// while it serves.
type HTTPOptions struct {
	Timeout time.Duration                   // deadline of a request's context; 0: none, for example for image data
	Grace   time.Duration                   // time for requests in flight to finish when the service stops; default 30 s
	Metrics prometheus.Gatherer             // served at /metrics; nil: the registry of the context
	Ready   func(ctx context.Context) error // an additional check of /readyz; the answer shows its error
	// Linger keeps idle connections open for this long when the service stops. The answer to one more request tells the
	// client to reconnect. Use it when another process accepts on the same socket.
	Linger time.Duration
	Bounds *conns.Bounds // limits on connections; nil: none, but slow clients are still disconnected
}

// HTTP is an API server with graceful shutdown, a request timeout, and /healthz, /readyz and /metrics beside h. It owns
// the listener.
func HTTP(name string, l net.Listener, h http.Handler, o HTTPOptions) Service {
	if o.Grace <= 0 {
		o.Grace = 30 * time.Second
	}
	return &httpService{name: name, l: o.Bounds.Listen(l), h: h, o: o}
}

type httpService struct {
	name     string
	l        net.Listener
	h        http.Handler
	o        HTTPOptions
	serving  atomic.Bool
	inFlight atomic.Int64
}

func (s *httpService) Name() string { return s.name }

func (s *httpService) Run(ctx context.Context, ready func()) error {
	l := log.From(ctx)
	base := context.WithoutCancel(ctx) // requests in flight keep their context during the grace period
	server := &http.Server{
		Handler:           s.handler(ctx),
		ReadHeaderTimeout: 15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       conns.Context,
		ErrorLog:          slog.NewLogLogger(l.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.l) }()
	s.serving.Store(true)
	l.Info("API listens", "service", s.name, "address", s.l.Addr().String())
	ready()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", s.l.Addr(), err)
	case <-ctx.Done():
	}
	s.serving.Store(false)
	begin, inFlight := time.Now(), s.inFlight.Load()
	l.Info("service takes no new work", "service", s.name, "in_flight", inFlight)
	grace := Grace(ctx, s.o.Grace)
	stop, cancel := context.WithTimeout(base, grace)
	defer cancel()
	conns.Drain(s.l, false)
	last := time.AfterFunc(grace*8/10, func() {
		if n := conns.Drain(s.l, true); n > 0 {
			l.Warn("ending transfers: service stops", "service", s.name, "transfers", n)
		}
	})
	defer last.Stop()
	err := s.linger(stop)
	conns.EndUnused(s.l)
	if e := server.Shutdown(stop); e != nil {
		cut := s.inFlight.Load() // Shutdown also waits for connections without a request; those do not count
		if e = errors.Join(e, server.Close()); cut > 0 {
			err = errors.Join(err, fmt.Errorf("%d requests were cut off after %v: %w", cut, grace.Round(time.Millisecond), e))
		}
	}
	<-ended
	if err == nil {
		l.Info("service step", "service", s.name, log.Step, "drained", log.Took,
			time.Since(begin).Round(time.Microsecond).String(), "in_flight", inFlight)
	}
	return err
}

// linger closes the listener and answers requests on open connections for o.Linger.
func (s *httpService) linger(ctx context.Context) error {
	if s.o.Linger <= 0 {
		return nil
	}
	if err := s.l.Close(); err != nil {
		return err
	}
	t := time.NewTimer(s.o.Linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return nil
}

func (s *httpService) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	gatherer := s.o.Metrics
	if gatherer == nil {
		gatherer = metric.From(ctx).Gatherer()
	}
	own := map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}
	mux.Handle("GET /metrics", metric.Handler(gatherer))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own[r.URL.Path] {
			mux.ServeHTTP(w, r) // this mux must not rewrite the API's own paths
			return
		}
		s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
		if !s.serving.Load() {
			w.Header().Set("Connection", "close")
		}
		r, done := conns.Begin(r)
		defer done()
		defer s.recovered(w, r)
		if s.o.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		s.h.ServeHTTP(w, r)
	})
}

func (s *httpService) readyz(w http.ResponseWriter, r *http.Request) {
	if !s.serving.Load() {
		text(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	if s.o.Ready != nil {
		if err := s.o.Ready(r.Context()); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	text(w, http.StatusOK, "ready")
}

// recovered turns a panic that the API kit did not handle into a 500.
func (s *httpService) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	metric.From(r.Context()).Panic("http", s.name)
	log.From(r.Context()).ErrorContext(r.Context(), "request panicked", "service", s.name, "method", r.Method, "path",
		r.URL.Path,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	text(w, http.StatusInternalServerError, "internal error")
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, s+"\n") // the client has gone
}

// Report writes the number of requests in flight.
func (s *httpService) Report(w io.Writer) {
	fmt.Fprintf(w, "%s at %s\n  requests in flight: %d\n", s.name, s.l.Addr(), s.inFlight.Load())
}

// Sockets returns the listeners that systemd passed to the process, by their names (FileDescriptorName=). It removes
// them from the environment, so call it once, from main.
func Sockets() (map[string][]net.Listener, error) {
	ls, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	return ls, nil
}
