package l2

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// Kernel is the host that is made as planned; netdev.Host, or a model of it in tests.
type Kernel interface {
	Snapshot() (netdev.Snapshot, error)
	Do(op netdev.Op) error
	Run(ctx context.Context, stdin []byte, argv ...string) ([]byte, error)

	// These are of a router's namespace, or of the host where router is empty.
	Generation(router string) (uint32, error)
	Filter(router string, tables []string) (netdev.Filter, error)
	Cut(router string, keep func(netdev.Flow) bool) (int, error)
	RunIn(ctx context.Context, router string, stdin []byte, argv ...string) ([]byte, error)
}

// Result is the outcome of an Apply.
type Result struct {
	Up     []string
	Down   map[string]string    // port to reason
	Spaces map[string]Condition // by name

	Repaired []Repair // what was not as the same state had been left
	Failed   []error  // what the host refused
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
	parts  []Part
	log    *slog.Logger

	host   keeper // of the packet filter
	rules  nft.Ruleset
	asked  bool               // whether the host forwards by itself is known
	cut    bool               // connections that the rules in force do not allow are cut
	routed map[string]*routed // by namespace

	kept    int64           // revision of the state that the host was left in, whole; differences from it are drift
	settled bool            // there was one
	plugged map[string]bool // taps that a guest had open
	lost    map[string]bool // taps that a guest had open when somebody removed them

	logged   repeats
	refusals map[string]time.Time // when a refusal was last logged, by step and error
}

// New makes the reconciler of a host.
func New(k Kernel, set Settings, log *slog.Logger) *Reconciler {
	return &Reconciler{kernel: k, set: set, parts: Parts(), log: log, plugged: map[string]bool{}, lost: map[string]bool{},
		refusals: map[string]time.Time{}}
}

// Apply makes the host as the state says. What fails for one port or network does not hold up the others: it is in the
// result and is tried again by the next Apply. An error means that the host could not be read or its filter not be set;
// then nothing was plugged in.
func (r *Reconciler) Apply(ctx context.Context, state neutron.HostState) (Result, error) {
	began := time.Now()
	have, err := r.kernel.Snapshot()
	if err != nil {
		return Result{}, err
	}
	if !r.asked || have.Links[netdev.OutsideBridge(r.set.Owner)].Name != "" {
		r.set.Forwards, r.asked = forwarded(have, r.set.Owner), true
	}
	set := r.set
	plan := Make(state, Zones(state.Networks, have, set.Owner), set, r.parts)
	res := Result{Down: map[string]string{}, Spaces: map[string]Condition{}}
	maps.Copy(res.Down, plan.Refused)
	maps.Copy(res.Down, plan.Down)
	unplugged := r.unplugged(&plan, have)
	steps := Diff(plan, have)
	drifted := r.settled && r.kept == state.Revision
	r.settled = false
	for _, sp := range plan.Spaces {
		res.Spaces[sp.Name] = Kept
	}
	r.run(steps.Unplug, &res)
	filtered, drift, err := r.filter(ctx, plan, have)
	if err != nil {
		return Result{}, err
	}
	r.run(steps.Build, &res)
	translated, odd := r.routers(ctx, plan, have, steps.Route, &res)
	filtered, drift = filtered || translated, append(drift, odd...)
	r.run(steps.Clear, &res)
	for id, why := range unplugged { // their taps were made all the same
		if res.Down[id] == "" {
			res.Down[id] = why
		}
	}
	if err := r.cutConnections(have); err != nil {
		r.log.Warn("cannot check existing connections against the new rules", "error", err)
	}
	for _, id := range plan.Ports {
		if _, down := res.Down[id]; !down {
			res.Up = append(res.Up, id)
		}
	}
	r.kept, r.settled = state.Revision, len(res.Failed) == 0
	if drifted {
		drift = append(drift, repairs(steps, have)...)
	}
	res.Repaired = drift
	switch {
	case len(drift) > 0:
		r.logRepairs(drift, len(res.Failed), began)
	case filtered || !steps.Empty():
		r.log.Info("host changed", "revision", state.Revision, "unplugged", len(steps.Unplug),
			"built", len(steps.Build)+len(steps.Route), "cleared", len(steps.Clear), "filter", filtered,
			"up", len(res.Up), "down", len(res.Down), "took", time.Since(began))
	}
	return res, nil
}

// run carries out steps. A tap whose bridge or namespace failed is not plugged in; one that shall be down anyway is
// made.
func (r *Reconciler) run(steps []Step, res *Result) {
	began := time.Now()
	maps.DeleteFunc(r.refusals, func(_ string, at time.Time) bool { return began.Sub(at) >= logEvery })
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
		r.refused(s, err, res)
	}
}

// refused notes that a step failed, and which ports suffer from it.
func (r *Reconciler) refused(s Step, err error, res *Result) {
	res.Failed = append(res.Failed, err)
	now := time.Now()
	if what := s.String() + " " + err.Error(); now.Sub(r.refusals[what]) >= logEvery {
		r.refusals[what] = now
		r.log.Warn("cannot apply a change on the host", "step", s.String(), "error", err)
	}
	if s.Verb == netdev.AddSpace || s.Verb == netdev.SetSpace {
		res.Spaces[s.Space.Name] = Failed
	}
	for _, id := range s.Ports {
		if res.Down[id] == "" {
			res.Down[id] = err.Error()
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

// cutConnections ends tracked connections that the rules in force do not allow to begin.
func (r *Reconciler) cutConnections(have netdev.Snapshot) error {
	if r.cut {
		return nil
	}
	keep, foreign := r.rules.Keeps(), foreign(r.rules, have, r.set.Owner)
	n, err := r.kernel.Cut("", func(f netdev.Flow) bool {
		return foreign(f.Zone) || keep(nft.Flow{Zone: f.Zone, Src: f.Src, Dst: f.Dst, Proto: f.Proto, DstPort: f.DstPort})
	})
	if err != nil {
		return err
	}
	r.cut = true
	if n > 0 {
		r.log.Info("connections cut", "count", n)
	}
	return nil
}
