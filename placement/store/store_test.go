package store_test

import (
	"testing"

	"hypernova/oslo/db/dbtest"
	"hypernova/placement/store"
)

func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, store.Statements, dbtest.Migrations{Name: "placement", FS: store.Migrations()})
}
