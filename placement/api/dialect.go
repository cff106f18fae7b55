package api

import (
	"net/http"
	"strconv"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dialect is the shape of placement's errors.
type dialect struct{}

var _ api.Dialect = dialect{}

// MediaStatus is 415.
func (dialect) MediaStatus() int { return http.StatusUnsupportedMediaType }

// Status maps a kind of fault to a status.
func (dialect) Status(k fault.Kind) int {
	return api.StatusOf(k)
}

// Write answers with the fault.
func (dialect) Write(w http.ResponseWriter, r *api.Request, status int, f *fault.Fault) {
	b := append([]byte(`{"errors":[{"status":`), strconv.Itoa(status)...)
	b = append(b, `,"title":`...)
	b = api.AppendString(b, api.Title(status))
	b = append(b, `,"detail":`...)
	b = api.AppendString(b, f.Msg)
	b = append(b, `,"request_id":`...)
	b = api.AppendString(b, r.ID)
	if !r.Version.Less(api.Version{Major: 1, Minor: 23}) {
		code := f.Code
		if !strings.HasPrefix(code, "placement.") {
			code = "placement.undefined_code"
		}
		b = append(b, `,"code":`...)
		b = api.AppendString(b, code)
	}
	if vs, ok := r.Offered(); status == http.StatusNotAcceptable && ok {
		b = append(b, `,"max_version":`...)
		b = api.AppendString(b, vs.Max.String())
		b = append(b, `,"min_version":`...)
		b = api.AppendString(b, vs.Min.String())
	}
	api.WriteJSON(w, status, append(b, "}]}"...))
}
