package servers

import (
	"context"
	"fmt"
	"strings"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// bounds are the limits of a request. They are read before the transaction, in which only the counting is.
type bounds struct {
	project, own nova.Limits
	ports        int // servers that the port quota has room for; -1: any number
}

func (s *Servers) bounds(ctx context.Context, r *resolved, a *CreateArgs, caller *auth.Caller) (bounds, error) {
	b := bounds{ports: -1}
	var err error
	if b.project, err = s.Quotas.Limits(ctx, caller.ProjectID, ""); err != nil {
		return b, err
	}
	if err := checkItems(b.project, a); err != nil {
		return b, err
	}
	if b.own, err = s.Quotas.Limits(ctx, caller.ProjectID, caller.UserID); err != nil || r.newPorts == 0 {
		return b, err
	}
	free, err := s.Networks.PortQuotaFree(ctx, caller.ProjectID)
	if free >= 0 {
		b.ports = free / r.newPorts
	}
	return b, err
}

// fit returns how many of the requested servers may be made, or fault.OverQuota. It counts in the transaction that
// writes the rows. Transactions are serializable, so concurrent requests cannot exceed a limit together.
func (s *Servers) fit(ctx context.Context, tx *db.Tx, b bounds, f nova.Flavor, a *CreateArgs,
	caller *auth.Caller) (int, error) {
	used, err := store.Usage(ctx, tx, caller.ProjectID, "")
	if err != nil {
		return 0, err
	}
	count := a.Max
	if n := room(b.project, used, f); n >= 0 {
		count = min(count, n)
	}
	blame, blamed := b.project, used
	if b.own.Instances != b.project.Instances || b.own.Cores != b.project.Cores || b.own.RAM != b.project.RAM {
		mine, err := store.Usage(ctx, tx, caller.ProjectID, caller.UserID)
		if err != nil {
			return 0, err
		}
		if n := room(b.own, mine, f); n >= 0 && n < count {
			count, blame, blamed = n, b.own, mine
		}
	}
	if count < a.Min {
		return 0, over(blame, blamed, f, a.Min)
	}
	if b.ports >= 0 {
		count = min(count, b.ports)
	}
	if count < a.Min {
		return 0, fault.OverQuotaf("Maximum number of ports exceeded")
	}
	return count, nil
}

// room is how many more servers of the flavor the limits allow; -1 is any number.
func room(l nova.Limits, u nova.Usage, f nova.Flavor) int {
	n := int64(-1)
	for _, x := range []struct{ limit, used, each int64 }{
		{l.Instances, u.Instances, 1}, {l.Cores, u.Cores, int64(f.VCPUs)}, {l.RAM, u.RAM, int64(f.RAM)},
	} {
		if x.limit < 0 || x.each == 0 {
			continue
		}
		if free := max(0, x.limit-x.used) / x.each; n < 0 || free < n {
			n = free
		}
	}
	return int(n)
}

// over lists the limits that count servers would exceed.
func over(l nova.Limits, u nova.Usage, f nova.Flavor, count int) error {
	var names, asked, used, allowed []string
	for _, x := range []struct {
		name              string
		limit, used, each int64
	}{
		{"cores", l.Cores, u.Cores, int64(f.VCPUs)}, {"instances", l.Instances, u.Instances, 1}, {"ram", l.RAM, u.RAM,
			int64(f.RAM)},
	} {
		if x.limit >= 0 && x.used+x.each*int64(count) > x.limit {
			names = append(names, x.name)
			asked = append(asked, fmt.Sprint(x.each*int64(count)))
			used = append(used, fmt.Sprint(x.used))
			allowed = append(allowed, fmt.Sprint(x.limit))
		}
	}
	join := func(s []string) string { return strings.Join(s, ", ") }
	return fault.OverQuotaf("Quota exceeded for %s: Requested %s, but already used %s of %s %s",
		join(names), join(asked), join(used), join(allowed), join(names))
}

// checkItems returns fault.OverQuota for more metadata items or files than a server may have.
func checkItems(l nova.Limits, a *CreateArgs) error {
	if err := metadataFits(l, a.Metadata); err != nil {
		return err
	}
	if l.InjectedFiles >= 0 && int64(len(a.Files)) > l.InjectedFiles {
		return fault.OverQuotaf("Personality file limit exceeded")
	}
	for _, f := range a.Files {
		if l.InjectedFilePathBytes >= 0 && int64(len(f.Path)) > l.InjectedFilePathBytes {
			return fault.OverQuotaf("Personality file path exceeds maximum %d", l.InjectedFilePathBytes)
		}
		if l.InjectedFileContentBytes >= 0 && int64(len(f.Contents)) > l.InjectedFileContentBytes {
			return fault.OverQuotaf("Personality file content exceeds maximum %d", l.InjectedFileContentBytes)
		}
	}
	return nil
}

func metadataFits(l nova.Limits, m map[string]string) error {
	if l.MetadataItems >= 0 && int64(len(m)) > l.MetadataItems {
		return fault.OverQuotaf("Maximum number of metadata items exceeds %d", l.MetadataItems)
	}
	return nil
}
