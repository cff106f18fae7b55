package filters

import (
	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
)

// group makes the filter of one policy of server groups, as nova's ServerGroupAffinityFilter and
// ServerGroupAntiAffinityFilter.
func group(policy nova.GroupPolicy) func(*snapshot.Request) (check, error) {
	return func(r *snapshot.Request) (check, error) {
		if r.Group == nil || r.Group.Policy != policy {
			return nil, nil
		}
		return func(h *snapshot.Host) choose.Verdict {
			if ok, why := r.Group.Allows(h.Name()); !ok {
				return choose.Drop("%s", why)
			}
			return choose.Pass()
		}, nil
	}
}
