package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// dial connects so that a server which is gone is noticed: the kernel asks an idle peer for a sign of life, and one
// that says nothing for as long as silence while it is read from is given up. 0 waits.
func dial(silence time.Duration) pgconn.DialFunc {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second,
		Count: 3}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil || silence == 0 {
			return c, err
		}
		return &watched{Conn: c, silence: silence}, nil
	}
}

// watched gives each read a deadline, unless the driver has set one of its own.
type watched struct {
	net.Conn
	silence time.Duration
	own     atomic.Bool
}

func (w *watched) Read(b []byte) (int, error) {
	if !w.own.Load() {
		if err := w.Conn.SetReadDeadline(time.Now().Add(w.silence)); err != nil {
			return 0, err
		}
		if w.own.Load() { // the driver was faster, and wants the read to end
			if err := w.Conn.SetReadDeadline(time.Now()); err != nil {
				return 0, err
			}
		}
	}
	return w.Conn.Read(b)
}

// SetDeadline is how the driver ends a statement whose context has ended.
func (w *watched) SetDeadline(t time.Time) error {
	w.own.Store(!t.IsZero())
	return w.Conn.SetDeadline(t)
}

// gone tells the end of a connection that the driver reports as it is. Within a transaction nobody repeats a statement
// on another connection, so the driver's sign to do so comes through.
func gone(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// untrusted tells a certificate that is not accepted.
func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &invalid) || errors.As(err, &unknown) || errors.As(err, &name)
}

// Explain is the server's own sentence, or what became of the connection.
func (dialect) Explain(err error) (why, cure string) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message, cureOf(pg.Code)
	}
	var lookup *net.DNSError
	var network net.Error
	switch {
	case untrusted(err):
		return "its certificate is not accepted",
			"renew it, or name the authority that signed it with sslrootcert in [database] connection"
	case errors.As(err, &lookup):
		return "the name " + lookup.Name + " is not known", "correct the host in [database] connection, or the name service"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at its address", "start PostgreSQL, or correct host and port in [database] connection"
	case errors.As(err, &network) && network.Timeout():
		return "the server does not answer in time", "see whether PostgreSQL is alive and reachable from this host"
	}
	return "the server does not answer",
		"see whether PostgreSQL is alive and reachable from this host, and that [database] connection names it"
}

// cureOf reads SQLSTATE.
func cureOf(code string) string {
	switch code {
	case "3D000":
		return "create the database (\"hypernova db sync\" or createdb does it), or correct its name in [database] connection"
	case "28P01", "28000":
		return "correct user and password in [database] connection, or create the role (createuser) and allow it in pg_hba.conf"
	case "53300":
		return "raise max_connections of PostgreSQL, or run fewer services on it"
	case "53100":
		return "make room on the server's disk"
	case "57P03", "57P01", "57P02":
		return "wait until PostgreSQL has started"
	case "25006":
		return "connect to the primary: this server only reads"
	}
	return "see the log of PostgreSQL"
}
