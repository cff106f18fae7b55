package metadata

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"sort"
	"strings"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/oslo/fault"
)

// Servers finds servers and their ports; nova/servers is one.
type Servers interface {
	Server(ctx context.Context, id string) (nova.Server, error)
	Ports(ctx context.Context, id string) ([]neutron.PortInfo, error)
}

// Handler answers guests on the metadata port. A request names its server in X-Instance-ID, proves it in X-Instance-ID-Signature (HMAC-SHA256
// with the secret that networking's proxy shares) and names the project in X-Tenant-ID. An empty secret refuses everything.
type Handler struct {
	servers Servers
	secret  []byte
	log     *slog.Logger
}

// New makes the handler; a nil log says nothing.
func New(s Servers, secret string, log *slog.Logger) *Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Handler{s, []byte(secret), log}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	s, status, err := h.who(r)
	if err != nil {
		h.log.Warn("metadata refused", "server", r.Header.Get("X-Instance-ID"), "path", r.URL.Path, "status", status, "cause", err.Error())
		http.Error(w, http.StatusText(status), status)
		return
	}
	body, kind, err := answer(s, r.URL.Path)
	if err != nil {
		h.log.Error("metadata failed", "server", s.ID, "path", r.URL.Path, "cause", err.Error())
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if body == nil {
		http.Error(w, "404 Not Found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body) // the guest may be gone
}

// who proves the server that asks.
func (h *Handler) who(r *http.Request) (*nova.Spec, int, error) {
	id, project := r.Header.Get("X-Instance-ID"), r.Header.Get("X-Tenant-ID")
	if id == "" || strings.Contains(id, ",") {
		return nil, http.StatusBadRequest, fault.Invalidf("X-Instance-ID header is missing from request.")
	}
	if project == "" || strings.Contains(project, ",") {
		return nil, http.StatusBadRequest, fault.Invalidf("X-Tenant-ID header is missing from request.")
	}
	if len(h.secret) == 0 || !hmac.Equal([]byte(Sign(h.secret, id)), []byte(r.Header.Get("X-Instance-ID-Signature"))) {
		return nil, http.StatusForbidden, fault.Forbiddenf("Invalid proxy request signature.")
	}
	v, err := h.servers.Server(r.Context(), id)
	if err == nil && v.Project != project {
		err = fault.NotFoundf("Server %s is not of project %s.", id, project)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, http.StatusNotFound, err
	}
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	ports, err := h.servers.Ports(r.Context(), id)
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	s := v.Spec(ports)
	return &s, 0, nil
}

// Sign is the proof that a server's id was set by somebody who knows the secret.
func Sign(secret []byte, server string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(server))
	return hex.EncodeToString(m.Sum(nil))
}

const (
	plainText = "text/plain; charset=UTF-8"
	jsonText  = "application/json"
)

// answer is the document or listing at a path; a nil body is none there.
func answer(s *nova.Spec, path string) (body []byte, kind string, err error) {
	path = strings.Trim(path, "/")
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		return []byte(strings.Join(append(ec2Versions(), latest), "\n")), plainText, nil
	case first == "openstack":
		return openstack(s, rest)
	case first == latest || slices.Contains(ec2Versions(), first):
		return ec2Answer(s, rest)
	}
	return nil, "", nil
}

func openstack(s *nova.Spec, path string) ([]byte, string, error) {
	if path == "" {
		return []byte(strings.Join(append(versions(), latest), "\n")), plainText, nil
	}
	files, err := tree(s, false)
	if err != nil {
		return nil, "", err
	}
	at := "openstack/" + path
	if body, ok := files[at]; ok {
		kind := jsonText
		switch {
		case strings.HasSuffix(at, "/user_data"), strings.HasPrefix(path, "content/"):
			kind = "application/octet-stream"
		}
		if body == nil {
			body = []byte{}
		}
		return body, kind, nil
	}
	var names []string
	for name := range files {
		if below, ok := strings.CutPrefix(name, at+"/"); ok {
			names = append(names, below)
		}
	}
	if len(names) == 0 {
		return nil, "", nil
	}
	sort.Strings(names)
	return []byte(strings.Join(names, "\n")), plainText, nil
}

func ec2Answer(s *nova.Spec, path string) ([]byte, string, error) {
	user, err := userData(s)
	if err != nil {
		return nil, "", err
	}
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "" && user != nil:
		return []byte("meta-data/\nuser-data"), plainText, nil
	case path == "":
		return []byte("meta-data/"), plainText, nil
	case path == "user-data" && user != nil:
		return user, "application/octet-stream", nil
	case first == "meta-data":
		if text, ok := ec2(s).read(rest, s.KeyName); ok {
			return []byte(text), plainText, nil
		}
	}
	return nil, "", nil
}
