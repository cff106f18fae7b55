package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"hypernova/nova/consoles/rfbtest"
)

// consoleURL asks for a console of a server and returns the URL that its user opens.
func (u *user) consoleURL(name, protocol, kind string) *url.URL {
	u.t.Helper()
	var doc struct {
		Console struct{ URL string } `json:"remote_console"`
	}
	u.api.Do(u.t, "POST", "compute", "/servers/"+u.ids[name]+"/remote-consoles",
		fmt.Sprintf(`{"remote_console":{"protocol":%q,"type":%q}}`, protocol, kind), http.StatusOK, &doc)
	address, err := url.Parse(doc.Console.URL)
	if err != nil {
		u.t.Fatal(err)
	}
	return address
}

// dial opens the websocket of a console. Reading from it fails when the test is about to end.
func (u *user) dial(address *url.URL) io.ReadWriteCloser {
	u.t.Helper()
	c, _, err := websocket.Dial(u.t.Context(), address.String(), &websocket.DialOptions{Subprotocols: []string{"binary"}})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	conn := websocket.NetConn(u.t.Context(), c, websocket.MessageBinary)
	if err := conn.SetReadDeadline(u.end); err != nil {
		u.t.Fatal(err)
	}
	return conn
}

// rowHeight is that of a line of text on a VGA card's screen in text mode, in pixels.
const rowHeight = 16

// screens looks at the screen of a guest by VNC and types on its keyboard. What a guest prints is seen in the row where
// it is printed, and what is typed is read back in the guest.
func (u *user) screens(name, ip string) {
	u.t.Helper()
	address := u.consoleURL(name, "vnc", "novnc")
	// What noVNC makes of it.
	address.Scheme, address.Path, address.RawQuery = "ws", "/", strings.TrimPrefix(address.Query().Get("path"), "?")
	screen, err := rfbtest.New(u.dial(address))
	if err != nil {
		u.t.Fatal(err)
	}
	const clear = `printf '\033[2J\033[H\033[?25l'`
	inked := func() (rows []int) { // rows of text with something in them
		u.t.Helper()
		pixels, err := screen.Update(false)
		if err != nil {
			u.t.Fatal(err)
		}
		line := 4 * screen.Width * rowHeight
		for row := 0; (row+1)*line <= len(pixels); row++ {
			if !uniform(pixels[row*line : (row+1)*line]) {
				rows = append(rows, row)
			}
		}
		return rows
	}
	u.login(ip, clear+` >/dev/tty1; printf '\nHypernova' >/dev/tty1`)
	u.until("the text on the screen of "+name, func() bool { return fmt.Sprint(inked()) == "[1]" })
	for _, key := range "typed" {
		if err := screen.Key(uint32(key)); err != nil {
			u.t.Fatal(err)
		}
	}
	u.until("the keys in the guest", func() bool {
		return strings.Contains(u.login(ip, "cat /dev/vcs1 2>/dev/null || cat /dev/vcs"), "Hypernovatyped")
	})
	if rows := inked(); fmt.Sprint(rows) != "[1]" {
		u.t.Errorf("rows %v of the screen have text, want the second only", rows)
	}
}

// uniform reports whether all pixels are alike.
func uniform(pixels []byte) bool {
	return bytes.Equal(pixels[4:], pixels[:len(pixels)-4])
}

// serials logs in on the serial console with a password that the guest's agent has set.
func (u *user) serials(name string) {
	u.t.Helper()
	u.act(name, `{"changePassword":{"adminPass":"Opensesame1"}}`)
	address := u.consoleURL(name, "serial", "serial")
	conn := u.dial(address)
	for _, step := range []struct{ say, hear string }{
		{"\r", name + " login: "}, {"root\r", "Password: "}, {"Opensesame1\r", "# "}, {"echo $((6*7)) is it\r", "42 is it"},
	} {
		if _, err := io.WriteString(conn, step.say); err != nil {
			u.t.Fatal(err)
		}
		u.hear(conn, step.hear)
	}
}

// hear reads a console until it says something.
func (u *user) hear(conn io.Reader, want string) {
	u.t.Helper()
	var heard strings.Builder
	buf := make([]byte, 1<<10)
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		n, err := conn.Read(buf)
		heard.Write(buf[:n])
		if strings.Contains(heard.String(), want) {
			return
		}
		if err != nil {
			break
		}
	}
	u.t.Fatalf("the console says %q, want %q", heard.String(), want)
}
