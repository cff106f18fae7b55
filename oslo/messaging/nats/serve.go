package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// ServeOptions configure the embedded server.
type ServeOptions struct {
	Host              string // default 127.0.0.1
	Port              int    // 0: any free port
	User, Password    string // both or neither
	Token             string // instead of user and password
	CertFile, KeyFile string // serve TLS
	CAFile            string // requires client certificates of this authority
}

// MaxPayload is the largest message of the embedded server, in bytes.
const MaxPayload = 8 << 20

const startWait = 10 * time.Second

// Serve starts a server in this process and returns its URL with credentials. stop ends the server and blocks until it
// has ended.
func Serve(ctx context.Context, o ServeOptions) (address string, stop func(), err error) {
	opts := &server.Options{Host: o.Host, Port: o.Port, NoSigs: true, MaxPayload: MaxPayload,
		Username: o.User, Password: o.Password,
		Authorization: o.Token, ServerName: "hypernova"}
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	if o.CertFile != "" {
		if opts.TLSConfig, err = serverTLS(o); err != nil {
			return "", nil, err
		}
		opts.TLSTimeout = 5
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded message broker: %w", err)
	}
	l := &logger{log: log.From(ctx), fatal: make(chan string, 1)}
	s.SetLoggerV2(l, false, false, false)
	go s.Start() // ends with Shutdown
	if !s.ReadyForConnections(startWait) {
		s.Shutdown()
		cause := "it did not become ready"
		select {
		case cause = <-l.fatal:
		default:
		}
		return "", nil, fault.Unavailablef("the embedded message broker cannot listen on %s: %s",
			net.JoinHostPort(opts.Host, strconv.Itoa(o.Port)), cause)
	}
	u := url.URL{Scheme: "nats", Host: s.Addr().String()}
	switch {
	case o.Token != "":
		u.User = url.User(o.Token)
	case o.User != "":
		u.User = url.UserPassword(o.User, o.Password)
	}
	return u.String(), func() {
		s.Shutdown()
		s.WaitForShutdown()
	}, nil
}

func serverTLS(o ServeOptions) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, fault.Invalidf("the message broker's certificate cannot be read").Because(err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fault.Invalidf("the message broker's authority cannot be read").Because(err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("%s holds no certificate", o.CAFile)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// logger passes the server's log lines on; notices become debug lines.
type logger struct {
	log   *slog.Logger
	fatal chan string // capacity 1: the first fatal line is the cause of a failed start
}

func (l *logger) Noticef(f string, a ...any) { l.log.Debug("message broker: " + fmt.Sprintf(f, a...)) }
func (l *logger) Debugf(f string, a ...any)  { l.log.Debug("message broker: " + fmt.Sprintf(f, a...)) }
func (l *logger) Tracef(f string, a ...any)  { l.log.Debug("message broker: " + fmt.Sprintf(f, a...)) }
func (l *logger) Warnf(f string, a ...any)   { l.log.Warn("message broker: " + fmt.Sprintf(f, a...)) }
func (l *logger) Errorf(f string, a ...any)  { l.log.Error("message broker: " + fmt.Sprintf(f, a...)) }
func (l *logger) Fatalf(f string, a ...any) {
	select {
	case l.fatal <- fmt.Sprintf(f, a...):
	default:
	}
}
