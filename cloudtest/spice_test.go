package cloudtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hypernova/cloudtest"
)

// TestASPICEConsoleIsReachedThroughTheProxy asks a guest for a channel of its screen, as spice-html5 does.
func TestASPICEConsoleIsReachedThroughTheProxy(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, cloudtest.Set("spice.enabled=true"))
	page, err := url.Parse(w.open("spice", "spice-html5"))
	if err != nil || page.Path != "/spice_auto.html" || page.Query().Get("token") == "" {
		t.Fatalf("got the page %v, %v", page, err)
	}
	page.Scheme, page.Path = "ws", "/"
	conn, status := w.dial(page.String())
	if conn == nil {
		t.Fatalf("status %d", status)
	}
	if _, err := conn.Write([]byte("REDQ\x02\x00\x00\x00\x02\x00\x00\x00\x12\x00\x00\x00" +
		"\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x12\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "REDQ" {
		t.Errorf("got %q, %v", answer, err)
	}
	status, doc := w.ask("demo", "spice", "novnc")
	if message := doc["badRequest"].(map[string]any)["message"]; status != http.StatusBadRequest ||
		message != "Invalid console type novnc" {
		t.Errorf("another type: got %d %v", status, doc)
	}
}

// TestATokenOfSPICEDirectTellsItsPorts looks at what an operator's own proxy asks for.
func TestATokenOfSPICEDirectTellsItsPorts(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, cloudtest.Set("spice.enabled=true",
		"spice.spice_direct_proxy_base_url=https://spice.example/x"))
	address := w.open("spice", "spice-direct")
	token, ok := strings.CutPrefix(address, "https://spice.example/x?token=")
	if !ok {
		t.Fatalf("got %s", address)
	}
	status, doc := w.request("admin", "GET", "/os-console-auth-tokens/"+token, "")
	console, _ := doc["console"].(map[string]any)
	if port, has := console["tls_port"]; status != http.StatusOK || !has || port != nil || console["port"] == 0.0 ||
		console["instance_uuid"] != w.id || console["internal_access_path"] != nil {
		t.Errorf("got %d %v", status, doc)
	}
	html, err := url.Parse(w.open("spice", "spice-html5"))
	if err != nil {
		t.Fatal(err)
	}
	_, doc = w.request("admin", "GET", "/os-console-auth-tokens/"+html.Query().Get("token"), "")
	if has(doc, "tls_port") {
		t.Errorf("a token of spice-html5: got %v", doc)
	}
	html.Scheme, html.Path, html.RawQuery = "ws", "/", "token="+token
	if conn, status := w.dial(html.String()); conn != nil || status != http.StatusForbidden {
		t.Errorf("the page's proxy took the token: %d", status)
	}
}

func has(doc map[string]any, member string) bool {
	_, ok := doc["console"].(map[string]any)[member]
	return ok
}
