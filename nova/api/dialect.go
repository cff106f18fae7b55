package api

import (
	"net/http"
	"strconv"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dialect is the shape of compute's errors.
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
	name := novaFaultName(status)
	b := append([]byte(`{`), api.AppendString(nil, name)...)
	b = append(b, `:{"code":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `,"message":`...)
	b = api.AppendString(b, novaMessage(status, f))
	if retry := w.Header().Get("Retry-After"); status == http.StatusRequestEntityTooLarge ||
		status == http.StatusTooManyRequests {
		if retry == "" {
			retry = "0"
			w.Header().Set("Retry-After", retry)
		}
		b = append(b, `,"retryAfter":`...)
		b = api.AppendString(b, retry)
	}
	api.WriteJSON(w, status, append(b, "}}"...))
}

// novaMessage adds what nova's clients look for in an unexpected error.
func novaMessage(status int, f *fault.Fault) string {
	if status == http.StatusInternalServerError && f.Kind == fault.Internal {
		return "Unexpected API Error. " + f.Msg
	}
	return f.Msg
}

func novaFaultName(status int) string {
	switch status {
	case 400:
		return "badRequest"
	case 401:
		return "unauthorized"
	case 403:
		return "forbidden"
	case 404:
		return "itemNotFound"
	case 405:
		return "badMethod"
	case 409:
		return "conflictingRequest"
	case 413, 429:
		return "overLimit"
	case 415:
		return "badMediaType"
	case 501:
		return "notImplemented"
	case 503:
		return "serviceUnavailable"
	}
	return "computeFault"
}
