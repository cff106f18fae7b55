package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Version is a microversion; the zero Version is "none" (APIs without microversions).
type Version struct{ Major, Minor int }

// String is the form clients send, "2.96".
func (v Version) String() string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }

// Less reports whether v comes before w.
func (v Version) Less(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// ParseVersion reads "2.96"; no signs, no leading zeros.
func ParseVersion(s string) (Version, bool) {
	a, b, ok := strings.Cut(s, ".")
	if !ok || !plainNumber(a) || !plainNumber(b) || a == "0" {
		return Version{}, false
	}
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return Version{major, minor}, err1 == nil && err2 == nil
}

func plainNumber(s string) bool {
	if s == "" || len(s) > 6 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Versions is a microversioned API's range and header forms.
type Versions struct {
	Service  string // "compute", "placement" in OpenStack-API-Version
	Legacy   string // "X-OpenStack-Nova-API-Version" or empty
	Min, Max Version
	Zero     bool // "0.9" is well formed, and only not served (placement)
}

const versionHeader = "Openstack-Api-Version"

// negotiate finds the version a request asks for; the second result is the raw text of an unusable one.
func (vs *Versions) negotiate(h http.Header) (v Version, malformed, outside string) {
	asked := ""
	for _, line := range h.Values(versionHeader) {
		for part := range strings.SplitSeq(line, ",") {
			service, version, ok := strings.Cut(strings.TrimSpace(part), " ")
			if ok && strings.EqualFold(service, vs.Service) {
				asked = strings.TrimSpace(version)
			}
		}
	}
	if asked == "" && vs.Legacy != "" {
		asked = strings.TrimSpace(h.Get(vs.Legacy))
	}
	switch {
	case asked == "":
		return vs.Min, "", ""
	case strings.EqualFold(asked, "latest"):
		return vs.Max, "", ""
	}
	v, ok := ParseVersion(asked)
	if !ok {
		if minor, found := strings.CutPrefix(asked, "0."); vs.Zero && found && plainNumber(minor) {
			return Version{}, "", asked
		}
		return Version{}, asked, ""
	}
	if v.Less(vs.Min) || vs.Max.Less(v) {
		return Version{}, "", asked
	}
	return v, "", ""
}

// respond writes the version headers of an answer; v is zero while it is not known.
func (vs *Versions) respond(h http.Header, v Version) {
	vary := "OpenStack-API-Version"
	if vs.Legacy == "" { // a service that never had another header writes it in small letters
		vary = strings.ToLower(vary)
	}
	h.Add("Vary", vary)
	if vs.Legacy != "" {
		h.Add("Vary", vs.Legacy)
	}
	if v == (Version{}) {
		return
	}
	h.Set("OpenStack-API-Version", vs.Service+" "+v.String())
	if vs.Legacy != "" {
		h.Set(vs.Legacy, v.String())
	}
}

// span is an inclusive range; a zero end is open.
type span struct{ from, to Version }

// spans is a list of ranges; an empty list is every version.
type spans []span

func (ss spans) contains(v Version) bool {
	if len(ss) == 0 {
		return true
	}
	for _, s := range ss {
		if !v.Less(s.from) && (s.to == Version{} || !s.to.Less(v)) {
			return true
		}
	}
	return false
}

func (ss spans) meet(tt spans) bool {
	if len(ss) == 0 || len(tt) == 0 {
		return true
	}
	for _, s := range ss {
		for _, t := range tt {
			endsBefore := s.to != Version{} && s.to.Less(t.from)
			startsAfter := t.to != Version{} && t.to.Less(s.from)
			if !endsBefore && !startsAfter {
				return true
			}
		}
	}
	return false
}

func (ss spans) String() string {
	var parts []string
	for _, s := range ss {
		p := ""
		if s.from != (Version{}) {
			p = s.from.String()
		}
		if s.to != s.from {
			p += "-"
			if s.to != (Version{}) {
				p += s.to.String()
			}
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ",")
}

func mustSpans(text string) spans {
	var out spans
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		from, to, ranged := strings.Cut(part, "-")
		var s span
		ok := part != "" && part != "-"
		if from != "" {
			var good bool
			s.from, good = ParseVersion(from)
			ok = ok && good
		}
		switch {
		case !ranged:
			s.to = s.from
		case to != "":
			var good bool
			s.to, good = ParseVersion(to)
			ok = ok && good
		}
		if !ok {
			panic(fmt.Sprintf("api: bad span %q", text))
		}
		out = append(out, s)
	}
	return out
}
