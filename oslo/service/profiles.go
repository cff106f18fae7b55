package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// CheckProfiles checks where profiles shall be served: "unix" or "host:port". Profiles are not authenticated and a
// request for one costs CPU time, so an address that other hosts reach is Invalid unless anywhere is set.
func CheckProfiles(address string, anywhere bool) error {
	if address == ProfilesUnix {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fault.Invalidf("%q is neither \"unix\" nor an address with a port, such as 127.0.0.1:6060", address)
	}
	if ip := net.ParseIP(host); !anywhere && (ip == nil || !ip.IsLoopback()) {
		return fault.Invalidf("%q is no loopback address (127.0.0.1:6060, [::1]:6060)", address)
	}
	return nil
}

// ProfilesUnix is the address of a Unix socket that only this process's user and root can use.
const ProfilesUnix = "unix"

// Profiles is a Service that serves the profiles of the Go runtime at /debug/pprof/ on l, which it owns.
func Profiles(l net.Listener) Service {
	return Func("pprof", func(ctx context.Context, ready func()) error {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		s := &http.Server{Handler: mux, ReadHeaderTimeout: 15 * time.Second,
			BaseContext: func(net.Listener) context.Context { return ctx }}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		log.From(ctx).Warn("profiles are served; they show the program's memory and cost CPU time", "address",
			l.Addr().String())
		ready()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		err := s.Close() // a profile that is being taken is cut off
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	})
}
