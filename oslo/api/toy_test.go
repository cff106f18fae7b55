package api

import (
	"net/http"
	"strconv"

	"hypernova/oslo/fault"
)

// toy is the error shape of this package's tests: the message under the status.
type toy struct{}

func (toy) MediaStatus() int        { return http.StatusUnsupportedMediaType }
func (toy) Status(k fault.Kind) int { return StatusOf(k) }
func (toy) Write(w http.ResponseWriter, _ *Request, status int, f *fault.Fault) {
	b := append([]byte(`{"`), strconv.Itoa(status)...)
	WriteJSON(w, status, append(AppendString(append(b, `":`...), f.Msg), '}'))
}
