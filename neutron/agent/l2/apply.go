package l2

import (
	"context"
	"log/slog"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// Kernel is the host that is made as planned; netdev.Host, or a model of it in tests.
type Kernel interface {
	Snapshot() (netdev.Snapshot, error)
	Generation() (uint32, error)
	Do(op netdev.Op) error
	Cut(keep func(netdev.Flow) bool) (int, error)
	Run(ctx context.Context, stdin []byte, argv ...string) ([]byte, error)
}

// Result is what became of a host's ports.
type Result struct {
	Up     []string
	Down   map[string]string    // port to reason
	Spaces map[string]Condition // by name
}

// Condition is how a pass left a namespace.
type Condition string

// The conditions of a namespace. What listened in one that was changed may hear nothing any more.
const (
	Kept    Condition = "kept"
	Changed Condition = "changed"
	Failed  Condition = "failed"
)

// Reconciler applies states to one host, one at a time: it must not be used concurrently.
type Reconciler struct {
	kernel Kernel
	set    Settings
	log    *slog.Logger

	tables     nft.Tables // applied last; nil: not known
	generation uint32     // of the packet filter after that
	rules      nft.Ruleset
	judged     bool // connections have been judged by the rules in force
}

// New makes the reconciler of a host.
func New(k Kernel, set Settings, log *slog.Logger) *Reconciler {
	return &Reconciler{kernel: k, set: set, log: log}
}

// Apply makes the host as the state says. What fails for one port or network does not hold up the others: it is in the result
// and is tried again by the next Apply. An error means that the host could not be read or its filter not be set; then nothing was plugged in.
func (r *Reconciler) Apply(ctx context.Context, state neutron.HostState) (Result, error) {
	began := time.Now()
	have, err := r.kernel.Snapshot()
	if err != nil {
		return Result{}, err
	}
	plan := Make(state, Zones(state.Networks, have, r.set.Owner), r.set)
	steps := Diff(plan, have)
	res := Result{Down: map[string]string{}, Spaces: map[string]Condition{}}
	for _, m := range []map[string]string{plan.Refused, plan.Down} {
		for id, why := range m {
			res.Down[id] = why
		}
	}
	for _, sp := range plan.Spaces {
		res.Spaces[sp.Name] = Kept
	}
	r.run(steps.Unplug, &res)
	filtered, err := r.filter(ctx, plan, have)
	if err != nil {
		return Result{}, err
	}
	r.run(steps.Build, &res)
	r.run(steps.Clear, &res)
	if err := r.judge(have); err != nil {
		r.log.Warn("connections were not judged anew", "err", err)
	}
	for _, id := range plan.Ports {
		if _, down := res.Down[id]; !down {
			res.Up = append(res.Up, id)
		}
	}
	if filtered || !steps.Empty() {
		r.log.Info("host changed", "revision", state.Revision, "unplugged", len(steps.Unplug), "built", len(steps.Build), "cleared", len(steps.Clear),
			"filter", filtered, "up", len(res.Up), "down", len(res.Down), "took", time.Since(began))
	}
	return res, nil
}

// run carries out steps. A tap whose bridge or namespace failed is not plugged in; one that shall be down anyway is made.
func (r *Reconciler) run(steps []Step, res *Result) {
	for _, s := range steps {
		if s.Link.Kind == netdev.Tap && s.Link.Up && s.Verb != netdev.RemoveLink && allDown(s.Ports, res.Down) {
			continue
		}
		err := r.kernel.Do(s.Op)
		if err == nil {
			if s.Verb == netdev.AddSpace || s.Verb == netdev.SetSpace {
				res.Spaces[s.Space.Name] = Changed
			}
			continue
		}
		r.log.Warn("host change refused", "step", s.String(), "err", err)
		if s.Verb == netdev.AddSpace || s.Verb == netdev.SetSpace {
			res.Spaces[s.Space.Name] = Failed
		}
		for _, id := range s.Ports {
			if res.Down[id] == "" {
				res.Down[id] = err.Error()
			}
		}
	}
}

func allDown(ports []string, down map[string]string) bool {
	for _, id := range ports {
		if down[id] == "" {
			return false
		}
	}
	return true
}

// filter makes the packet filter the planned one and reports whether it had to change it.
func (r *Reconciler) filter(ctx context.Context, plan Plan, have netdev.Snapshot) (bool, error) {
	tables := plan.Rules.Tables()
	var difference string
	if r.tables != nil {
		difference = tables.Since(r.tables)
		intact, err := r.intact(ctx, plan, have)
		if err != nil || intact && difference == "" {
			return false, err
		}
		if !intact {
			difference = ""
		}
	}
	if r.tables == nil || plan.Rules.Narrows(r.rules) {
		r.judged = false
	}
	if err := r.load(ctx, difference, tables); err != nil {
		return false, err
	}
	generation, err := r.kernel.Generation()
	if err != nil {
		return false, err
	}
	if generation != have.Generation+1 {
		generation = have.Generation // somebody else was at it too: look again next time
	}
	r.tables, r.rules, r.generation = tables, plan.Rules, generation
	return true, nil
}

// intact reports that what was applied last is still there. The look costs something only after somebody, whoever it was, changed
// any ruleset of the host: "flush ruleset" takes ours along.
func (r *Reconciler) intact(ctx context.Context, plan Plan, have netdev.Snapshot) (bool, error) {
	if have.Generation == r.generation {
		return true, nil
	}
	present, err := nft.Present(ctx, r.kernel.Run, plan.Rules.Mode, r.set.Owner)
	if err != nil {
		return false, err
	}
	if present {
		r.generation = have.Generation
	} else {
		r.log.Warn("somebody removed the packet filter; it is set again")
	}
	return present, nil
}

// load applies the difference, or all where there is none or it does not fit.
func (r *Reconciler) load(ctx context.Context, difference string, tables nft.Tables) error {
	if difference != "" {
		err := nft.Apply(ctx, r.kernel.Run, difference)
		if err == nil {
			return nil
		}
		r.log.Warn("the packet filter is not as it was left; it is set anew", "err", err)
	}
	return nft.Apply(ctx, r.kernel.Run, tables.Whole())
}

// judge forgets the connections that the rules in force would not let begin.
func (r *Reconciler) judge(have netdev.Snapshot) error {
	if r.judged {
		return nil
	}
	keep, foreign := r.rules.Judge(), foreign(r.rules, have, r.set.Owner)
	n, err := r.kernel.Cut(func(f netdev.Flow) bool {
		return foreign(f.Zone) || keep(nft.Flow{Zone: f.Zone, Src: f.Src, Dst: f.Dst, Proto: f.Proto, DstPort: f.DstPort})
	})
	if err != nil {
		return err
	}
	r.judged = true
	if n > 0 {
		r.log.Info("connections cut", "count", n)
	}
	return nil
}
