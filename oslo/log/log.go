// Package log sets up slog with text or JSON output, a level, and the request id on each line. The context carries the
// logger.
package log

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// Keys that have the same meaning on every line.
const (
	Request = "request"
	Server  = "server"
	Host    = "host"
	Step    = "step"
	Kind    = "kind"
	Took    = "took"
	Err     = "error"
)

// Config is the format and level of the log.
type Config struct {
	Format string // "text" (default) or "json"
	Level  string // "debug", "info" (default), "warn", "error"
}

// New makes a logger that writes to w. The returned variable changes the level while the program runs. New returns
// fault.Invalid for an unknown format or level.
func New(w io.Writer, c Config) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if c.Level != "" {
		if err := SetLevel(level, c.Level); err != nil {
			return nil, nil, err
		}
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch strings.ToLower(c.Format) {
	case "", "text":
		h = slog.NewTextHandler(w, o)
	case "json":
		h = slog.NewJSONHandler(w, o)
	default:
		return nil, nil, fault.Invalidf("log format %q is not known; there are: text, json", c.Format)
	}
	return slog.New(Handler(h)), level, nil
}

// SetLevel sets v to the level with this name. It returns fault.Invalid for an unknown name.
func SetLevel(v *slog.LevelVar, name string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return fault.Invalidf("log level %q is not known; there are: debug, info, warn, error", name)
	}
	v.Set(l)
	return nil
}

type handler struct{ slog.Handler }

// Handler returns a handler that adds the request id of the context to each record and passes it to h.
func Handler(h slog.Handler) slog.Handler { return handler{h} }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	id := auth.RequestID(ctx)
	if id == "" {
		return h.Handler.Handle(ctx, r)
	}
	named := false
	r.Attrs(func(a slog.Attr) bool { named = a.Key == Request; return !named })
	if !named {
		r = r.Clone()
		r.AddAttrs(slog.String(Request, id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(as []slog.Attr) slog.Handler { return handler{h.Handler.WithAttrs(as)} }
func (h handler) WithGroup(name string) slog.Handler    { return handler{h.Handler.WithGroup(name)} }

type key struct{}

// With returns a context that carries the logger.
func With(ctx context.Context, l *slog.Logger) context.Context {
	return context.WithValue(ctx, key{}, l)
}

// From returns the logger in ctx, or slog's default if there is none.
func From(ctx context.Context) *slog.Logger {
	if l, ok := ctx.Value(key{}).(*slog.Logger); ok {
		return l
	}
	return slog.Default()
}
