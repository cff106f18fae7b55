// Package wire is what the resources of the Compute API share: links, texts that may be null, and the loaders of the
// server and the project that a path names.
package wire

import (
	"crypto/sha256"
	"encoding/hex"

	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

// Link is a link of a resource.
type Link struct {
	Rel  string `wire:"rel"`
	Href string `wire:"href"`
}

// SelfLinks are the two links of a resource: one with the version, and a bookmark without.
func SelfLinks(r *api.Request, path string) []Link {
	return Links("self", r.URL(path), "bookmark", r.RootURL(path))
}

// Links makes links of pairs: a rel, and where it leads.
func Links(pairs ...string) []Link {
	out := make([]Link, len(pairs)/2)
	for i := range out {
		out[i] = Link{pairs[2*i], pairs[2*i+1]}
	}
	return out
}

// OrNull is a text, or null for none.
func OrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// OrNullShown is a text that is shown as null where it is empty.
func OrNullShown(s string) opt.Of[string] {
	if s == "" {
		return opt.Null[string]()
	}
	return opt.Some(s)
}

// PlainKey reports a key that metadata and extra specs may have: 1 to 255 letters, digits or any of -_:. and blank.
func PlainKey(k string) bool {
	if k == "" || len(k) > 255 {
		return false
	}
	for i := range len(k) {
		c := k[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' ||
			c == '.' || c == ' ') {
			return false
		}
	}
	return true
}

// HostID is the hostId of a server: it hides a host's name, but lets the owner see whether two servers share one.
func HostID(project, host string) string {
	if host == "" {
		return ""
	}
	sum := sha256.Sum224([]byte(project + host))
	return hex.EncodeToString(sum[:])
}
