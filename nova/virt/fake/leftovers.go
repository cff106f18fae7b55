package fake

import (
	"context"
	"maps"
	"slices"
	"strings"

	"hypernova/nova/virt"
)

var _ virt.LeftoverFinder = (*Driver)(nil)

// Leftovers reads the records.
func (x disker) Leftovers(ctx context.Context) ([]virt.Leftover, error) {
	if _, err := x.d.enter(ctx, "leftovers", "", 0); err != nil {
		return nil, err
	}
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	var out []virt.Leftover
	for _, id := range slices.Sorted(maps.Keys(x.d.servers)) {
		k := x.d.servers[id].Disks
		l := virt.Leftover{ID: id, NewDisks: k.Next != "", OldDisks: k.Before != "", RescueDisk: k.Rescue != "",
			Rescued: k.Rescued}
		if l.OldDisks {
			l.Image, _, _ = strings.Cut(x.d.servers[id].Image, " ")
		}
		if k.Copy != "" {
			l.Snapshots = []string{k.Copy}
		}
		if l.NewDisks || l.OldDisks || l.RescueDisk || l.Rescued || l.Snapshots != nil {
			out = append(out, l)
		}
	}
	return out, nil
}
