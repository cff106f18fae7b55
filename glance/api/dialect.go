package api

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dialect is the form of the image service's errors.
type dialect struct{}

var _ api.Dialect = dialect{}

// MediaStatus returns 415.
func (dialect) MediaStatus() int { return http.StatusUnsupportedMediaType }

// Status maps a kind of fault to a status.
func (dialect) Status(k fault.Kind) int {
	if k == fault.OverQuota {
		return http.StatusRequestEntityTooLarge
	}
	return api.StatusOf(k)
}

// Write writes JSON to clients that accept it explicitly and a small HTML page to others, as webob does for glance.
func (dialect) Write(w http.ResponseWriter, r *api.Request, status int, f *fault.Fault) {
	line := strconv.Itoa(status) + " " + api.Title(status)
	if strings.Contains(r.HTTP.Header.Get("Accept"), "application/json") {
		b := append([]byte(`{"message":`), api.AppendString(nil, f.Msg)...)
		b = append(b, `,"code":`...)
		b = api.AppendString(b, line)
		b = append(b, `,"title":`...)
		b = api.AppendString(b, api.Title(status))
		api.WriteJSON(w, status, append(b, '}'))
		return
	}
	page := "<html>\n <head>\n  <title>" + line + "</title>\n </head>\n <body>\n  <h1>" + line + "</h1>\n  " +
		html.EscapeString(f.Msg) + "<br /><br />\n\n\n </body>\n</html>"
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page)) // the client may be gone; the log has the outcome
}
