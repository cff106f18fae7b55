package nats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/transporttest"
)

func quiet() context.Context {
	return log.With(context.Background(), slog.New(slog.DiscardHandler))
}

func broker(t testing.TB) transporttest.Broker {
	t.Helper()
	address, stop, err := nats.Serve(quiet(), nats.ServeOptions{User: "nova", Password: "s3 cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop() })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	at := func(host, password string) string {
		return (&url.URL{Scheme: "nats", Host: host, User: url.UserPassword("nova", password)}).String()
	}
	open := func(address string, c nats.Config) messaging.Transport {
		tr, err := nats.Open(quiet(), address, c)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	secure := sync.OnceValues(func() (string, nats.Config) { // a second server, with TLS
		c, err := transporttest.Certify(t.TempDir(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		address, stop, err := nats.Serve(quiet(), nats.ServeOptions{Token: "tok", CertFile: c.Cert, KeyFile: c.Key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return address, nats.Config{CAFile: c.CA}
	})
	return transporttest.Broker{
		Connect: func() messaging.Transport { return open(address, nats.Config{}) },
		Restart: func() {
			stop()
			port, _ := strconv.Atoi(u.Port())
			if _, stop, err = nats.Serve(quiet(), nats.ServeOptions{Port: port, User: "nova", Password: "s3 cret"}); err != nil {
				t.Fatal(err)
			}
		},
		Address:   u.Host,
		ConnectAt: func(host string) messaging.Transport { return open(at(host, "s3 cret"), nats.Config{}) },
		Secure:    func() messaging.Transport { return open(secure()) },
		Intruder: func(ctx context.Context, host string) error {
			_, err := nats.Open(ctx, at(host, "x3 cret"), nats.Config{})
			return err
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(t *testing.T) transporttest.Broker { return broker(t) })
}

func BenchmarkCall(b *testing.B) { transporttest.BenchCalls(b, broker(b)) }

func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		serve  nats.ServeOptions
		client func(u *url.URL)
		ok     bool
	}{
		{"right password", nats.ServeOptions{User: "u", Password: "p"}, func(*url.URL) {}, true},
		{"wrong password", nats.ServeOptions{User: "u", Password: "p"},
			func(u *url.URL) { u.User = url.UserPassword("u", "x") }, false},
		{"no password", nats.ServeOptions{User: "u", Password: "p"}, func(u *url.URL) { u.User = nil }, false},
		{"right token", nats.ServeOptions{Token: "tok"}, func(*url.URL) {}, true},
		{"wrong token", nats.ServeOptions{Token: "tok"}, func(u *url.URL) { u.User = url.User("other") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address, stop, err := nats.Serve(quiet(), c.serve)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			u, _ := url.Parse(address)
			c.client(u)
			ctx, cancel := quiet(), func() {}
			if !c.ok {
				ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
			}
			defer cancel()
			b, err := messaging.Open(ctx, u.String(), nats.Scheme)
			if c.ok {
				if err != nil {
					t.Fatal(err)
				}
				b.Close(t.Context())
			} else if !fault.Is(err, fault.Unauthorized) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A connection with credentials that do not exist yet is retried until they do.
func TestCredentialsCreatedLater(t *testing.T) {
	t.Parallel()
	address, stop, err := nats.Serve(quiet(), nats.ServeOptions{User: "u", Password: "old"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("u", "new")
	ctx, out := heard(t)
	refused := sync.OnceFunc(func() {
		stop()
		if _, stop, err = nats.Serve(quiet(), nats.ServeOptions{Port: port, User: "u", Password: "new"}); err != nil {
			t.Error(err)
		}
	})
	out.each = func(line string) {
		if strings.Contains(line, "refuses the credentials") {
			refused()
		}
	}
	b, err := messaging.Open(ctx, u.String(), nats.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	b.Close(t.Context())
	stop()
}

func TestUnreachableBrokerEndsWithTheContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "nats://" + l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(quiet(), 200*time.Millisecond)
	defer cancel()
	if _, err := messaging.Open(ctx, address, nats.Scheme); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestPortInUseIsReported(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _, err = nats.Serve(quiet(), nats.ServeOptions{Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	address, stop, err := nats.Serve(quiet(), nats.ServeOptions{Token: "tok", CertFile: cert, KeyFile: key, CAFile: cert})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	b, err := messaging.Open(quiet(), address, nats.With(nats.Config{CAFile: cert, CertFile: cert, KeyFile: key}))
	if err != nil {
		t.Fatal(err)
	}
	b.Close(t.Context())
	ctx, cancel := context.WithTimeout(quiet(), time.Second)
	defer cancel()
	if _, err := messaging.Open(ctx, address, nats.With(nats.Config{CAFile: cert})); err == nil {
		t.Error("a client without a certificate was let in")
	}
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bus"},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{cert, "CERTIFICATE", der}, {key, "EC PRIVATE KEY", kder}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
