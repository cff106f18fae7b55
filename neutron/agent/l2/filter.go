package l2

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// lookEvery is how long a packet filter is believed to be unchanged while its generation is.
const lookEvery = time.Minute

// filter makes the host's packet filter the planned one. It tells whether it had to change it, and what of it somebody
// else had changed.
func (r *Reconciler) filter(ctx context.Context, plan Plan, have netdev.Snapshot) (bool, []Repair, error) {
	first := r.host.tables == nil
	changed, drift, err := r.host.keep(ctx, filterIn{r.kernel, ""}, nft.Names(r.set.Owner), plan.Rules.Tables(),
		have.Generation, r.log)
	if err != nil {
		return false, nil, err
	}
	if changed {
		if first || len(drift) > 0 || plan.Rules.Narrows(r.rules) {
			r.cut = false // connections may have begun under another filter
		}
		r.rules = plan.Rules
	}
	return changed, drift, nil
}

// keeper keeps tables of one packet filter. The zero value knows nothing of what the kernel holds.
type keeper struct {
	tables nft.Tables    // applied last; nil: not known
	held   netdev.Filter // how the kernel held them then; without parts: not known
	looked time.Time     // at them
}

// keep makes the tables the given ones, where the filter's generation is the one of before. It tells whether it had to
// change them, and what of them somebody else had changed.
func (k *keeper) keep(ctx context.Context, in filterIn, names []string, tables nft.Tables, generation uint32,
	log *slog.Logger) (bool, []Repair, error) {
	var difference string
	var drift []Repair
	if k.tables != nil {
		known, changed, err := k.look(in, names, generation)
		if err != nil {
			return false, nil, err
		}
		for _, what := range changed {
			drift = append(drift, Repair{Kind: "filter", What: what})
		}
		difference = tables.Since(k.tables)
		switch {
		case !known || len(changed) > 0:
			difference = ""
		case difference == "":
			return false, nil, nil
		}
	}
	k.held = netdev.Filter{}
	for range 3 {
		if err := load(ctx, in, difference, tables, log); err != nil {
			k.tables = nil
			return false, nil, err
		}
		k.tables = tables
		done, err := k.remember(in, names, &generation)
		if err != nil {
			return false, nil, err
		}
		if done {
			return true, drift, nil
		}
		difference = "" // somebody else was at it too, perhaps at ours: once more, whole
	}
	return true, drift, nil // the next Apply sets it again
}

// look compares the packet filter with how it was left. known is false where that is not known.
func (k *keeper) look(in filterIn, names []string, generation uint32) (known bool, changed []string, err error) {
	if k.held.Parts == nil {
		return false, nil, nil
	}
	if generation == k.held.Generation && time.Since(k.looked) < lookEvery {
		return true, nil, nil
	}
	now, err := in.Filter(names)
	if err != nil {
		return false, nil, err
	}
	k.looked = time.Now()
	if changed = brief(k.held.Differences(now), now); len(changed) == 0 {
		k.held.Generation = now.Generation
	}
	return true, changed, nil
}

// brief leaves out what went with its table.
func brief(changed []string, now netdev.Filter) []string {
	return slices.DeleteFunc(changed, func(name string) bool {
		words := strings.SplitN(name, " ", 3) // family, table, the object in it
		if len(words) < 3 {
			return false
		}
		_, there := now.Parts[words[0]+" "+words[1]]
		return !there
	})
}

// remember reads what was just applied, and reports that nobody changed anything since the generation of before. It
// moves generation on.
func (k *keeper) remember(in filterIn, names []string, generation *uint32) (bool, error) {
	held, err := in.Filter(names)
	if err != nil {
		return false, err
	}
	after, err := in.Generation()
	if err != nil {
		return false, err
	}
	undisturbed := held.Generation == *generation+1 && after == held.Generation
	*generation = after
	if undisturbed {
		k.held, k.looked = held, time.Now()
	}
	return undisturbed, nil
}

// load applies the difference, or all where there is none or it does not fit.
func load(ctx context.Context, in filterIn, difference string, tables nft.Tables, log *slog.Logger) error {
	if difference != "" {
		err := nft.Apply(ctx, in.Run, difference)
		if err == nil {
			return nil
		}
		log.Warn("packet filter was changed by another program; loading it again", "error", err)
	}
	return nft.Apply(ctx, in.Run, tables.Whole())
}
