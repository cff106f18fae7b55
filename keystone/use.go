package keystone

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// Use is what a token is being used for. The code that validates tokens of ruled application credentials must know it;
// where it is not known, such a token proves nothing.
type Use struct{ Service, Method, Path string }

type useKey struct{}

// WithUse puts what the token is used for into the context that it is validated under.
func WithUse(ctx context.Context, u Use) context.Context { return context.WithValue(ctx, useKey{}, u) }

// UseOf is what WithUse put there.
func UseOf(ctx context.Context) (Use, bool) {
	u, ok := ctx.Value(useKey{}).(Use)
	return u, ok
}

// Used lets the handler of a service, named by its type in the catalog, serve tokens of ruled application credentials.
func Used(service string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(WithUse(r.Context(), Use{Service: service, Method: r.Method, Path: r.URL.Path})))
	})
}

// Allows reports whether the rule covers the request.
func (r AccessRule) Allows(u Use) bool {
	return r.Service == u.Service && r.Method == u.Method && pathMatches(r.Path, u.Path)
}

// The parts of an access rule's path that stand for something else; ** before *.
const wildcards = `\{[^}/]*\}|\*\*|\*`

func pathMatches(pattern, path string) bool {
	special := regexp.MustCompile(wildcards)
	var re strings.Builder
	re.WriteString(`^`)
	for {
		at := special.FindStringIndex(pattern)
		if at == nil {
			break
		}
		re.WriteString(regexp.QuoteMeta(pattern[:at[0]]))
		if pattern[at[0]:at[1]] == "**" {
			re.WriteString(`.*`)
		} else {
			re.WriteString(`[^/]+`)
		}
		pattern = pattern[at[1]:]
	}
	re.WriteString(regexp.QuoteMeta(pattern) + `$`)
	ok, err := regexp.MatchString(re.String(), path)
	return err == nil && ok
}
