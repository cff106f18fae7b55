package token_test

import (
	"context"
	"testing"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/identity"
	"hypernova/keystone/store"
	"hypernova/keystone/token"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// process is identity in one of several processes that share a database.
type process struct {
	people *identity.Service
	roles  *assignment.Service
	tokens *token.Service
}

func newProcess(t *testing.T, d *db.DB, keys *token.Keys) process {
	t.Helper()
	passwords, err := identity.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	e := store.NewEpochs(d)
	roles := assignment.New(assignment.Deps{DB: d, Epochs: e, Now: clock.Real})
	return process{identity.New(identity.Deps{DB: d, Epochs: e, Passwords: passwords, Now: clock.Real}), roles,
		token.New(token.Config{Lifetime: time.Hour, AllowRescope: true}, token.Deps{DB: d, Epochs: e, Keys: keys,
			Passwords: passwords, Roles: roles, Now: clock.Real})}
}

// world is two processes, and a user with a role on a project by a group.
type world struct {
	t                          *testing.T
	here, there                process
	domain, user, group        string
	project, role, other, text string
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	ctx := t.Context()
	keys, err := token.OpenKeys("", 3)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, here: newProcess(t, d, keys), there: newProcess(t, d, keys)}
	make := func(p keystone.Project) string {
		p.Enabled = true
		made, err := w.there.people.Projects.Create(ctx, p)
		w.must(err)
		return made.ID
	}
	w.domain = make(keystone.Project{Name: "home", IsDomain: true})
	w.project = make(keystone.Project{Name: "lab", DomainID: w.domain})
	u, err := w.there.people.Users.Create(ctx, keystone.User{Name: "ann", DomainID: w.domain, Enabled: true}, "first")
	w.must(err)
	g, err := w.there.people.Groups.Create(ctx, keystone.Group{Name: "crew", DomainID: w.domain})
	w.must(err)
	w.user, w.group = u.ID, g.ID
	w.must(w.there.people.Groups.AddMember(ctx, w.group, w.user))
	for name, id := range map[string]*string{"member": &w.role, "reader": &w.other} {
		r, err := w.there.roles.CreateRole(ctx, keystone.Role{Name: name})
		w.must(err)
		*id = r.ID
	}
	w.must(w.there.roles.Grant(ctx, w.grant()))
	for range 2 { // the second login and the second look use what the first ones left in memory
		if w.text, _, err = w.login("first"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.here.tokens.Inspect(ctx, w.text, false); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.rescope(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) grant() keystone.Grant {
	return keystone.Grant{Actor: keystone.OfGroup, ActorID: w.group, Target: keystone.OnProject, TargetID: w.project,
		RoleID: w.role}
}

func (w *world) login(password string) (string, *token.Token, error) {
	return w.here.tokens.Authenticate(w.t.Context(), token.Request{
		Password: &token.PasswordProof{UserName: "ann", DomainName: "home", Password: password},
		Scope:    &token.ScopeClaim{ProjectName: "lab", DomainName: "home"}})
}

func (w *world) rescope() (string, *token.Token, error) {
	return w.here.tokens.Authenticate(w.t.Context(), token.Request{Token: w.text,
		Scope: &token.ScopeClaim{ProjectName: "lab", DomainName: "home"}})
}

// What another process changes is seen by the next login, the next token for a token and the next look at a token,
// although all of them were answered from memory before.
func TestChangesOfAnotherProcessShowAtOnce(t *testing.T) {
	t.Parallel()
	no, name, password := false, "renamed", "second"
	for _, x := range []struct {
		name   string
		change func(ctx context.Context, w *world) error
		login  bool // a login with the old password and names still succeeds
		look   bool // the old token is still valid
		shows  func(*token.Token) bool
	}{
		{"user disabled", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Users.Update(ctx, w.user, identity.UserChange{Enabled: &no})
			return err
		}, false, false, nil},
		{"user deleted", func(ctx context.Context, w *world) error {
			return w.there.people.Users.Delete(ctx, w.user)
		}, false, false, nil},
		{"password changed by an administrator", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Users.Update(ctx, w.user, identity.UserChange{Password: &password})
			return err
		}, false, false, nil},
		{"password changed by the user", func(ctx context.Context, w *world) error {
			return w.there.people.Users.ChangePassword(ctx, w.user, "first", "second")
		}, false, false, nil},
		{"user renamed", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Users.Update(ctx, w.user, identity.UserChange{Name: &name})
			return err
		}, false, true, func(k *token.Token) bool { return k.Owner.Name == "renamed" }},
		{"project disabled", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Projects.Update(ctx, w.project, identity.ProjectChange{Enabled: &no})
			return err
		}, false, false, nil},
		{"project deleted", func(ctx context.Context, w *world) error {
			return w.there.people.Projects.Delete(ctx, w.project)
		}, false, false, nil},
		{"project renamed", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Projects.Update(ctx, w.project, identity.ProjectChange{Name: &name})
			return err
		}, false, true, func(k *token.Token) bool { return k.Project.Name == "renamed" }},
		{"domain disabled", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Projects.Update(ctx, w.domain, identity.ProjectChange{Enabled: &no})
			return err
		}, false, false, nil},
		{"domain renamed", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Projects.Update(ctx, w.domain, identity.ProjectChange{Name: &name})
			return err
		}, false, true, func(k *token.Token) bool { return k.OwnerDomain.Name == "renamed" }},
		{"grant revoked", func(ctx context.Context, w *world) error {
			return w.there.roles.Revoke(ctx, w.grant())
		}, false, false, nil},
		{"member removed", func(ctx context.Context, w *world) error {
			return w.there.people.Groups.RemoveMember(ctx, w.group, w.user)
		}, false, false, nil},
		{"group deleted", func(ctx context.Context, w *world) error {
			return w.there.people.Groups.Delete(ctx, w.group)
		}, false, false, nil},
		{"role deleted", func(ctx context.Context, w *world) error {
			return w.there.roles.DeleteRole(ctx, w.role)
		}, false, false, nil},
		{"role renamed", func(ctx context.Context, w *world) error {
			_, err := w.there.roles.UpdateRole(ctx, w.role, func(r keystone.Role) (keystone.Role, error) {
				r.Name = "renamed"
				return r, nil
			})
			return err
		}, true, true, func(k *token.Token) bool { return k.Roles[0].Name == "renamed" }},
		{"role implied", func(ctx context.Context, w *world) error {
			return w.there.roles.Imply(ctx, w.role, w.other)
		}, true, true, func(k *token.Token) bool { return len(k.Roles) == 2 }},
		{"role granted", func(ctx context.Context, w *world) error {
			g := w.grant()
			g.RoleID = w.other
			return w.there.roles.Grant(ctx, g)
		}, true, true, func(k *token.Token) bool { return len(k.Roles) == 2 }},
		{"token revoked", func(ctx context.Context, w *world) error {
			return w.there.tokens.Revoke(ctx, w.text)
		}, true, false, nil},
		{"multi-factor rules", func(ctx context.Context, w *world) error {
			_, err := w.there.people.Users.Update(ctx, w.user, identity.UserChange{Options: map[string]any{
				"multi_factor_auth_enabled": true, "multi_factor_auth_rules": []any{[]any{"password", "totp"}}}})
			return err
		}, false, true, func(k *token.Token) bool { return len(k.Roles) == 1 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				w := newWorld(t, d)
				w.must(x.change(t.Context(), w))
				k, err := w.here.tokens.Inspect(t.Context(), w.text, false)
				switch {
				case x.look && err != nil:
					t.Errorf("the token: %v", err)
				case !x.look && !fault.Is(err, fault.NotFound):
					t.Errorf("the token: got %v, want that it is not found", err)
				case x.look && !x.shows(k):
					t.Errorf("the token shows %+v", k)
				}
				if _, _, err := w.rescope(); (err == nil) && !x.look {
					t.Error("another token was issued for the token")
				}
				_, k, err = w.login("first")
				if (err == nil) != x.login {
					t.Errorf("login: got %v, want success %v", err, x.login)
				}
				if err == nil && x.shows != nil && !x.shows(k) {
					t.Errorf("the new token shows %+v", k)
				}
			}, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
		})
	}
}
