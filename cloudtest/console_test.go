package cloudtest_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
	"hypernova/nova/consoles/rfbtest"
)

// consoleWorld is a cloud with an active server of the demo project.
type consoleWorld struct {
	t  *testing.T
	c  *cloudtest.Cloud
	id string
}

func newConsoleWorld(t *testing.T, opts ...cloudtest.Option) *consoleWorld {
	t.Helper()
	w := &consoleWorld{t: t, c: cloudtest.New(t, opts...)}
	status, doc := w.c.Do("demo", "POST", "compute", "/servers", `{"server":{"name":"s","flavorRef":"`+
		w.c.Var("flavor")+`","imageRef":"`+w.c.Var("image")+`","networks":[{"uuid":"`+w.c.Var("network")+`"}]}}`)
	if status != http.StatusAccepted {
		t.Fatalf("create: %d %v", status, doc)
	}
	w.id = doc["server"].(map[string]any)["id"].(string)
	w.until("ACTIVE")
	return w
}

func (w *consoleWorld) until(want string) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, doc := w.c.Do("demo", "GET", "compute", "/servers/"+w.id, nil)
		s, _ := doc["server"].(map[string]any)
		if s["status"] == want || status == http.StatusNotFound && want == "" {
			return
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatalf("server %s is not %q: %v", w.id, want, doc)
		case <-tick.C:
		}
	}
}

// ask asks for a console as a user.
func (w *consoleWorld) ask(user, protocol, kind string) (int, map[string]any) {
	w.t.Helper()
	return w.request(user, "POST", "/servers/"+w.id+"/remote-consoles",
		`{"remote_console":{"protocol":"`+protocol+`","type":"`+kind+`"}}`)
}

func (w *consoleWorld) request(user, method, path, body string) (int, map[string]any) {
	w.t.Helper()
	a, err := w.c.Request(w.t.Context(), user, scenario.Request{Method: method, Service: "compute", Path: path, Body: body,
		Header: http.Header{"OpenStack-API-Version": {"compute 2.104"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(a.Body, &doc); err != nil {
		w.t.Fatalf("%d %q: %v", a.Status, a.Body, err)
	}
	return a.Status, doc
}

// open asks for a console of the server and returns the URL of its websocket.
func (w *consoleWorld) open(protocol, kind string) string {
	w.t.Helper()
	status, doc := w.ask("demo", protocol, kind)
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %v", kind, status, doc)
	}
	u, err := url.Parse(doc["remote_console"].(map[string]any)["url"].(string))
	if err != nil {
		w.t.Fatal(err)
	}
	if kind == "novnc" { // what noVNC makes of it
		u.Scheme, u.Path, u.RawQuery = "ws", "/", strings.TrimPrefix(u.Query().Get("path"), "?")
	}
	return u.String()
}

// dial connects to a websocket; the status is of a refusal.
func (w *consoleWorld) dial(address string) (io.ReadWriteCloser, int) {
	w.t.Helper()
	c, r, err := websocket.Dial(w.t.Context(), address, &websocket.DialOptions{Subprotocols: []string{"binary"}})
	if err != nil {
		if r == nil {
			w.t.Fatal(err)
		}
		return nil, r.StatusCode
	}
	w.t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	return websocket.NetConn(w.t.Context(), c, websocket.MessageBinary), r.StatusCode
}

func TestAScreenIsSeenAndTypedOnThroughTheProxy(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	address := w.open("vnc", "novnc")
	conn, status := w.dial(address)
	if conn == nil {
		t.Fatalf("status %d", status)
	}
	screen, err := rfbtest.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if screen.Name != "s" || screen.Width == 0 {
		t.Errorf("got a screen %q of width %d", screen.Name, screen.Width)
	}
	if _, err := screen.Update(false); err != nil {
		t.Fatal(err)
	}
	took := make([]time.Duration, 0, 50)
	for key := range uint32(cap(took)) {
		began := time.Now()
		if err := screen.Key('a' + key); err != nil {
			t.Fatal(err)
		}
		pixels, err := screen.Update(true)
		if err != nil || binary.LittleEndian.Uint32(pixels) != 'a'+key {
			t.Fatalf("the screen does not show the key: %v", err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("from a key to its echo on the screen: %v in the middle, %v at most", took[len(took)/2], took[len(took)-1])

	token := address[strings.Index(address, "token=")+len("token="):]
	if status, doc := w.request("admin", "GET", "/os-console-auth-tokens/"+token, ""); status != http.StatusOK ||
		doc["console"].(map[string]any)["instance_uuid"] != w.id {
		t.Errorf("the token: got %d %v", status, doc)
	}
	if status, _ := w.request("demo", "GET", "/os-console-auth-tokens/"+token, ""); status != http.StatusForbidden {
		t.Errorf("the token, for a member: got %d, want 403", status)
	}

	// A guest that stops takes its console with it.
	w.c.Do("demo", "POST", "compute", "/servers/"+w.id+"/action", `{"os-stop":null}`)
	w.until("SHUTOFF")
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Logf("the session ended with %v", err)
	}
	if _, status := w.dial(address); status != http.StatusForbidden {
		t.Errorf("the console of a stopped server: got %d, want 403", status)
	}
	if status, doc := w.ask("demo", "vnc", "novnc"); status != http.StatusConflict {
		t.Errorf("a console of a stopped server: got %d %v, want 409", status, doc)
	}
}

func TestATokenEndsInTimeAndWithItsServer(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	late := w.open("vnc", "novnc")
	w.c.Tick(11 * time.Minute)
	if _, status := w.dial(late); status != http.StatusForbidden {
		t.Errorf("after eleven minutes: got %d, want 403", status)
	}
	address := w.open("vnc", "novnc")
	if c, status := w.dial(address); c == nil {
		t.Fatalf("got %d", status)
	}
	w.c.Do("demo", "DELETE", "compute", "/servers/"+w.id, nil)
	w.until("")
	if _, status := w.dial(address); status != http.StatusForbidden {
		t.Errorf("of a deleted server: got %d, want 403", status)
	}
	token := address[strings.Index(address, "token=")+len("token="):]
	if status, doc := w.request("admin", "GET", "/os-console-auth-tokens/"+token, ""); status != http.StatusNotFound {
		t.Errorf("the token of a deleted server: got %d %v, want 404", status, doc)
	}
}

func TestConsolesAreForTheServersProject(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	for _, x := range []struct {
		user, protocol, kind string
		want                 int
		text                 string
	}{
		{"other", "vnc", "novnc", 404, "Instance " + w.id + " could not be found."},
		{"demo", "vnc", "xvpvnc", 400, "Invalid console type xvpvnc"},
		{"demo", "vnc", "serial", 400, "Invalid console type serial"},
		{"demo", "serial", "serial", 400, "Unavailable console type serial."},
		{"demo", "serial", "novnc", 400, "Unavailable console type novnc."},
		{"demo", "spice", "spice-html5", 400, "Unavailable console type spice-html5."},
		{"demo", "spice", "spice-direct", 400, "Unavailable console type spice-direct."},
		{"demo", "spice", "novnc", 400, "Unavailable console type novnc."},
		{"demo", "vnc", "spice-direct", 400, "Invalid console type spice-direct"},
		{"demo", "mks", "novnc", 400, "Unavailable console type novnc."},
		{"demo", "mks", "webmks", 400, "Unavailable console type webmks."},
		{"demo", "rdp", "rdp-html5", 400, "Unavailable console type rdp."},
	} {
		status, doc := w.ask(x.user, x.protocol, x.kind)
		for _, of := range doc {
			if got := of.(map[string]any)["message"]; status != x.want || got != x.text {
				t.Errorf("%s: %s %s: got %d %v, want %d %s", x.user, x.protocol, x.kind, status, got, x.want, x.text)
			}
		}
	}
}

func TestASerialConsolePromptsAndEchoes(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, cloudtest.Set("serial_console.enabled=true"))
	conn, status := w.dial(w.open("serial", "serial"))
	if conn == nil {
		t.Fatalf("status %d", status)
	}
	want := "\r\ns login: root"
	if _, err := conn.Write([]byte("root")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
