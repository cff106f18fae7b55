package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type consoleRow struct {
	Hash    string  `db:"hash,once"`
	Server  string  `db:"server_id,once"`
	Type    string  `db:"type,once"`
	Host    string  `db:"host,once"`
	Port    int64   `db:"port,once"`
	TLSPort int64   `db:"tls_port,once"`
	URL     string  `db:"url,once"`
	Expires db.Time `db:"expires_at,once"`
}

var (
	consoleTokens = db.NewTable[consoleRow](stmts, "console_tokens", "hash")

	// console_tokens_server serves it.
	deleteConsoles = db.NewExec(stmts, "DELETE FROM console_tokens\nWHERE server_id = ?")
	// console_tokens_expires serves these.
	dropExpired = db.NewExec(stmts, `
DELETE FROM console_tokens
WHERE hash IN (SELECT hash FROM console_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`)
	purgeConsoles = db.NewDelete(stmts, "console_tokens", `hash IN (
  SELECT hash
  FROM console_tokens
  WHERE expires_at < ?
  ORDER BY expires_at
  LIMIT ?)`)
)

// expiredAtOnce is how many expired grants a new one takes away, so that the table stays about as large as the grants
// that hold.
const expiredAtOnce = 10

// AddConsole keeps a grant, and removes some of those that have expired.
func AddConsole(ctx context.Context, tx *db.Tx, g *nova.ConsoleGrant, now time.Time) error {
	if _, err := dropExpired.Do(ctx, tx, db.At(now), expiredAtOnce); err != nil {
		return err
	}
	return consoleTokens.Insert(ctx, tx, consoleRow{Hash: g.Hash, Server: g.Server, Type: string(g.Type), Host: g.Host,
		Port: int64(g.Port), TLSPort: int64(g.TLSPort), URL: g.URL, Expires: db.At(g.Expires)})
}

// Console returns the grant with the hash; fault.NotFound, also for one that has expired.
func Console(ctx context.Context, on db.Querier, hash string, now time.Time) (nova.ConsoleGrant, error) {
	r, err := consoleTokens.Get(ctx, on, hash)
	if err == nil && !r.Expires.After(now) {
		err = fault.NotFoundf("This console token has expired.")
	}
	if err != nil {
		return nova.ConsoleGrant{}, err
	}
	return nova.ConsoleGrant{Hash: r.Hash, Server: r.Server, Type: nova.ConsoleType(r.Type),
		ConsoleAddress: nova.ConsoleAddress{Host: r.Host, Port: int(r.Port), TLSPort: int(r.TLSPort)}, URL: r.URL,
		Expires: r.Expires.Time}, nil
}

// endConsoles removes the grants of a server.
func endConsoles(ctx context.Context, tx *db.Tx, server string) error {
	_, err := deleteConsoles.Do(ctx, tx, server)
	return err
}
