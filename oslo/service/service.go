// Package service: launcher, manager services, periodic tasks, service group. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package service

import (
	"context"
	"net"
	"net/http"
	"time"

	"hypernova/oslo/messaging"
)

// Service is one thing a launcher runs. Run blocks until ctx ends and its work is drained; it calls ready once it serves.
type Service interface {
	Name() string
	Run(ctx context.Context, ready func()) error
}

// Launch starts the services in order, each after the one before is ready, waits for ctx (or a failure), and stops them in reverse order,
// each within grace.
func Launch(ctx context.Context, grace time.Duration, ss ...Service) error { panic("x") }

// Manager is what a role supplies to the manager-service; every hook may be nil.
type Manager struct {
	Binary                                     string // "nova-compute"
	Host                                       string
	Topic                                      *messaging.API
	Level                                      int
	CheckConfig, InitHost, PreStart, PostStart func(ctx context.Context) error
	Register                                   func(s *messaging.Server) // handlers
	Periodic                                   []Periodic
}

// Periodic is a periodic task.
type Periodic struct {
	Name           string
	Spacing        time.Duration // 0: disabled
	RunImmediately bool
	Fn             func(ctx context.Context) error
}

// New makes the service of a manager. group may be nil (no membership).
func New(m Manager, bus *messaging.Bus, group Group, o Options) Service { panic("x") }

type Options struct{ ReportInterval, DownTime, Grace time.Duration }

// Group is the service record store and membership: nova and neutron each implement it on their own database.
type Group interface {
	// Join finds or creates the record (host, binary, topic, level) and returns its id.
	Join(ctx context.Context, m Member) (string, error)
	// Beat says the member is alive. Leave says it stopped on purpose.
	Beat(ctx context.Context, id string) error
	Leave(ctx context.Context, id string) error
}
type Member struct {
	Host, Binary, Topic string
	Level               int
}

// HTTP is an API service: listener, graceful shutdown, request timeout, /healthz, /readyz, /metrics beside h.
func HTTP(name string, l net.Listener, h http.Handler, o HTTPOptions) Service { panic("x") }

type HTTPOptions struct{ Timeout time.Duration }

// Func makes a Service of a function.
func Func(name string, run func(ctx context.Context, ready func()) error) Service { panic("x") }
