package store

import (
	"context"
	"time"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type userRow struct {
	ID              string  `db:"id" list:"id"`
	Name            string  `db:"name" list:"name"`
	DomainID        string  `db:"domain_id" list:"domain_id"`
	DefaultProject  string  `db:"default_project_id"`
	Enabled         bool    `db:"enabled" list:"enabled"`
	Description     string  `db:"description"`
	Options         object  `db:"options"`
	Extra           extra   `db:"extra"`
	PasswordHash    string  `db:"password_hash"`
	PasswordExpires db.Time `db:"password_expires_at" list:"password_expires_at"`
	FailedCount     int64   `db:"failed_count"`
	FailedAt        db.Time `db:"failed_at"`
	PasswordCreated db.Time `db:"password_created_at"`
	LastActive      db.Time `db:"last_active_at"`
}

var (
	users      = db.NewTable[userRow](Statements, "users", "id")
	userByName = users.Query("domain_id = ? AND name = ?")
	userUpdate = users.Update("",
		"name", "default_project_id", "enabled", "description", "options", "extra")
	userPassword = users.Update("",
		"password_hash", "password_expires_at", "password_created_at", "failed_count = 0", "failed_at = NULL")
	userFailed  = users.Update("", "failed_count = failed_count + 1", "failed_at")
	userPassed  = users.Update("failed_count > 0", "failed_count = 0", "failed_at = NULL")
	userSeen    = users.Update("", "last_active_at")
	userDelete  = users.Delete("")
	userList    = users.List()
	usersOf     = db.NewExec(Statements, `DELETE FROM users WHERE domain_id = ?`)
	userInGroup = users.Query("id IN (SELECT user_id FROM group_members WHERE group_id = ?) ORDER BY id")
)

// Secret is the password of a user and the failed attempts since the last success.
type Secret struct {
	Hash        string // bcrypt; empty: no password
	FailedCount int64
	FailedAt    time.Time
	Created     time.Time // of the password; zero: before this was noted
	LastActive  time.Time
}

func user(r userRow) keystone.User {
	return keystone.User{
		ID:               r.ID,
		Name:             r.Name,
		DomainID:         r.DomainID,
		DefaultProjectID: r.DefaultProject,
		Enabled:          r.Enabled,
		Description:      r.Description,
		Options:          r.Options.V,
		Extra:            r.Extra.V,
		PasswordExpires:  r.PasswordExpires.Time,
		LastActive:       r.LastActive.Time,
	}
}

func secret(r userRow) Secret {
	return Secret{r.PasswordHash, r.FailedCount, r.FailedAt.Time, r.PasswordCreated.Time, r.LastActive.Time}
}

// User returns a user; fault.NotFound.
func User(ctx context.Context, q db.Querier, id string) (keystone.User, Secret, error) {
	r, err := users.Get(ctx, q, id)
	return user(r), secret(r), err
}

// UserNamed returns a user by domain and name; fault.NotFound.
func UserNamed(ctx context.Context, q db.Querier, domain, name string) (keystone.User, Secret, error) {
	r, err := userByName.One(ctx, q, domain, name)
	return user(r), secret(r), err
}

// Users returns one page.
func Users(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.User, error) {
	rs, err := userList.Page(ctx, q, a)
	return convert(rs, user), err
}

// Members returns the users of a group.
func Members(ctx context.Context, q db.Querier, group string) ([]keystone.User, error) {
	rs, err := userInGroup.All(ctx, q, group)
	return convert(rs, user), err
}

// InsertUser inserts a user; fault.Conflict for a taken name.
func InsertUser(ctx context.Context, tx *db.Tx, u keystone.User, hash string, now time.Time) error {
	return users.Insert(
		ctx,
		tx,
		userRow{ID: u.ID, Name: u.Name, DomainID: u.DomainID, DefaultProject: u.DefaultProjectID, Enabled: u.Enabled,
			Description: u.Description, Options: object{V: u.Options}, Extra: extra{V: u.Extra}, PasswordHash: hash,
			PasswordExpires: db.At(u.PasswordExpires), PasswordCreated: db.At(now), LastActive: db.At(now)},
	)
}

// UpdateUser writes what may change of a user, but not the password; fault.Conflict for a taken name.
func UpdateUser(ctx context.Context, tx *db.Tx, u keystone.User) error {
	_, err := userUpdate.Do(
		ctx,
		tx,
		userRow{ID: u.ID, Name: u.Name, DefaultProject: u.DefaultProjectID, Enabled: u.Enabled,
			Description: u.Description, Options: object{V: u.Options}, Extra: extra{V: u.Extra}},
	)
	return err
}

// SetPassword replaces a password and forgets failed tries.
func SetPassword(ctx context.Context, tx *db.Tx, id, hash string, created, expires time.Time) error {
	_, err := userPassword.Do(ctx, tx, userRow{ID: id, PasswordHash: hash, PasswordExpires: db.At(expires),
		PasswordCreated: db.At(created)})
	return err
}

// CountFailure counts a wrong password.
func CountFailure(ctx context.Context, q db.Querier, id string, at time.Time) error {
	_, err := userFailed.Do(ctx, q, userRow{ID: id, FailedAt: db.Time{Time: at}})
	return err
}

// ForgetFailures clears the count of wrong passwords.
func ForgetFailures(ctx context.Context, q db.Querier, id string) error {
	_, err := userPassed.Do(ctx, q, userRow{ID: id})
	return err
}

// DeleteUser deletes a user, the memberships and grants.
func DeleteUser(ctx context.Context, tx *db.Tx, id string) error {
	if err := deleteGrantsOf(ctx, tx, keystone.OfUser, id); err != nil {
		return err
	}
	if err := deleteHeldBy(ctx, tx, id); err != nil {
		return err
	}
	return gone(userDelete.Do(ctx, tx, id))
}

// DeleteUsersOf deletes all users of a domain.
func DeleteUsersOf(ctx context.Context, tx *db.Tx, domain string) error {
	return all(ctx, tx, domain, grantsOfUsersIn, credentialsUsers, usersOf)
}
