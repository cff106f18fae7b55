package filters

import (
	"slices"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
)

// compute is ComputeFilter: it drops hosts whose nova-compute is down, disabled or forced down.
func compute(r *snapshot.Request) (check, error) {
	return func(h *snapshot.Host) choose.Verdict {
		switch {
		case h.Service.Disabled && h.Service.DisabledReason != "":
			return choose.Drop("is disabled: %s", h.Service.DisabledReason)
		case h.Service.Disabled:
			return choose.Drop("is disabled")
		case h.Service.ForcedDown:
			return choose.Drop("is marked down by an operator")
		case !h.Up && 0 < h.Silent && h.Silent <= r.Silent:
			return choose.Pass()
		case !h.Up && h.Silent == 0:
			return choose.Drop("has its compute service stopped")
		case !h.Up:
			return choose.Drop("is down (no heartbeat for longer than the limit)")
		}
		return choose.Pass()
	}, nil
}

// requested passes only the host and node that an administrator named.
func requested(r *snapshot.Request) (check, error) {
	if r.Host == "" && r.Node == "" {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		if r.Host != "" && h.Name() != r.Host {
			return choose.Drop("is not the host %s that was asked for", r.Host)
		}
		if r.Node != "" && h.Node.Name != r.Node {
			return choose.Drop("is not the node %s that was asked for", r.Node)
		}
		return choose.Pass()
	}, nil
}

// tried drops hosts on which an earlier attempt of this request failed.
func tried(r *snapshot.Request) (check, error) {
	if len(r.Exclude) == 0 {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		if slices.Contains(r.Exclude, h.Name()) {
			return choose.Drop("was tried already")
		}
		return choose.Pass()
	}, nil
}

// zone is AvailabilityZoneFilter: it passes hosts in the requested availability zone.
func zone(r *snapshot.Request) (check, error) {
	if r.AZ == "" {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		if h.Zone != r.AZ {
			return choose.Drop("is in availability zone %s, not %s", h.Zone, r.AZ)
		}
		return choose.Pass()
	}, nil
}

// sameHost is SameHostFilter: it passes the hosts of the servers in the hint same_host.
func sameHost(r *snapshot.Request) (check, error) {
	near := r.Hints["same_host"]
	if len(near) == 0 {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		for _, id := range near {
			if r.Where[id] == h.Name() {
				return choose.Pass()
			}
		}
		return choose.Drop("does not run the servers %s", strings.Join(near, ", "))
	}, nil
}

// differentHost is DifferentHostFilter: it drops the hosts of the servers in the hint different_host.
func differentHost(r *snapshot.Request) (check, error) {
	away := r.Hints["different_host"]
	if len(away) == 0 {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		for _, id := range away {
			if r.Where[id] == h.Name() {
				return choose.Drop("runs server %s", id)
			}
		}
		return choose.Pass()
	}, nil
}

// numInstances is NumInstancesFilter: it drops hosts with limit servers or more.
func numInstances(limit int) func(*snapshot.Request) (check, error) {
	return func(*snapshot.Request) (check, error) {
		if limit <= 0 {
			return nil, nil
		}
		return func(h *snapshot.Host) choose.Verdict {
			if h.Load.Servers >= limit {
				return choose.Drop("has %d servers, the most it may have", h.Load.Servers)
			}
			return choose.Pass()
		}, nil
	}
}

// ioOps is IoOpsFilter: it drops hosts on which limit servers or more are being built or rebooted.
func ioOps(limit int) func(*snapshot.Request) (check, error) {
	return func(*snapshot.Request) (check, error) {
		if limit <= 0 {
			return nil, nil
		}
		return func(h *snapshot.Host) choose.Verdict {
			if h.Load.Busy >= limit {
				return choose.Drop("is busy with %d builds and the like", h.Load.Busy)
			}
			return choose.Pass()
		}, nil
	}
}
