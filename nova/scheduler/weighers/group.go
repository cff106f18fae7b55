package weighers

import (
	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
)

// group scores a host by how many servers of the request's group it has, if the group has that policy: sign is 1 for
// affinity and -1 for anti-affinity.
func group(policy nova.GroupPolicy, sign float64) func(*snapshot.Request, *snapshot.Host) float64 {
	return func(r *snapshot.Request, h *snapshot.Host) float64 {
		if r.Group == nil || r.Group.Policy != policy {
			return 0
		}
		return sign * float64(r.Group.Servers[h.Name()])
	}
}
