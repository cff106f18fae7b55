package app

import (
	"context"
	"strings"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Bootstrap makes what nobody can make without it: the default domain, the first projects, roles and users, and the
// catalog. What is there stays; only the endpoints' URLs follow the configuration.
func (p *Process) Bootstrap(ctx context.Context, w Passwords) error {
	k, err := p.keystone.operations(ctx)
	if err != nil {
		return err
	}
	b := bootstrap{identityOperations: k, p: p, roleIDs: map[string]string{}, projects: map[string]string{}}
	if err := b.domain(ctx); err != nil {
		return err
	}
	for _, name := range []string{"admin", "demo", p.c.Authtoken.Project} {
		if err := b.project(ctx, name); err != nil {
			return err
		}
	}
	if err := b.rolesAndImplications(ctx); err != nil {
		return err
	}
	for _, u := range []struct {
		name, password, project string
		roles                   []string
		system                  bool
	}{
		{"admin", w.Admin, "admin", []string{"admin"}, true},
		{"admin", w.Admin, "demo", []string{"admin"}, false},
		{"demo", w.Demo, "demo", []string{"member"}, false},
		{p.c.Authtoken.Username, w.Service, p.c.Authtoken.Project, []string{"admin", "service"}, false},
	} {
		if err := b.user(ctx, u.name, u.password, u.project, u.roles, u.system); err != nil {
			return err
		}
	}
	if err := b.endpoints(ctx); err != nil {
		return err
	}
	return b.imageLimits(ctx)
}

// bootstrap is one run of Bootstrap.
type bootstrap struct {
	*identityOperations
	p        *Process
	roleIDs  map[string]string
	projects map[string]string
}

func (b *bootstrap) domain(ctx context.Context) error {
	_, err := b.users.Projects.Domain(ctx, keystone.DefaultDomainID)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, err = b.users.Projects.Create(ctx, keystone.Project{ID: keystone.DefaultDomainID, Name: "Default",
		Description: "The default domain", Enabled: true, IsDomain: true})
	return err
}

func (b *bootstrap) project(ctx context.Context, name string) error {
	have, err := b.users.Projects.List(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("name", name),
		db.EqTo("domain_id", keystone.DefaultDomainID)}, Limit: 1})
	if err != nil {
		return err
	}
	if len(have) == 0 {
		made, err := b.users.Projects.Create(ctx, keystone.Project{Name: name, DomainID: keystone.DefaultDomainID,
			ParentID: keystone.DefaultDomainID, Enabled: true})
		if err != nil {
			return err
		}
		have = append(have, made)
	}
	b.projects[name] = have[0].ID
	return nil
}

// rolesAndImplications makes the roles that the default policies know: each implies the next lesser one.
func (b *bootstrap) rolesAndImplications(ctx context.Context) error {
	all, err := b.roles.AllRoles(ctx)
	if err != nil {
		return err
	}
	for id, r := range all {
		if r.DomainID == "" {
			b.roleIDs[r.Name] = id
		}
	}
	for _, name := range []string{"admin", "manager", "member", "reader", "service"} {
		if b.roleIDs[name] != "" {
			continue
		}
		made, err := b.roles.CreateRole(ctx, keystone.Role{Name: name})
		if err != nil {
			return err
		}
		b.roleIDs[name] = made.ID
	}
	for _, i := range [][2]string{{"admin", "manager"}, {"manager", "member"}, {"member", "reader"}} {
		if err := b.roles.Imply(ctx, b.roleIDs[i[0]], b.roleIDs[i[1]]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bootstrap) user(ctx context.Context, name, password, project string, roles []string, system bool) error {
	have, err := b.users.Users.List(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("name", name),
		db.EqTo("domain_id", keystone.DefaultDomainID)}, Limit: 1})
	if err != nil {
		return err
	}
	if len(have) == 0 {
		made, err := b.users.Users.Create(ctx, keystone.User{Name: name, DomainID: keystone.DefaultDomainID, Enabled: true},
			password)
		if err != nil {
			return err
		}
		have = append(have, made)
	}
	for _, r := range roles {
		g := keystone.Grant{Actor: keystone.OfUser, ActorID: have[0].ID, Target: keystone.OnProject,
			TargetID: b.projects[project], RoleID: b.roleIDs[r]}
		if err := b.roles.Grant(ctx, g); err != nil {
			return err
		}
		if system {
			g.Target, g.TargetID = keystone.OnSystem, keystone.OnSystem
			if err := b.roles.Grant(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// endpoints writes the catalog of this configuration.
func (b *bootstrap) endpoints(ctx context.Context) error {
	services, err := b.catalog.Services.List(ctx)
	if err != nil {
		return err
	}
	endpoints, err := b.catalog.Endpoints.List(ctx)
	if err != nil {
		return err
	}
	for _, e := range Services() {
		var sv keystone.Service
		for _, s := range services {
			if s.Type == e.Type && s.Name == e.Name {
				sv = s
			}
		}
		if sv.ID == "" {
			if sv, err = b.catalog.Services.Create(ctx, keystone.Service{Type: e.Type, Name: e.Name,
				Enabled: true}); err != nil {
				return err
			}
		}
		url := b.p.Endpoint(e.APIs[0]) + e.Path
		for _, iface := range []string{"public", "internal", "admin"} {
			want := keystone.Endpoint{ServiceID: sv.ID, Interface: iface, RegionID: b.p.c.Seed.Region, URL: url, Enabled: true}
			for _, have := range endpoints {
				if have.ServiceID == sv.ID && have.Interface == iface && have.RegionID == want.RegionID {
					want.ID, want.Extra, want.Enabled = have.ID, have.Extra, have.Enabled
					want.Name, want.Description = have.Name, have.Description
					if strings.TrimSuffix(have.URL, "/") == url {
						want.URL = "" // as it should be
					}
				}
			}
			if want.URL == "" {
				continue
			}
			if _, err := b.catalog.Endpoints.Put(ctx, want); err != nil {
				return err
			}
		}
	}
	return nil
}
