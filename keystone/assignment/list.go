package assignment

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/fault"
)

// Filter narrows a listing of assignments; empty fields match all.
type Filter struct {
	User, Group, Role, Project, Domain string
	System                             bool
	Effective                          bool // as Entry.Via tells: groups resolved, inheritance and implication applied
	Subtree                            bool // with Project: the projects below it as well
}

// Entry is one line of a listing: a grant as it stands, or one effect of it.
type Entry struct {
	keystone.Grant
	// ViaGroup, ViaTarget and ViaRole tell where an effective entry comes from, empty where it stands as granted.
	ViaGroup, ViaTarget, ViaTargetKind, ViaRole string
}

// List answers which grants there are, or with Effective which roles users hold through them.
func (s *Service) List(ctx context.Context, f Filter) ([]Entry, error) {
	grants, err := s.candidates(ctx, f)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(grants))
	for _, g := range grants {
		entries = append(entries, Entry{Grant: g})
	}
	if f.Effective {
		if entries, err = s.effects(ctx, entries); err != nil {
			return nil, err
		}
	}
	within := map[string]bool{f.Project: true}
	if f.Subtree && f.Project != "" {
		below, err := s.below(ctx, f.Project)
		if err != nil {
			return nil, err
		}
		for _, id := range below {
			within[id] = true
		}
	}
	var out []Entry
	for _, e := range entries {
		if f.match(e, within) {
			out = append(out, e)
		}
	}
	return out, nil
}

// candidates are the grants that can have a part in what is asked: those of the actor or on the target where one is
// named, else all.
func (s *Service) candidates(ctx context.Context, f Filter) ([]keystone.Grant, error) {
	targets := []string{f.Project}
	switch {
	case f.User != "" && f.Effective:
		return s.grantsFor(ctx, f.User, nil)
	case f.User != "":
		return store.GrantsOf(ctx, s.db, f.User)
	case f.Group != "" && !f.Effective:
		return store.GrantsOf(ctx, s.db, f.Group)
	case f.Project != "" && !f.Subtree:
		if f.Effective {
			r := reach{q: s.db, parents: map[string]keystone.Project{}}
			above, err := r.above(ctx, f.Project)
			if fault.Is(err, fault.NotFound) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			targets = append(targets, above...)
		}
	case f.Domain != "":
		targets = []string{f.Domain}
	case f.System:
		targets = []string{keystone.OnSystem}
	default:
		return store.Grants(ctx, s.db)
	}
	var out []keystone.Grant
	for _, t := range targets {
		gs, err := store.GrantsOn(ctx, s.db, t)
		if err != nil {
			return nil, err
		}
		out = append(out, gs...)
	}
	return out, nil
}

func (f Filter) match(e Entry, within map[string]bool) bool {
	return (f.User == "" || e.Actor == keystone.OfUser && e.ActorID == f.User) &&
		(f.Group == "" || e.Actor == keystone.OfGroup && e.ActorID == f.Group) &&
		(f.Role == "" || e.RoleID == f.Role) &&
		(f.Project == "" || e.Target == keystone.OnProject && within[e.TargetID]) &&
		(f.Domain == "" || e.Target == keystone.OnDomain && e.TargetID == f.Domain) &&
		(!f.System || e.Target == keystone.OnSystem)
}

// effects turns grants into what they amount to for users on targets.
func (s *Service) effects(ctx context.Context, es []Entry) ([]Entry, error) {
	var err error
	for _, step := range []func(context.Context, []Entry) ([]Entry, error){s.perUser, s.perTarget, s.perRole} {
		if es, err = step(ctx, es); err != nil {
			return nil, err
		}
	}
	return es, nil
}

func (s *Service) perUser(ctx context.Context, es []Entry) ([]Entry, error) {
	members := map[string][]keystone.User{}
	var out []Entry
	for _, e := range es {
		if e.Actor != keystone.OfGroup {
			out = append(out, e)
			continue
		}
		us, ok := members[e.ActorID]
		if !ok {
			var err error
			var theirs bool
			if us, theirs, err = s.directory.Members(ctx, e.ActorID); err == nil && !theirs {
				us, err = store.Members(ctx, s.db, e.ActorID)
			}
			if err != nil {
				return nil, err
			}
			members[e.ActorID] = us
		}
		for _, u := range us {
			n := e
			n.Actor, n.ActorID, n.ViaGroup = keystone.OfUser, u.ID, e.ActorID
			out = append(out, n)
		}
	}
	return out, nil
}

func (s *Service) perTarget(ctx context.Context, es []Entry) ([]Entry, error) {
	var out []Entry
	for _, e := range es {
		if !e.Inherited {
			out = append(out, e)
			continue
		}
		below, err := s.below(ctx, e.TargetID)
		if err != nil {
			return nil, err
		}
		for _, id := range below {
			n := e
			n.Target, n.TargetID, n.ViaTarget, n.ViaTargetKind, n.Inherited = keystone.OnProject, id, e.TargetID, e.Target, false
			out = append(out, n)
		}
	}
	return out, nil
}

func (s *Service) perRole(ctx context.Context, es []Entry) ([]Entry, error) {
	m, err := implied(ctx, s.db)
	if err != nil {
		return nil, err
	}
	roles, err := s.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	type key struct{ user, target, id, role string }
	seen := map[key]bool{}
	var out []Entry
	for _, e := range es {
		for _, id := range expand(m, []string{e.RoleID}) {
			k := key{e.ActorID, e.Target, e.TargetID, id}
			if seen[k] || roles[id].DomainID != "" {
				continue
			}
			seen[k] = true
			n := e
			if id != e.RoleID {
				n.RoleID, n.ViaRole = id, e.RoleID
			}
			out = append(out, n)
		}
	}
	return out, nil
}
