package oidc

import (
	"encoding/json"
	"strconv"
	"strings"
)

// texts are the values of a claim as text: one for a scalar, one for each element of a list.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, texts(e)...)
		}
		return out
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

// Attributes are claims under the names that mappings written for the usual Apache modules know: OIDC-name,
// OIDC_CLAIM_name and HTTP_OIDC_NAME. Members of objects are reached by dots: OIDC-realm_access.roles.
func Attributes(claims map[string]any) map[string][]string {
	out := map[string][]string{}
	flatten(out, "", claims, 4)
	return out
}

func flatten(out map[string][]string, prefix string, claims map[string]any, depth int) {
	for name, v := range claims {
		name = prefix + name
		if inner, ok := v.(map[string]any); ok && depth > 0 {
			flatten(out, name+".", inner, depth-1)
			continue
		}
		values := texts(v)
		out["OIDC-"+name], out["OIDC_CLAIM_"+name] = values, values
		out["HTTP_OIDC_"+strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))] = values
	}
}
