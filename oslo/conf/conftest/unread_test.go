package conftest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/conf/conftest"
)

func TestUnreadFindsOptionsThatAreOnlyDeclaredOrWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src := "package p\n" + `
import ("time"; "gone.example/missing")
type Config struct { Database Database ` + "`section:\"database\"`" + `; Compute *Compute ` + "`section:\"compute\"`" + ` }
type Database struct {
	Connection string ` + "`conf:\"connection\"`" + `
	Pool int ` + "`conf:\"max_pool_size\"`" + `
	Interval time.Duration ` + "`conf:\"interval\"`" + `
	note string
}
type Compute struct {
	Driver string ` + "`conf:\"driver\"`" + `
	Pool int ` + "`conf:\"pool\"`" + `
}
func use(c *Config) {
	missing.Open(c.Database.Connection, c.Database)
	c.Database.Pool = 3
	x := func(d Compute) int { return d.Pool }
	_ = x
	_ = c.Database.Interval.Seconds()
}
`
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := conftest.Unread(dir, "example", ".")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{"Compute driver", "Database max_pool_size"}); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
}
