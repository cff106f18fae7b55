package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

var _ db.Creator = dialect{}

// Create asks the server's own databases, of which every server has at least one.
func (dialect) Create(ctx context.Context, url string) (made bool, err error) {
	c, err := config(url)
	if err != nil {
		return false, err
	}
	name := c.Database
	there, err := pgx.ConnectConfig(ctx, c)
	if err == nil {
		return false, there.Close(ctx)
	}
	if code(err) != "3D000" {
		return false, err
	}
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	for _, c.Database = range []string{"postgres", "template1"} {
		var conn *pgx.Conn
		if conn, err = pgx.ConnectConfig(ctx, c); err != nil {
			continue
		}
		_, err = conn.Exec(ctx, sql)
		err = errors.Join(err, conn.Close(ctx))
		break
	}
	switch code(err) {
	case "":
		return err == nil, err
	case "42P04", "23505": // somebody was faster
		return false, nil
	}
	return false, fault.New(fault.Forbidden,
		"The database %s is not there, and %s may not create it. As an administrator of PostgreSQL, run: %s OWNER %s;",
		name, c.User, sql, pgx.Identifier{c.User}.Sanitize()).Because(err)
}

func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
