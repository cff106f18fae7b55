package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"hypernova/oslo/fault"
)

// PulsePath is the path of the health endpoint.
const PulsePath = "/pulse"

// Pulse is one service's state in the answer of the health endpoint. The endpoint is HTTP and does not use the message
// bus, so it tells a host that lost the bus from a dead host.
type Pulse struct {
	Host   string `json:"host"`
	Binary string `json:"binary"`
	Member bool   `json:"member"`             // its last heartbeat succeeded
	Silent int    `json:"silent"`             // seconds since the last successful heartbeat, by its own clock
	Error  string `json:"error,omitempty"`    // error of the last heartbeat
	Beats  int    `json:"heartbeats"`         // number of successful heartbeats
	Flight int    `json:"in_flight,omitzero"` // messages being handled
}

func (s *manager) pulse() Pulse {
	p := Pulse{Host: s.m.Host, Binary: s.m.Binary}
	if srv := s.server.Load(); srv != nil {
		p.Flight = srv.InFlight()
	}
	m := &s.member
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Beats, p.Member = m.beats, m.lost == nil && m.beats > 0
	if !m.joined.IsZero() {
		p.Silent = int(time.Since(m.joined).Seconds())
	}
	if m.lost != nil {
		p.Error = m.lost.Error()
	}
	return p
}

// Pulses serves GET PulsePath: a JSON list of the services that are members of a group. It calls services at each
// request.
func Pulses(services func() []Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PulsePath, func(w http.ResponseWriter, _ *http.Request) {
		all := []Pulse{}
		for _, s := range services() {
			for {
				outer, ok := s.(Wrapper)
				if !ok {
					break
				}
				s = outer.Inner()
			}
			if m, ok := s.(*manager); ok && m.group != nil {
				all = append(all, m.pulse())
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(all) // the client has gone; there is nobody to report to
	})
	return mux
}

// ErrHung means that a connection was accepted but no answer came: the process is stopped or stuck.
var ErrHung = errors.New("its process is there, but does not answer")

// AskPulse asks the health endpoint at base for one service and waits for at most patience. fault.NotFound: the
// endpoint does not know the service. fault.Unavailable: no answer; the error wraps ErrHung if the connection was
// accepted.
func AskPulse(ctx context.Context, base, host, binary string, patience time.Duration) (Pulse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	connected := false
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			connected = err == nil
			return c, err
		}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+PulsePath, nil)
	if err != nil {
		return Pulse{}, fault.Invalidf("the address %q of %s on %s is no URL", base, binary, host).Because(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		if connected && ctx.Err() != nil {
			err = ErrHung
		}
		return Pulse{}, fault.Unavailablef("%s on %s does not answer at %s", binary, host, base).Because(err)
	}
	defer resp.Body.Close()
	var all []Pulse
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&all); err != nil ||
		resp.StatusCode != http.StatusOK {
		return Pulse{}, fault.NotFoundf("what answers at %s is not a service of this cloud",
			base).Because(errors.Join(fmt.Errorf("status %s", resp.Status), err))
	}
	for _, p := range all {
		if p.Host == host && p.Binary == binary {
			return p, nil
		}
	}
	return Pulse{}, fault.NotFoundf("the process at %s has no %s of %s", base, binary, host)
}
