package openstack

import (
	"strings"

	"hypernova/oslo/policy"
)

// Rules are the policy rules that a service of OpenStack has.
func Rules(service string) policy.Catalogue {
	out := policy.Catalogue{}
	for _, l := range lines(rulesText) {
		f := append(strings.Split(l, "\t"), "", "", "")
		if f[0] == service {
			out[f[1]] = policy.Original{Check: f[2], Older: f[3], OlderCheck: f[4]}
		}
	}
	return out
}
