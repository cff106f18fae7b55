package middleware

import (
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// HealthPath is the path of health checks.
const HealthPath = "/healthcheck"

// Health is the section [healthcheck]: the answer to health checks of load balancers, which need no token.
type Health struct {
	Detailed    bool     `conf:"detailed" default:"false" help:"Tell also what each check looked at."`
	Backends    []string `conf:"backends" default:"disable_by_file" enum:"disable_by_file|disable_by_files_ports|enable_by_files" help:"The checks: whether disable_by_file_path is absent, whether the file of the API's port in disable_by_file_paths is absent, and whether all of enable_by_file_paths are there."`
	DisableFile string   `conf:"disable_by_file_path" help:"A file that, while it is there, takes this host's APIs out of their load balancer: 503."`
	Disable     []string `conf:"disable_by_file_paths" help:"The same by port: port:path."`
	Enable      []string `conf:"enable_by_file_paths" help:"Files that must all be there."`
	Sources     []string `conf:"allowed_source_ranges" help:"Networks whose hosts are answered; empty is any."`
	Unproxied   bool     `conf:"ignore_proxied_requests" default:"false" help:"Do not answer requests that came through a proxy."`
}

// result is the result of one check.
type result struct {
	OK      bool   `json:"-"`
	Reason  string `json:"reason"`
	Details string `json:"details"`
	Class   string `json:"class"`
}

// Handler answers requests to HealthPath and passes all others to h. port is the API's port. It returns an error for a
// bad network or a bad port in the configuration.
func (c Health) Handler(port int, h http.Handler) (http.Handler, error) {
	ranges, err := c.ranges()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.URL.Path, "/") != HealthPath || !c.answers(r, ranges) {
			h.ServeHTTP(w, r)
			return
		}
		c.answer(w, r, port)
	}), nil
}

func (c Health) ranges() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range c.Sources {
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("allowed_source_ranges: %q is no network such as 192.0.2.0/24", s)
		}
		out = append(out, p.Masked())
	}
	for _, x := range c.Disable {
		port, path, ok := strings.Cut(x, ":")
		if n, err := strconv.Atoi(strings.TrimSpace(port)); err != nil || n < 1 || !ok || path == "" {
			return nil, fmt.Errorf("disable_by_file_paths: %q is not of the form port:path", x)
		}
	}
	if slices.Contains(c.Backends, "disable_by_file") && slices.Contains(c.Backends, "enable_by_files") {
		return nil, fmt.Errorf("backends: enable_by_files and disable_by_file exclude each other")
	}
	return out, nil
}

// answers reports whether a client is answered: its address is in a configured network and, if so configured, there is
// no proxy.
func (c Health) answers(r *http.Request, ranges []netip.Prefix) bool {
	if c.Unproxied {
		for _, h := range []string{"X-Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host",
			"X-Forwarded-For", "X-Forwarded-Prefix"} {
			if r.Header.Get(h) != "" {
				return false
			}
		}
	}
	if len(ranges) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

func (c Health) answer(w http.ResponseWriter, r *http.Request, port int) {
	results, status := c.results(port), http.StatusOK
	for _, x := range results {
		if !x.OK {
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	if r.Method == http.MethodHead {
		if status == http.StatusOK {
			status = http.StatusNoContent
		}
		w.WriteHeader(status)
		return
	}
	kind := accepted(r.Header.Values("Accept"))
	w.Header().Set("Content-Type", kind+"; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(c.body(kind, results)) // an error means that the client has gone
}

func (c Health) results(port int) []result {
	var out []result
	for _, b := range c.Backends {
		switch b {
		case "disable_by_file":
			out = append(out, disabledBy(c.DisableFile, "DisableByFileHealthcheck"))
		case "disable_by_files_ports":
			path := ""
			for _, x := range c.Disable {
				if p, file, _ := strings.Cut(x, ":"); strings.TrimSpace(p) == strconv.Itoa(port) {
					path = file
				}
			}
			out = append(out, disabledBy(path, "DisableByFilesPortsHealthcheck"))
		case "enable_by_files":
			x := result{OK: true, Reason: "OK", Class: "EnableByFilesHealthcheck"}
			for _, f := range c.Enable {
				if !there(f) {
					x.OK, x.Reason, x.Details = false, "FILE PATH MISSING", "Path '"+f+"' was not found"
					break
				}
			}
			out = append(out, x)
		}
	}
	return out
}

func disabledBy(path, class string) result {
	switch {
	case path == "":
		return result{OK: true, Reason: "OK", Details: "No file is named", Class: class}
	case there(path):
		return result{Reason: "DISABLED BY FILE", Details: "Path '" + path + "' was found", Class: class}
	}
	return result{OK: true, Reason: "OK", Details: "Path '" + path + "' was not found", Class: class}
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (c Health) body(kind string, results []result) []byte {
	var reasons []string
	for _, x := range results {
		reasons = append(reasons, x.Reason)
	}
	switch kind {
	case "application/json":
		doc := map[string]any{"detailed": c.Detailed, "reasons": reasons}
		if reasons == nil {
			doc["reasons"] = []string{}
		}
		if c.Detailed {
			doc["reasons"] = append([]result{}, results...)
		}
		b, err := json.MarshalIndent(doc, "", "    ")
		if err != nil {
			return nil // strings always encode
		}
		return b
	case "text/html":
		var b strings.Builder
		b.WriteString("<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n")
		fmt.Fprintf(&b, "<H2>Result of %d checks:</H2>\n<TABLE bgcolor=\"#ffffff\" border=\"1\">\n<TBODY>\n", len(results))
		for _, x := range results {
			fmt.Fprintf(&b, "<TR><TD>%s</TD>", html.EscapeString(x.Reason))
			if c.Detailed {
				fmt.Fprintf(&b, "<TD>%s</TD><TD>%s</TD>", html.EscapeString(x.Class), html.EscapeString(x.Details))
			}
			b.WriteString("</TR>\n")
		}
		b.WriteString("</TBODY>\n</TABLE>\n</BODY>\n</HTML>")
		return []byte(b.String())
	}
	return []byte(strings.Join(reasons, "\n"))
}

// accepted returns the content type of the answer: the client's first preference among the supported ones, or text.
func accepted(accept []string) string {
	offers := []string{"text/plain", "text/html", "application/json"}
	best, most := offers[0], 0.0
	for _, offer := range offers {
		q, exact := 0.0, -1
		for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
			kind, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			major, _, _ := strings.Cut(offer, "/")
			near := map[string]int{offer: 2, major + "/*": 1, "*/*": 0}
			at, ok := near[kind]
			if !ok || at < exact {
				continue
			}
			q, exact = 1, at
			if f, err := strconv.ParseFloat(params["q"], 64); err == nil {
				q = f
			}
		}
		if q > most {
			best, most = offer, q
		}
	}
	return best
}
