package store_test

import (
	"testing"

	"hypernova/keystone/store"
	"hypernova/oslo/db/dbtest"
)

func TestStatementsPrepareOnEveryDialect(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, store.Statements, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
}
