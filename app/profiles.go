package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"hypernova/oslo/fault"
	"hypernova/oslo/private"
	"hypernova/oslo/service"
)

// checkProfiles rejects an address that other hosts reach, unless an option allows it.
func (c *Config) checkProfiles() error {
	d := &c.Default
	if d.Pprof == "" {
		return nil
	}
	if err := service.CheckProfiles(d.Pprof, d.PprofAnywhere); err != nil {
		return fault.Invalidf("[DEFAULT] pprof_listen: %s; profiles are served to anyone who reaches the address, so "+
			"others need pprof_any_address = true", fault.Message(err)).Because(err)
	}
	return nil
}

// profiles opens the listener for profiles, if the configuration wants one.
func (p *Process) profiles(ctx context.Context) error {
	address := p.c.Default.Pprof
	if address == "" {
		return nil
	}
	var l net.Listener
	var err error
	if address == service.ProfilesUnix {
		l, err = p.profileSocket()
	} else {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	if err != nil {
		return fmt.Errorf("[DEFAULT] pprof_listen: %w", err)
	}
	p.closers = append(p.closers, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	p.services = append(p.services, service.Profiles(l))
	return nil
}

// profileSocket makes the socket pprof/PID.sock in the state folder. The folder is this user's only.
func (p *Process) profileSocket() (net.Listener, error) {
	dir := filepath.Join(p.c.Default.StatePath, "pprof")
	if err := private.Dir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.sock", os.Getpid()))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	return private.Socket(path)
}
