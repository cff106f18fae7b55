package nats_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
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

// lines is a log that tests can read while it is written.
type lines struct {
	mu   sync.Mutex
	b    bytes.Buffer
	each func(line string) // called with each line before the writer continues; may be nil
}

func (l *lines) Write(b []byte) (int, error) {
	if l.each != nil {
		l.each(string(b))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func heard(t *testing.T) (context.Context, *lines) {
	out := new(lines)
	return log.With(t.Context(), slog.New(slog.NewTextHandler(out, nil))), out
}

// A connection with a bad certificate is retried, with the remedy in the log.
func TestBadCertificatesAreRetried(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certify := func(name string, until time.Time) transporttest.Certificates {
		at := filepath.Join(dir, name)
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		c, err := transporttest.Certify(at, until)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	good, bad := certify("good", time.Now().Add(time.Hour)), certify("bad", time.Now().Add(-time.Hour))
	for _, c := range []struct {
		name   string
		serve  nats.ServeOptions
		client nats.Config
		want   string
	}{
		{"expired", nats.ServeOptions{CertFile: bad.Cert, KeyFile: bad.Key}, nats.Config{CAFile: bad.CA}, "renew it"},
		{"of another authority", nats.ServeOptions{CertFile: good.Cert, KeyFile: good.Key}, nats.Config{CAFile: bad.CA},
			"set [nats] ssl_ca_file"},
		{"the client's has expired", nats.ServeOptions{CertFile: good.Cert, KeyFile: good.Key, CAFile: bad.CA},
			nats.Config{CAFile: good.CA, CertFile: bad.Cert, KeyFile: bad.Key}, "see [nats] ssl_cert_file"},
		{"no TLS there", nats.ServeOptions{}, nats.Config{CAFile: good.CA}, "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.serve.Token = "secret-token"
			address, stop, err := nats.Serve(quiet(), c.serve)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			ctx, out := heard(t)
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			n := 0
			out.each = func(line string) {
				if strings.Contains(line, "not reachable") {
					if n++; n == 2 {
						cancel()
					}
				}
			}
			_, err = messaging.Open(ctx, address, nats.With(c.client))
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if n < 2 || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "secret-token") {
				t.Errorf("%d lines:\n%s", n, out)
			}
		})
	}
}

// Settings that can never work are an error at once.
func TestBadSettingsFailAtOnce(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url  string
		c    nats.Config
		want string
	}{
		"no port":           {"nats://u:secret@h:port", nats.Config{}, "transport_url"},
		"no host":           {"nats://u:secret@/", nats.Config{}, "transport_url"},
		"the second host":   {"nats://u:secret@h:1,http://u:secret@h2:2", nats.Config{}, "transport_url"},
		"no such authority": {"nats://u:secret@h:1", nats.Config{CAFile: "/nowhere"}, "[nats] ssl_ca_file"},
		"no authority":      {"nats://u:secret@h:1", nats.Config{CAFile: empty}, "[nats] ssl_ca_file"},
		"no certificate":    {"nats://u:secret@h:1", nats.Config{CertFile: empty, KeyFile: empty}, "[nats] ssl_cert_file"},
	} {
		_, err := messaging.Open(t.Context(), c.url, nats.With(c.c))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
