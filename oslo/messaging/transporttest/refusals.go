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

// diary is a log that the test reads while it is written. It ends the attempts when a line was written twice, which
// shows that the connection is retried.
type diary struct {
	mu   sync.Mutex // guards the fields below
	text bytes.Buffer
	line string // the line that each attempt logs
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

// checkRetried connects with a wrong password. It expects retries, each with a log line that names the remedy and no
// secret.
func checkRetried(t *testing.T, br Broker, address string, kind fault.Kind, cure ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // a broker that does not answer takes a timeout
	defer cancel()
	d := &diary{line: "not reachable", end: cancel}
	err := br.Intruder(log.With(ctx, slog.New(slog.NewTextHandler(d, nil))), address)
	if !fault.Is(err, kind) {
		t.Errorf("got %v", err)
	}
	if strings.Count(d.String(), d.line) < 2 {
		t.Errorf("there was no retry:\n%s", d)
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
	checkRetried(t, br, br.Address, fault.Unauthorized, "credentials", "transport_url")
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
	checkRetried(t, br, address, fault.Unavailable, "nothing listens", "start the message broker")
}

// silentBroker connects to a host that accepts connections and does not answer, and to a port of another program.
func silentBroker(t *testing.T, br Broker) {
	if br.Intruder == nil {
		t.Skip("this transport has no network to lose")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	checkRetried(t, br, l.Addr().String(), fault.Unavailable, l.Addr().String(), "alive")
}
