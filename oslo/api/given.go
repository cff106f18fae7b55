package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"hypernova/oslo/fault"
)

// Queries and headers are checked here for all services: text that is not UTF-8 or has a NUL character is rejected,
// because not every database can store it.

// Storable reports text that every database can store. Encoded surrogates are not UTF-8.
func Storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// plainQuery escapes semicolons, and percent signs that begin no escape: Go's parser would drop the parameter.
// OpenStack's services accept both.
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

// checkGiven returns fault.Invalid for a query, or a header of the API, whose text cannot be stored. Other headers
// are not checked.
func checkGiven(h *http.Request) error {
	if raw := h.URL.RawQuery; raw != "" {
		h.URL.RawQuery = plainQuery(raw)
		for name, values := range h.URL.Query() {
			if !Storable(name) {
				return fault.Invalidf("The name of a query parameter is not UTF-8, or has a NUL character.")
			}
			for _, v := range values {
				if !Storable(v) {
					return fault.Invalidf("Invalid input for query parameters %s: the value is not UTF-8, or has a NUL character.",
						shorten(name))
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
