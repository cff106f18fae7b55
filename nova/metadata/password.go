package metadata

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"hypernova/oslo/fault"
)

// passwordFile is the one document that guests write as well: a password, encrypted with the server's key, that its
// owner reads with the Compute API.
const passwordFile = "password"

// longestPassword is the most bytes that are read of one.
const longestPassword = 1020

// isPassword reports whether a path is that document, which came with grizzly.
func isPassword(at []string) bool {
	return len(at) == 3 && at[0] == "openstack" && at[2] == passwordFile && since(at[1], grizzly) &&
		slices.Contains(append(versions(), latest), at[1])
}

// password answers a request for the document of a server.
func (h *Handler) password(w http.ResponseWriter, r *http.Request, server string) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		text, err := h.servers.Password(r.Context(), server)
		if err != nil {
			h.passwordFailed(w, server, err)
			return
		}
		w.Header().Set("Content-Type", plainText)
		_, _ = io.WriteString(w, text) // the guest may be gone
	case http.MethodPost:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestPassword))
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			http.Error(w, "400 Request is too large.", http.StatusBadRequest)
		case err != nil: // the guest stopped sending
			http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		default:
			if err := h.servers.SetPassword(r.Context(), server, string(body)); err != nil {
				h.passwordFailed(w, server, err)
			}
		}
	default:
		http.Error(w, "400 GET and POST only are supported.", http.StatusBadRequest)
	}
}

func (h *Handler) passwordFailed(w http.ResponseWriter, server string, err error) {
	status := http.StatusInternalServerError
	switch {
	case fault.Is(err, fault.Conflict):
		status = http.StatusConflict
	case fault.Is(err, fault.Invalid):
		status = http.StatusBadRequest
	case fault.Is(err, fault.NotFound):
		status = http.StatusNotFound
	default:
		h.log.Error("metadata failed", "server", server, "path", passwordFile, "error", err.Error())
	}
	http.Error(w, http.StatusText(status), status)
}
