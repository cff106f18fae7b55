package api

import (
	"mime"
	"net/http"
	"strings"

	"hypernova/oslo/fault"
)

// speaksJSON refuses a client that reads something and takes no JSON, and one that sends something and does not say
// that it is JSON.
func (c *call) speaksJSON() error {
	h := c.r.HTTP
	if accept := h.Header.Get("Accept"); accept != "" && c.op.def.out != nil && h.Method == http.MethodGet &&
		!takesJSON(accept) {
		return WithStatus(http.StatusNotAcceptable, fault.Invalidf("Only application/json is provided."))
	}
	if c.op.def.in != nil && h.Header.Get("Content-Type") == "" && h.ContentLength == 0 {
		return WithStatus(http.StatusUnsupportedMediaType,
			fault.Invalidf("The request has no media type, use application/json."))
	}
	return nil
}

// takesJSON reads an Accept header.
func takesJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		t, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || params["q"] == "0" {
			continue
		}
		if t == "*/*" || t == "application/*" || t == "application/json" {
			return true
		}
	}
	return false
}
