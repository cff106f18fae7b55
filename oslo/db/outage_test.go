package db_test

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/db/postgres"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// wire is a TCP connection to a PostgreSQL server that can be cut, frozen and restored.
type wire struct {
	t      *testing.T
	socket string
	name   string
	l      net.Listener

	mu     sync.Mutex
	conns  map[net.Conn]bool
	frozen bool
}

func newWire(t *testing.T) *wire {
	t.Helper()
	u, err := url.Parse(dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, socket: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"), name: strings.TrimPrefix(u.Path, "/"),
		conns: map[net.Conn]bool{}}
	w.listen("127.0.0.1:0")
	t.Cleanup(func() {
		_ = w.l.Close() // it may be closed already
		w.cut()
	})
	return w
}

func (w *wire) listen(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.l = l
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", w.socket)
			if err != nil {
				_ = c.Close()
				continue
			}
			w.mu.Lock()
			w.conns[c], w.conns[server] = true, true
			w.mu.Unlock()
			go w.pump(c, server)
			go w.pump(server, c)
		}
	}()
}

// pump carries bytes one way; while frozen it swallows them, as a network does that forgot a connection.
func (w *wire) pump(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		frozen := w.frozen
		w.mu.Unlock()
		if n > 0 && !frozen {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = from.Close()
	_ = to.Close()
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

func (w *wire) freeze(on bool) {
	w.mu.Lock()
	w.frozen = on
	w.mu.Unlock()
}

func (w *wire) url(user, name string) string {
	return fmt.Sprintf("postgresql://%s:secret@%s/%s?sslmode=disable", user, w.l.Addr(), name)
}

func (w *wire) open(ctx context.Context, silence time.Duration) *db.DB {
	w.t.Helper()
	d, err := db.Open(ctx, w.url("postgres", w.name), postgres.Dialect(postgres.Silence(silence)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.Close() })
	if err := d.Migrate(ctx, "pets", oldSchema); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func logged(t *testing.T) (context.Context, *lines) {
	var out lines
	return log.With(t.Context(), slog.New(slog.NewTextHandler(&out, nil))), &out
}

func TestConnectionsThatAreCutLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	ctx, out := logged(t)
	d := w.open(ctx, 30*time.Second)
	const writers, each = 4, 60
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				if i == 0 && j%15 == 7 {
					w.cut()
				}
				for {
					_, err := oldPut.Absent(ctx, d, oldPet{fmt.Sprintf("%d-%d", i, j), "x"})
					if err == nil {
						break
					}
					if !fault.Is(err, fault.Unavailable) {
						t.Errorf("an error of another kind: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	all, err := oldAll.All(ctx, d)
	if err != nil || len(all) != writers*each {
		t.Errorf("%d rows, %v", len(all), err)
	}
	if lost, back := strings.Count(out.String(), "msg=\"database unavailable\""),
		strings.Count(out.String(), "available again"); lost != back {
		t.Errorf("lost %d times, back %d times:\n%s", lost, back, out)
	}
}

// A connection that ends between two statements of a transaction is told of like one that ends within a statement.
func TestConnectionsThatAreCutWithinATransaction(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	d := w.open(t.Context(), 30*time.Second)
	for i := range 40 {
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := oldAll.All(t.Context(), tx); err != nil {
				return err
			}
			w.cut()
			_, err := oldPut.Absent(t.Context(), tx, oldPet{fmt.Sprint(i), "x"})
			if err == nil {
				return fmt.Errorf("statement %d reached a server that is gone", i)
			}
			if _, again := oldAll.All(t.Context(), tx); fault.KindOf(again) != fault.Unavailable {
				t.Errorf("round %d: the next statement: an error of another kind: %v", i, again)
			}
			return err
		})
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("round %d: an error of another kind: %v", i, err)
		}
	}
}

func TestServerThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	ctx, out := logged(t)
	d := w.open(ctx, 300*time.Millisecond)
	if err := oldPut.Do(ctx, d, oldPet{"a", "Ada"}); err != nil {
		t.Fatal(err)
	}
	w.freeze(true)
	for range 3 {
		if err := oldPut.Do(ctx, d, oldPet{"b", "Bo"}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	}
	w.freeze(false)
	w.cut() // what the network forgot it does not remember
	for {
		_, err := oldPut.Absent(ctx, d, oldPet{"b", "Bo"})
		if err == nil {
			break
		}
		if !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	if all, err := oldAll.All(ctx, d); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v", all, err)
	}
	for want, n := range map[string]int{"level=ERROR": 1, "cure=": 1, "available again": 1, "secret": 0} {
		if got := strings.Count(out.String(), want); got != n {
			t.Errorf("%q is there %d times, want %d:\n%s", want, got, n, out)
		}
	}
}

func TestServiceThatStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	ctx, out := logged(t)
	address := w.l.Addr().String()
	if err := w.l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := db.OpenWaiting(ctx, w.url("postgres", w.name), db.Patience{Tries: 2, Pause: time.Millisecond},
		postgres.Dialect())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Message(err),
		"nobody listens at its address. To cure it, start PostgreSQL") {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(out.String(), "retrying: database unavailable"); n != 1 || !strings.Contains(out.String(),
		`cure="start PostgreSQL`) || strings.Contains(out.String(), "secret") {
		t.Errorf("%d lines:\n%s", n, out)
	}
	out.first = func() { w.listen(address) } // the database comes up once somebody complained
	d, err := db.OpenWaiting(ctx, w.url("postgres", w.name), db.Patience{Tries: -1, Pause: time.Millisecond},
		postgres.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, x := range []struct{ user, name, want string }{
		{"nobody", w.name, "correct user and password in [database] connection"},
		{"postgres", "nowhere", "create the database"},
	} {
		// Somebody at a terminal is told at once.
		ctx, out := logged(t)
		_, err := db.OpenWaiting(ctx, w.url(x.user, x.name), db.Patience{Tries: -1, Pause: time.Hour}, postgres.Dialect())
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Message(err), x.want) ||
			strings.Contains(err.Error(), "secret") || out.String() != "" {
			t.Errorf("got %v, want %s; log %s", err, x.want, out)
		}
		// A service waits for the cure, which the log names.
		ctx, out = logged(t)
		_, err = db.OpenWaiting(ctx, w.url(x.user, x.name), db.Patience{Tries: 3, Pause: time.Millisecond, Refused: true},
			postgres.Dialect())
		if n := strings.Count(out.String(), "retrying: database unavailable"); !fault.Is(err, fault.Unavailable) || n != 2 ||
			strings.Count(out.String(), x.want) != 2 || strings.Contains(out.String(), "secret") {
			t.Errorf("got %v; log %s", err, out)
		}
	}
	// Nonsense is nobody's to wait for.
	ctx, out := logged(t)
	_, err := db.OpenWaiting(ctx, "postgresql://u:secret@h:port/x", db.Patience{Tries: -1, Refused: true},
		postgres.Dialect())
	if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") || out.String() != "" {
		t.Errorf("got %v; log %s", err, out)
	}
}

func TestADatabaseThatIsMadeWhileAServiceWaits(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	admin, err := db.Open(t.Context(), w.url("postgres", w.name), postgres.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Close(); err != nil {
		t.Fatal(err)
	}
	late := w.name + "_late"
	ctx, out := logged(t)
	out.first = func() {
		for _, want := range []bool{true, false} {
			if made, err := db.Create(t.Context(), w.url("postgres", late), postgres.Dialect()); err != nil || made != want {
				t.Errorf("made %t, %v", made, err)
			}
		}
	}
	d, err := db.OpenWaiting(ctx, w.url("postgres", late), db.Patience{Tries: -1, Pause: time.Millisecond, Refused: true},
		postgres.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// A server that takes connections and says nothing is given up, with a line, and asked again.
func TestAServerThatTakesConnectionsAndSaysNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, out := logged(t)
	_, err = db.OpenWaiting(ctx, "postgresql://u:secret@"+l.Addr().String()+"/x?sslmode=disable&connect_timeout=1",
		db.Patience{Tries: 2, Pause: time.Millisecond}, postgres.Dialect())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "see whether PostgreSQL is alive") ||
		strings.Count(out.String(), "retrying: database unavailable") != 1 {
		t.Errorf("got %v; log %s", err, out)
	}
}

func TestEachTroubleHasItsCure(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		err  error
		want string
		c    db.Class
	}{
		{"expired certificate", fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired}), "renew it",
			db.ClassRefused},
		{"unknown authority", x509.UnknownAuthorityError{}, "sslrootcert", db.ClassRefused},
		{"name", &net.DNSError{Name: "db9"}, "db9", db.ClassUnavailable},
		{"end", io.ErrUnexpectedEOF, "reachable", db.ClassUnavailable},
		{"end within a transaction", fmt.Errorf("query: %w", driver.ErrBadConn), "reachable", db.ClassUnavailable},
	} {
		why, cure := postgres.Dialect().Explain(x.err)
		if c := postgres.Dialect().Classify(x.err); !strings.Contains(why+cure, x.want) || c != x.c {
			t.Errorf("%s: %s, %s, class %d", x.name, why, cure, c)
		}
	}
}
