package l2

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// announcements is how often a router's addresses are announced again after a change: an announcement may be lost.
const announcements = 2

// routed is what the reconciler knows of a router that it left as planned.
type routed struct {
	keeper
	rules    nft.Router
	cut      bool // connections that the rules in force do not keep are cut
	announce int  // announcements that are due
}

// routers makes the routers as planned: first the rules of each, then its ports and that it forwards, then an end of
// the connections that the rules do not keep. So nothing leaves a router untranslated.
func (r *Reconciler) routers(ctx context.Context, plan Plan, have netdev.Snapshot, steps []Step,
	res *Result) (changed bool, drift []Repair) {
	due := map[string]Step{}
	for _, s := range steps {
		due[s.Router.Name] = s
	}
	known := r.routed
	r.routed = map[string]*routed{}
	for _, want := range plan.Routers {
		now := known[want.Name]
		if _, there := have.Routers[want.Name]; now == nil || !there {
			now = &routed{}
		}
		r.routed[want.Name] = now
		loaded, odd, err := r.translate(ctx, now, want)
		changed, drift = changed || loaded, append(drift, odd...)
		if err != nil {
			r.refused(Step{netdev.Op{Verb: netdev.SetRouter, Router: want.Router}, want.Users}, err, res)
			continue
		}
		if s, ok := due[want.Name]; ok {
			failed := len(res.Failed)
			r.run([]Step{s}, res)
			if len(res.Failed) > failed {
				continue
			}
			now.announce = announcements
		} else if now.announce > 0 {
			now.announce--
			r.run([]Step{{Op: netdev.Op{Verb: netdev.Announce, Router: want.Router}}}, res)
		}
		if err := r.cutTranslated(want, now); err != nil {
			r.log.Warn("cannot check existing connections of a router", "router", want.Name, "error", err)
		}
	}
	return changed, drift
}

// translate makes the rules in a router's namespace the planned ones.
func (r *Reconciler) translate(ctx context.Context, now *routed, want Router) (bool, []Repair, error) {
	in := filterIn{r.kernel, want.Name}
	generation, err := in.Generation()
	if err != nil {
		return false, nil, err
	}
	first := now.tables == nil
	changed, drift, err := now.keep(ctx, in, nft.RouterNames(), want.Rules.Tables(), generation, r.log)
	if err != nil {
		return false, nil, err
	}
	if changed {
		if first || len(drift) > 0 || want.Rules.Narrows(now.rules) {
			now.cut = false
		}
		now.rules = want.Rules
	}
	for i := range drift {
		drift[i].What = want.Name + ": " + drift[i].What
	}
	return changed, drift, nil
}

// cutTranslated ends connections that are translated otherwise than the rules in force do it.
func (r *Reconciler) cutTranslated(want Router, now *routed) error {
	if now.cut {
		return nil
	}
	n, err := r.kernel.Cut(want.Name, func(f netdev.Flow) bool {
		return now.rules.Keeps(nft.Translation{Proto: f.Proto, Src: f.Src, Dst: f.Dst, ToSrc: f.ReplyDst, ToDst: f.ReplySrc,
			DstPort: f.DstPort, ToPort: f.ReplySrcPort})
	})
	if err != nil {
		return err
	}
	now.cut = true
	if n > 0 {
		r.log.Info("connections cut", "router", want.Name, "count", n)
	}
	return nil
}

// routers compares the routers' namespaces. One that is there is set in a stage of its own, after its rules.
func (s *Steps) routers(p Plan, have netdev.Snapshot) {
	wanted := map[string]bool{}
	for _, want := range p.Routers {
		wanted[want.Name] = true
		found, ok := have.Routers[want.Name]
		if !ok {
			s.Build = append(s.Build, Step{netdev.Op{Verb: netdev.AddRouter, Router: want.Router}, want.Users})
		}
		if !ok || !found.Equal(want.Router) || !plugged(want.Ports, have) {
			s.Route = append(s.Route, Step{netdev.Op{Verb: netdev.SetRouter, Router: want.Router}, want.Users})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have.Routers)) {
		if !wanted[name] {
			s.Clear = append(s.Clear, Step{Op: netdev.Op{Verb: netdev.RemoveRouter, Router: have.Routers[name]}})
		}
	}
}

// plugged reports that the outer ends of a router's ports are as they must be.
func plugged(ports []netdev.RouterPort, have netdev.Snapshot) bool {
	for _, p := range ports {
		want := netdev.Link{Name: p.Outside, Kind: netdev.Veth, MTU: p.MTU, Master: p.Master, Up: true}
		if have.Links[p.Outside] != want {
			return false
		}
	}
	return true
}

// filterIn is the packet filter of a router's namespace, or of the host where router is empty.
type filterIn struct {
	kernel Kernel
	router string
}

func (f filterIn) Generation() (uint32, error) { return f.kernel.Generation(f.router) }

func (f filterIn) Filter(tables []string) (netdev.Filter, error) {
	return f.kernel.Filter(f.router, tables)
}

func (f filterIn) Run(ctx context.Context, stdin []byte, argv ...string) ([]byte, error) {
	if f.router == "" {
		return f.kernel.Run(ctx, stdin, argv...)
	}
	out, err := f.kernel.RunIn(ctx, f.router, stdin, argv...)
	if err != nil {
		return out, fmt.Errorf("in %s: %w", f.router, err)
	}
	return out, nil
}
