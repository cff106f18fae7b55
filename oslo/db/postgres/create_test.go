package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/db/postgres"
	"hypernova/oslo/fault"
)

func TestARoleThatMayNotCreateItsDatabase(t *testing.T) {
	t.Parallel()
	own := dbtest.Postgres(t)
	c, err := pgx.Connect(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	u, err := url.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	role := strings.TrimPrefix(u.Path, "/") + "_poor"
	if _, err := c.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN NOCREATEDB"); err != nil {
		t.Fatal(err)
	}
	as := func(user string) string {
		there := *u
		q := there.Query()
		q.Set("user", user)
		there.User, there.Path, there.RawQuery = nil, "/hypernova_nova", q.Encode()
		return there.String()
	}
	_, err = db.Create(t.Context(), as(role), postgres.Dialect())
	if want := `run: CREATE DATABASE "hypernova_nova" OWNER "` + role + `";`; !fault.Is(err, fault.Forbidden) ||
		!strings.Contains(fault.Message(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = db.Create(t.Context(), as("nobody"), postgres.Dialect())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Message(err), "correct user and password") {
		t.Errorf("got %v", err)
	}
	if made, err := db.Create(t.Context(), "sqlite://", postgres.Dialect()); made || err != nil {
		t.Errorf("got %t, %v", made, err)
	}
}
