package postgres_test

import (
	"testing"

	"hypernova/oslo/db"
	"hypernova/oslo/db/postgres"
	"hypernova/oslo/fault"
)

func TestRebindLeavesTextAlone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"SELECT 1":                          "SELECT 1",
		"a = ? AND b = ?":                   "a = $1 AND b = $2",
		"a = '?' AND b = ?":                 "a = '?' AND b = $1",
		"a = 'it''s ?' AND \"?\" = ?":       "a = 'it''s ?' AND \"?\" = $1",
		"a -- really?\nAND b = ?":           "a -- really?\nAND b = $1",
		"'open ?":                           "'open ?",
		"x = ? -- the last line asks ?":     "x = $1 -- the last line asks ?",
		"LIKE ? ESCAPE '\\' AND name IN (?": "LIKE $1 ESCAPE '\\' AND name IN ($2",
	} {
		if got := postgres.Dialect().Rebind(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNoServerIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := db.Open(t.Context(), "postgresql+psycopg2://u:secret@127.0.0.1:1/x?connect_timeout=2", postgres.Dialect())
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}
