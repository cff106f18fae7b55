package federation

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

func withText(e keystone.Extra, key, value string) keystone.Extra {
	out := maps.Clone(e)
	if out == nil {
		out = keystone.Extra{}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return e
	}
	out[key] = b
	return out
}

// expiring keeps the groups for as long as the provider's memberships last without a new login: application
// credentials rest on them.
func (w *writer) expiring(ctx context.Context, user string, groups []string) error {
	life := w.life
	if w.visit.provider.TTL != nil {
		life = time.Duration(*w.visit.provider.TTL) * time.Minute
	}
	if life <= 0 {
		groups = nil
	}
	lost, err := store.SetExpiringMembers(ctx, w.tx, user, w.visit.provider.ID, groups, w.now().Add(life))
	w.changed = w.changed || lost
	return err
}

// projects makes the projects of the mapping that are not there, and gives the user the roles on them. The roles must
// be there: with one that is not, nothing is made.
func (w *writer) projects(ctx context.Context, user string) error {
	if len(w.visit.who.Projects) == 0 {
		return nil
	}
	all, err := store.AllRoles(ctx, w.tx)
	if err != nil {
		return err
	}
	roles := map[string]keystone.Role{}
	for _, r := range all {
		if other, twice := roles[r.Name]; !twice || other.DomainID != "" {
			roles[r.Name] = r
		}
	}
	for _, p := range w.visit.who.Projects {
		domain := w.visit.provider.DomainID
		if p.Domain != nil {
			if domain, err = domainID(ctx, w.tx, p.Domain); err != nil {
				return err
			}
		}
		var held []string
		for _, r := range p.Roles {
			role, ok := roles[r.Name]
			switch {
			case !ok:
				return fault.NotFoundf("Could not find role: %s.", r.Name)
			case role.DomainID != "" && role.DomainID != domain:
				return fault.Forbiddenf("Role %s is a domain-specific role of another domain than that of identity provider %s.",
					r.Name, w.visit.provider.ID)
			}
			held = append(held, role.ID)
		}
		project, err := w.project(ctx, domain, p.Name)
		if err != nil {
			return err
		}
		for _, role := range held {
			g := keystone.Grant{Actor: keystone.OfUser, ActorID: user, Target: keystone.OnProject, TargetID: project,
				RoleID: role}
			there, err := store.Granted(ctx, w.tx, g)
			if err != nil {
				return err
			}
			if there {
				continue
			}
			w.changed = true
			if err := store.InsertGrant(ctx, w.tx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) project(ctx context.Context, domain, name string) (string, error) {
	p, err := store.ProjectNamed(ctx, w.tx, domain, name)
	if !fault.Is(err, fault.NotFound) {
		return p.ID, err
	}
	p = keystone.Project{ID: ids.Hex(), Name: name, DomainID: domain, ParentID: domain, Enabled: true}
	return p.ID, store.InsertProject(ctx, w.tx, p)
}
