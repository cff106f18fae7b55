package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"

	"hypernova/oslo/fault"
)

// pooled is a connection that reads as the configured user.
type pooled struct {
	*ldap.Conn
	at time.Time
}

// away is what clients learn of a directory that cannot be read; the log learns why, and what to do.
func (d *Directory) away(err error) error {
	return fault.Unavailablef("The directory of the domain cannot be asked at the moment.").
		Because(fmt.Errorf("%s: %w: see that this host reaches it, that [ldap] user and password are right, and that tls_cacertfile has the certificate of who signed its own", d.c.URL, err))
}

// dial opens a connection to the first server that answers, bound to nobody.
func (d *Directory) dial(ctx context.Context) (*ldap.Conn, error) {
	var errs []error
	for _, u := range d.urls {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := d.dialOne(u)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (d *Directory) dialOne(u string) (*ldap.Conn, error) {
	c, err := ldap.DialURL(u, ldap.DialWithDialer(&net.Dialer{Timeout: d.c.Timeout}), ldap.DialWithTLSConfig(d.tlsFor(u)))
	if err != nil {
		return nil, err
	}
	c.SetTimeout(d.c.Timeout)
	if d.c.StartTLS {
		if err := c.StartTLS(d.tlsFor(u)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func (d *Directory) tlsFor(u string) *tls.Config {
	c := d.tls.Clone()
	if parsed, err := url.Parse(u); err == nil {
		c.ServerName = parsed.Hostname()
	}
	return c
}

// do runs f on a connection of the pool. A connection that has died of old age is replaced once.
func (d *Directory) do(ctx context.Context, f func(*ldap.Conn) error) error {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return d.away(ctx.Err())
	case <-time.After(d.c.Timeout):
		return d.away(errors.New("all connections of [ldap] pool_size are busy"))
	}
	defer func() { <-d.slots }()
	for {
		c, old, err := d.take(ctx)
		if err != nil {
			return d.away(err)
		}
		err = f(c.Conn)
		if broken(err) {
			c.Close()
			if old {
				continue
			}
			return d.away(err)
		}
		d.put(c)
		return err
	}
}

func broken(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable,
		ldap.LDAPResultServerDown,
		ldap.LDAPResultTimeout, ldap.LDAPResultConnectError) || errors.Is(err, ldap.ErrConnUnbound)
}

// take is a connection that was used before, or a new one.
func (d *Directory) take(ctx context.Context) (c pooled, old bool, err error) {
	d.mu.Lock()
	for n := len(d.idle); n > 0; n = len(d.idle) {
		c = d.idle[n-1]
		d.idle = d.idle[:n-1]
		if !c.IsClosing() && time.Since(c.at) < d.c.Lifetime {
			d.mu.Unlock()
			return c, true, nil
		}
		c.Close()
	}
	d.mu.Unlock()
	conn, err := d.dial(ctx)
	if err != nil {
		return c, false, err
	}
	if d.c.User != "" {
		if err := conn.Bind(d.c.User, d.c.Password); err != nil {
			return c, false, errors.Join(fmt.Errorf("bind as [ldap] user: %w", err), conn.Close())
		}
	}
	return pooled{conn, time.Now()}, false, nil
}

func (d *Directory) put(c pooled) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		c.Close()
		return
	}
	d.idle = append(d.idle, c)
}

// Close is directory.Source.
func (d *Directory) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, c := range d.idle {
		c.Close()
	}
	d.idle = nil
}

// bind proves a DN by password on a connection of its own, which ends with the proof.
func (d *Directory) bind(ctx context.Context, dn, password string) error {
	c, err := d.dial(ctx)
	if err != nil {
		return d.away(err)
	}
	err = c.Bind(dn, password)
	closing := c.Close()
	switch {
	case broken(err):
		return d.away(err)
	case err != nil:
		return fault.New(fault.Unauthorized, "The directory does not take the password.").Because(errors.Join(err, closing))
	}
	return nil
}
