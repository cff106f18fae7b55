package l2

import (
	"context"
	"slices"
	"strings"
	"time"

	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// lookEvery is how long the packet filter is believed to be unchanged while its generation is.
const lookEvery = time.Minute

// filter makes the packet filter the planned one. It tells whether it had to change it, and what of it somebody else
// had changed.
func (r *Reconciler) filter(ctx context.Context, plan Plan, have netdev.Snapshot) (bool, []Repair, error) {
	tables := plan.Rules.Tables()
	var difference string
	var drift []Repair
	if r.tables != nil {
		known, changed, err := r.look(have)
		if err != nil {
			return false, nil, err
		}
		for _, what := range changed {
			drift = append(drift, Repair{Kind: "filter", What: what})
		}
		difference = tables.Since(r.tables)
		switch {
		case !known || len(changed) > 0:
			difference = ""
		case difference == "":
			return false, nil, nil
		}
	}
	if r.tables == nil || len(drift) > 0 || plan.Rules.Narrows(r.rules) {
		r.cut = false // connections may have begun under another filter
	}
	r.held = netdev.Filter{}
	generation := have.Generation
	for range 3 {
		if err := r.load(ctx, difference, tables); err != nil {
			r.tables = nil
			return false, nil, err
		}
		r.tables, r.rules = tables, plan.Rules
		done, err := r.remember(&generation)
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
func (r *Reconciler) look(have netdev.Snapshot) (known bool, changed []string, err error) {
	if r.held.Parts == nil {
		return false, nil, nil
	}
	if have.Generation == r.held.Generation && time.Since(r.looked) < lookEvery {
		return true, nil, nil
	}
	now, err := r.kernel.Filter(nft.Names(r.set.Owner))
	if err != nil {
		return false, nil, err
	}
	r.looked = time.Now()
	if changed = brief(r.held.Differences(now), now); len(changed) == 0 {
		r.held.Generation = now.Generation
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
func (r *Reconciler) remember(generation *uint32) (bool, error) {
	held, err := r.kernel.Filter(nft.Names(r.set.Owner))
	if err != nil {
		return false, err
	}
	after, err := r.kernel.Generation()
	if err != nil {
		return false, err
	}
	undisturbed := held.Generation == *generation+1 && after == held.Generation
	*generation = after
	if undisturbed {
		r.held, r.looked = held, time.Now()
	}
	return undisturbed, nil
}

// load applies the difference, or all where there is none or it does not fit.
func (r *Reconciler) load(ctx context.Context, difference string, tables nft.Tables) error {
	if difference != "" {
		err := nft.Apply(ctx, r.kernel.Run, difference)
		if err == nil {
			return nil
		}
		r.log.Warn("packet filter was changed by another program; loading it again", "err", err)
	}
	return nft.Apply(ctx, r.kernel.Run, tables.Whole())
}
