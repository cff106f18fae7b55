package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"hypernova/oslo/fault"
)

// What a client sends beside the body is checked here once, for all services: text that is not UTF-8 or has a NUL character cannot be
// kept by every database, so it is refused before any is asked.

// Storable reports text that every database can keep and every client can be shown. Encoded surrogates are not UTF-8.
func Storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// plainQuery escapes what Go's parser of queries would drop together with its parameter: a semicolon, and a percent sign that begins no
// escape. OpenStack's services take both as they are.
func plainQuery(raw string) string {
	if !strings.ContainsAny(raw, ";%") {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == ';':
			b.WriteString("%3B")
		case c == '%' && (i+2 >= len(raw) || !hex(raw[i+1]) || !hex(raw[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// checkGiven refuses a query or a header of the API's own whose text cannot be kept. Headers that only clients and proxies talk about
// are not looked at.
func checkGiven(h *http.Request) error {
	if raw := h.URL.RawQuery; raw != "" {
		h.URL.RawQuery = plainQuery(raw)
		for name, values := range h.URL.Query() {
			if !Storable(name) {
				return fault.Invalidf("The name of a query parameter is not UTF-8, or has a NUL character.")
			}
			for _, v := range values {
				if !Storable(v) {
					return fault.Invalidf("Invalid input for query parameters %s: the value is not UTF-8, or has a NUL character.", shorten(name))
				}
			}
		}
	}
	for name, values := range h.Header {
		if !strings.HasPrefix(name, "X-") && !strings.HasPrefix(name, "Openstack-") && name != "If-Match" {
			continue
		}
		for _, v := range values {
			if !Storable(v) {
				return fault.Invalidf("The value of the header %s is not UTF-8, or has a NUL character.", name)
			}
		}
	}
	return nil
}
