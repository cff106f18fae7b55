package metadata

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

// Servers finds servers, their ports, and the names of the security groups that those have now; nova/servers is one.
type Servers interface {
	Server(ctx context.Context, id string) (nova.Server, error)
	Ports(ctx context.Context, id string) ([]nova.NIC, error)
	GroupNames(ctx context.Context, id string) ([]string, error)
	// Password is the password that the guest has written; empty for none.
	Password(ctx context.Context, id string) (string, error)
	// SetPassword writes it: fault.Conflict if there is one, fault.Invalid if it is too long.
	SetPassword(ctx context.Context, id, password string) error
}

// Handler answers guests on the metadata port. A request names its server in X-Instance-ID, proves it in
// X-Instance-ID-Signature (HMAC-SHA256 with the secret that networking's proxy shares) and names the project in
// X-Tenant-ID. An empty secret refuses everything.
type Handler struct {
	c       Config
	servers Servers
	secret  []byte
	log     *slog.Logger
}

// New makes the handler; a nil log says nothing.
func New(c Config, s Servers, log *slog.Logger) *Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Handler{c, s, []byte(c.Secret), log}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := pathOf(r.URL.Path)
	password := isPassword(parts)
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !password {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	if len(parts) == 0 { // which versions there are is no secret
		w.Header().Set("Content-Type", plainText)
		_, _ = w.Write(listing(append(ec2Versions(), latest))) // the guest may be gone
		return
	}
	s, status, err := h.who(r)
	if err != nil {
		h.log.Warn("metadata refused", "server", r.Header.Get("X-Instance-ID"), "path", r.URL.Path, "status", status, "error",
			err.Error())
		http.Error(w, http.StatusText(status), status)
		return
	}
	if password {
		h.password(w, r, s.ID)
		return
	}
	body, kind, err := h.c.answer(s, parts, r.Header.Get("X-Forwarded-For"))
	if err != nil {
		h.log.Error("metadata failed", "server", s.ID, "path", r.URL.Path, "error", err.Error())
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

// errSecrets is what an operator reads of a request that nobody who knows the secret has signed.
var errSecrets = errors.New(
	"it was not signed with the secret of this service; if it came from a network agent, set [DEFAULT] metadata_proxy_shared_secret " +
		"to the same on all hosts and start nova-api and neutron-agent again")

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
		return nil, http.StatusForbidden, fault.Forbiddenf("Invalid proxy request signature.").Because(errSecrets)
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
	if s.SecurityGroups, err = h.servers.GroupNames(r.Context(), id); err != nil {
		return nil, http.StatusInternalServerError, err
	}
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

func pathOf(text string) []string {
	text = strings.Trim(path.Clean("/"+text), "/")
	if text == "" {
		return nil
	}
	return strings.Split(text, "/")
}

func listing(names []string) []byte { return []byte(strings.Join(names, "\n")) }

// answer is the document or listing at a path; a nil body is none there. asker is the address of who asks.
func (c Config) answer(s *nova.Spec, at []string, asker string) (body []byte, kind string, err error) {
	switch {
	case at[0] == "openstack":
		return c.openstack(s, at[1:])
	case at[0] == "ec2":
		at = at[1:]
	}
	switch {
	case len(at) == 0:
		return listing(append(ec2Versions(), latest)), plainText, nil
	case at[0] != latest && !slices.Contains(ec2Versions(), at[0]):
		return nil, "", nil
	}
	t := folder{"meta-data": c.ec2(s, at[0], asker)}
	user, err := userData(s)
	if err != nil {
		return nil, "", err
	}
	if user != nil {
		t["user-data"] = user
	}
	if text, ok := t.read(at[1:]); ok {
		return []byte(text), plainText, nil
	}
	return nil, "", nil
}

// order is in which the files of a version are listed.
func order() []string {
	return []string{"meta_data.json", "user_data", passwordFile, "vendor_data.json", "network_data.json",
		"vendor_data2.json"}
}

func (c Config) openstack(s *nova.Spec, at []string) ([]byte, string, error) {
	if len(at) == 0 {
		return listing(append(versions(), latest)), plainText, nil
	}
	files, err := c.tree(s, false)
	if err != nil {
		return nil, "", err
	}
	name := "openstack/" + strings.Join(at, "/")
	if body, ok := files[name]; ok {
		if body == nil {
			body = []byte{}
		}
		switch at[len(at)-1] {
		case "meta_data.json", "vendor_data.json", "vendor_data2.json":
			return body, jsonText, nil
		}
		return body, plainText, nil
	}
	var names []string
	for _, file := range order() {
		_, ok := files[name+"/"+file]
		if ok || file == passwordFile && isPassword(append([]string{"openstack"}, append(at, file)...)) {
			names = append(names, file)
		}
	}
	if names == nil {
		return nil, "", nil
	}
	return listing(names), plainText, nil
}
