// Package bootstrap creates the initial content of an identity database, as keystone-manage bootstrap does: domain,
// roles, administrator, projects, catalog. It only adds: run again, it changes nothing but endpoint URLs that have
// moved, and never a password that is there.
package bootstrap

import (
	"context"
	"fmt"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/catalog"
	"hypernova/keystone/identity"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Plan is what should be there.
type Plan struct {
	Region   string
	Services []Service
	Projects []string // in the default domain
	Users    []User
}

// Service is an entry of the catalog; URL serves all three interfaces.
type Service struct{ Type, Name, URL string }

// User is a user of the default domain with a password for its first day and roles per project; OnSystem adds the
// roles on the system.
type User struct {
	Name, Password string
	Grants         map[string][]string // project name -> role names
	OnSystem       []string
	OnDomain       []string
}

// Operations are the operations that the bootstrap calls.
type Operations struct {
	Identity *identity.Service
	Roles    *assignment.Service
	Catalog  *catalog.Service
}

// The roles that OpenStack's default policies ask for, each with what it implies.
var roles = []struct {
	name    string
	implies string
}{{"reader", ""}, {"member", "reader"}, {"manager", "member"}, {"admin", "manager"}, {"service", ""}}

// Run brings the plan about.
func Run(ctx context.Context, v Operations, p Plan) error {
	if _, err := v.Identity.Projects.Domain(ctx, keystone.DefaultDomainID); fault.Is(err, fault.NotFound) {
		_, err = v.Identity.Projects.Create(ctx, keystone.Project{ID: keystone.DefaultDomainID, Name: "Default",
			IsDomain: true, Enabled: true,
			Description: "The default domain"})
		if err != nil {
			return fmt.Errorf("default domain: %w", err)
		}
	} else if err != nil {
		return err
	}
	held, err := v.roles(ctx)
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	projects := map[string]string{}
	for _, name := range p.Projects {
		if projects[name], err = v.project(ctx, name); err != nil {
			return fmt.Errorf("project %s: %w", name, err)
		}
	}
	for _, u := range p.Users {
		if err := v.user(ctx, u, projects, held); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
	}
	for _, s := range p.Services {
		if err := v.service(ctx, s, p.Region); err != nil {
			return fmt.Errorf("catalog entry %s: %w", s.Type, err)
		}
	}
	return nil
}

func (v Operations) roles(ctx context.Context) (map[string]string, error) {
	all, err := v.Roles.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]string{}
	for id, r := range all {
		if r.DomainID == "" {
			byName[r.Name] = id
		}
	}
	for _, want := range roles {
		if byName[want.name] == "" {
			r, err := v.Roles.CreateRole(ctx, keystone.Role{Name: want.name})
			if err != nil {
				return nil, err
			}
			byName[want.name] = r.ID
		}
		if want.implies != "" {
			if err := v.Roles.Imply(ctx, byName[want.name], byName[want.implies]); err != nil {
				return nil, err
			}
		}
	}
	return byName, nil
}

func named(name string) db.ListArgs {
	return db.ListArgs{Where: []db.Cond{db.EqTo("name", name), db.EqTo("domain_id", keystone.DefaultDomainID)}, Limit: 1}
}

func (v Operations) project(ctx context.Context, name string) (string, error) {
	there, err := v.Identity.Projects.List(ctx, named(name))
	if err != nil {
		return "", err
	}
	if len(there) > 0 {
		return there[0].ID, nil
	}
	p, err := v.Identity.Projects.Create(ctx, keystone.Project{Name: name, DomainID: keystone.DefaultDomainID,
		Enabled: true})
	return p.ID, err
}

func (v Operations) user(ctx context.Context, u User, projects, roles map[string]string) error {
	there, err := v.Identity.Users.List(ctx, named(u.Name))
	if err != nil {
		return err
	}
	var id string
	if len(there) > 0 {
		id = there[0].ID
	} else {
		made, err := v.Identity.Users.Create(ctx, keystone.User{Name: u.Name, DomainID: keystone.DefaultDomainID,
			Enabled: true}, u.Password)
		if err != nil {
			return err
		}
		id = made.ID
	}
	grant := func(target, targetID string, names []string) error {
		for _, name := range names {
			g := keystone.Grant{Actor: keystone.OfUser, ActorID: id, Target: target, TargetID: targetID, RoleID: roles[name]}
			if err := v.Roles.Grant(ctx, g); err != nil {
				return err
			}
		}
		return nil
	}
	for project, names := range u.Grants {
		if err := grant(keystone.OnProject, projects[project], names); err != nil {
			return err
		}
	}
	if err := grant(keystone.OnDomain, keystone.DefaultDomainID, u.OnDomain); err != nil {
		return err
	}
	return grant(keystone.OnSystem, keystone.OnSystem, u.OnSystem)
}

func (v Operations) service(ctx context.Context, s Service, region string) error {
	all, err := v.Catalog.Services.List(ctx)
	if err != nil {
		return err
	}
	id := ""
	for _, have := range all {
		if have.Type == s.Type {
			id = have.ID
		}
	}
	if id == "" {
		made, err := v.Catalog.Services.Create(ctx, keystone.Service{Type: s.Type, Name: s.Name, Enabled: true})
		if err != nil {
			return err
		}
		id = made.ID
	}
	endpoints, err := v.Catalog.Endpoints.List(ctx)
	if err != nil {
		return err
	}
	for _, face := range []string{"public", "internal", "admin"} {
		want := keystone.Endpoint{ServiceID: id, Interface: face, RegionID: region, URL: s.URL, Enabled: true}
		for _, have := range endpoints {
			if have.ServiceID == id && have.Interface == face && have.RegionID == region {
				want = have
			}
		}
		if want.ID != "" && want.URL == s.URL {
			continue
		}
		want.URL = s.URL
		if _, err := v.Catalog.Endpoints.Put(ctx, want); err != nil {
			return err
		}
	}
	return nil
}
