package rabbit_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/rabbit"
	"hypernova/oslo/messaging/rabbit/rabbittest"
	"hypernova/oslo/messaging/transporttest"
)

// shared is the broker of all tests. The first test that needs it starts it, which takes seconds.
var shared struct {
	sync.Mutex
	dir   string
	certs transporttest.Certificates
	s     *rabbittest.Server
	err   error
}

// TestMain stops the shared broker.
func TestMain(m *testing.M) {
	code := m.Run()
	if shared.s != nil {
		shared.s.Close()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func quiet() context.Context {
	return log.With(context.Background(), slog.New(slog.DiscardHandler))
}

func server(t testing.TB) *rabbittest.Server {
	t.Helper()
	if why := rabbittest.Missing(); why != "" {
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("starts a real broker")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.s == nil && shared.err == nil {
		shared.err = boot()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.s
}

func boot() (err error) {
	if shared.dir, err = os.MkdirTemp("", "rabbit"); err != nil {
		return err
	}
	if shared.certs, err = transporttest.Certify(shared.dir, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	c := shared.certs
	if shared.s, err = rabbittest.New(quiet(), shared.dir, &rabbittest.Certificates{CA: c.CA, Cert: c.Cert,
		Key: c.Key}); err != nil {
		return err
	}
	return shared.s.Run(quiet())
}

func broker(t testing.TB, o rabbit.Config) transporttest.Broker {
	s := server(t)
	vhost := s.Vhost()
	o.Heartbeat = 3 * time.Second // a loaded broker is slow
	open := func(url string, o rabbit.Config) messaging.Transport {
		tr, err := rabbit.Open(quiet(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	return transporttest.Broker{
		Beat:    time.Second,
		Connect: func() messaging.Transport { return open(s.At(s.Address, vhost), o) },
		Restart: func() {
			s.Kill()
			if err := s.Run(quiet()); err != nil {
				t.Fatal(err)
			}
		},
		Address:   s.Address,
		ConnectAt: func(address string) messaging.Transport { return open(s.At(address, vhost), o) },
		Secure: func() messaging.Transport {
			o := o
			o.CAFile = s.CAFile
			return open(s.At(s.TLS, vhost), o)
		},
		Intruder: func(ctx context.Context, address string) error {
			_, err := rabbit.Open(ctx, strings.Replace(s.At(address, vhost), ":s3", ":x3", 1), o)
			return err
		},
	}
}

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Broker { return broker(t, rabbit.Config{}) })
}

func BenchmarkCall(b *testing.B) { transporttest.BenchCalls(b, broker(b, rabbit.Config{})) }
