package api

import (
	"net/http"
	"strconv"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dialect is the shape of identity's errors.
type dialect struct{}

var _ api.Dialect = dialect{}

// MediaStatus is 400, as keystone answers.
func (dialect) MediaStatus() int { return http.StatusBadRequest }

// Status maps a kind of fault to a status.
func (dialect) Status(k fault.Kind) int {
	return api.StatusOf(k)
}

// Write answers with the fault.
func (dialect) Write(w http.ResponseWriter, r *api.Request, status int, f *fault.Fault) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+r.AuthURI()+`"`)
	}
	b := append([]byte(`{"error":{"code":`), strconv.Itoa(status)...)
	b = append(b, `,"message":`...)
	b = api.AppendString(b, f.Msg)
	b = append(b, `,"title":`...)
	b = api.AppendString(b, api.Title(status))
	api.WriteJSON(w, status, append(b, "}}"...))
}
