package filters

import (
	"maps"
	"slices"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/placement"
)

// units are the names of resource classes in messages to users.
var units = map[string]string{placement.MemoryMB: "MiB of memory", placement.DiskGB: "GiB of disk",
	placement.VCPU: "vCPUs"}

// resources drops hosts that lack required traits, have forbidden ones, or have too few free resources: placement would
// reject a claim on them.
func resources(r *snapshot.Request) (check, error) {
	classes := slices.Sorted(maps.Keys(r.Ask.Resources))
	suits, err := traits(r)
	return func(h *snapshot.Host) choose.Verdict {
		if v := suits(h); !v.Pass {
			return v
		}
		for _, class := range classes {
			if v := capacity(h, class, r.Ask.Resources[class]); !v.Pass {
				return v
			}
		}
		return choose.Pass()
	}, err
}

// traits drops hosts that lack required traits or have forbidden ones.
func traits(r *snapshot.Request) (check, error) {
	return func(h *snapshot.Host) choose.Verdict {
		if t, ok := h.HasTraits(r.Ask.Required); !ok {
			return choose.Drop("lacks the trait %s", t)
		}
		for _, t := range r.Ask.Forbidden {
			if slices.Contains(h.Provider.Traits, t) {
				return choose.Drop("has the forbidden trait %s", t)
			}
		}
		return choose.Pass()
	}, nil
}

// capacity checks that a host can allocate n of a resource class.
func capacity(h *snapshot.Host, class string, n int64) choose.Verdict {
	inv, ok := h.Inventory(class)
	if ok && n <= h.Free(class) && (inv.MaxUnit <= 0 || n <= inv.MaxUnit) && n >= inv.MinUnit &&
		(inv.StepSize <= 1 || n%inv.StepSize == 0) {
		return choose.Pass()
	}
	unit := units[class]
	if unit == "" {
		unit = class
	}
	switch free := h.Free(class); {
	case !ok:
		return choose.Drop("offers no %s", unit)
	case free < n:
		return choose.Drop("has %d %s free, %d asked", max(0, free), unit, n)
	case inv.MaxUnit > 0 && n > inv.MaxUnit:
		return choose.Drop("gives one server at most %d %s, %d asked", inv.MaxUnit, unit, n)
	case n < inv.MinUnit:
		return choose.Drop("gives one server at least %d %s, %d asked", inv.MinUnit, unit, n)
	case inv.StepSize > 1 && n%inv.StepSize != 0:
		return choose.Drop("gives %s in steps of %d, %d asked", unit, inv.StepSize, n)
	}
	return choose.Pass()
}
