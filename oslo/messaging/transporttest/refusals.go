package transporttest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// diary is a log that is read while it is written. It ends the attempts once a line was written twice: one attempt was not the last.
type diary struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	line string // that an attempt writes
	end  context.CancelFunc
}

func (d *diary) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text.Write(b)
	if strings.Count(d.text.String(), d.line) >= 2 {
		d.end()
	}
	return len(b), nil
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// insists connects with a wrong password to an address where that cannot work, and wants it to be tried again, with a line in the log
// that names the cure and no secret.
func insists(t *testing.T, br Broker, address string, kind fault.Kind, cure ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // a broker that says nothing is waited for
	defer cancel()
	d := &diary{line: "trying again", end: cancel}
	err := br.Intruder(log.With(ctx, slog.New(slog.NewTextHandler(d, nil))), address)
	if !fault.Is(err, kind) {
		t.Errorf("got %v", err)
	}
	if strings.Count(d.String(), d.line) < 2 {
		t.Errorf("it is not tried again:\n%s", d)
	}
	for _, c := range cure {
		if !strings.Contains(d.String(), c) || err != nil && !strings.Contains(err.Error(), c) {
			t.Errorf("%q is in the error %v, or in the log:\n%s", c, err, d)
		}
	}
	if strings.Contains(d.String(), "x3") || err != nil && strings.Contains(err.Error(), "x3") {
		t.Errorf("the password is shown: %v\n%s", err, d)
	}
}

func credentials(t *testing.T, br Broker) {
	if br.Intruder == nil {
		t.Skip("this transport asks for no credentials")
	}
	insists(t, br, br.Address, fault.Unauthorized, "credentials", "transport_url")
}

func unreachable(t *testing.T, br Broker) {
	if br.Intruder == nil {
		t.Skip("this transport has no network to lose")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	insists(t, br, address, fault.Unavailable, "nothing listens", "start the message broker")
}

// silentBroker is a host that takes connections, as a process that was stopped does, or a port that something else has.
func silentBroker(t *testing.T, br Broker) {
	if br.Intruder == nil {
		t.Skip("this transport has no network to lose")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	insists(t, br, l.Addr().String(), fault.Unavailable, l.Addr().String(), "alive")
}
