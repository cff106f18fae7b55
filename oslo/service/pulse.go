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

// PulsePath is where a process answers for its services.
const PulsePath = "/pulse"

// Pulse is what a service says of itself to whoever asks it beside the bus: a host whose heartbeats do not arrive is told apart from a
// dead one by it.
type Pulse struct {
	Host   string `json:"host"`
	Binary string `json:"binary"`
	Member bool   `json:"member"`             // its heartbeats arrive, as far as it knows
	Silent int    `json:"silent"`             // seconds since one did, by its own clock
	Error  string `json:"error,omitempty"`    // why the last one did not
	Beats  int    `json:"heartbeats"`         // that arrived
	Flight int    `json:"in_flight,omitzero"` // messages
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

// Pulses answers GET PulsePath for those of the services that are members of a group. services is asked at each request.
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
		_ = json.NewEncoder(w).Encode(all) // who hung up has lost nothing
	})
	return mux
}

// ErrHung says that something takes connections where a service should answer, but does not answer: the process is stopped, or stuck.
var ErrHung = errors.New("its process is there, but does not answer")

// AskPulse asks the process at base for one of its services. fault.NotFound: another process lives there now, or the service has ended.
// fault.Unavailable: nobody answers; the error is ErrHung where the connection was made and then nothing came.
func AskPulse(ctx context.Context, base, host, binary string, patience time.Duration) (Pulse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	connected := false
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
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
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&all); err != nil || resp.StatusCode != http.StatusOK {
		return Pulse{}, fault.NotFoundf("what answers at %s is not a service of this cloud", base).Because(errors.Join(fmt.Errorf("status %s", resp.Status), err))
	}
	for _, p := range all {
		if p.Host == host && p.Binary == binary {
			return p, nil
		}
	}
	return Pulse{}, fault.NotFoundf("the process at %s has no %s of %s", base, binary, host)
}
