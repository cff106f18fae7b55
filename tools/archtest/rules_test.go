package archtest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hypernova/tools/archtest"
)

// tree makes a repository of path → source. A source that does not begin with a comment or package clause is a list of
// imports.
func tree(t *testing.T, files map[string]string) *archtest.Repo {
	t.Helper()
	m := fstest.MapFS{}
	for p, src := range files {
		if strings.HasSuffix(p, ".go") && !strings.HasPrefix(src, "//") && !strings.HasPrefix(src, "package") {
			var b strings.Builder
			b.WriteString("package x\n")
			for imp := range strings.FieldsSeq(src) {
				b.WriteString("import _ \"" + imp + "\"\n")
			}
			src = b.String()
		}
		m[p] = &fstest.MapFile{Data: []byte(src)}
	}
	r, err := archtest.Load(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImportLaw(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, imports, want string }{
		{"down is free", "nova/api/a.go", "hypernova/nova/servers hypernova/nova hypernova/oslo/api", ""},
		{"up", "nova/servers/a.go", "hypernova/nova/api", "imports go down"},
		{"api to store", "nova/api/a.go", "hypernova/nova/store", "api and store never meet"},
		{"api to store of its tests", "nova/api/a_test.go", "hypernova/nova/store", ""},
		{"another service's inside", "nova/servers/a.go", "hypernova/glance/images", "vocabulary only"},
		{"another service's inside in a test", "nova/servers/a_test.go", "hypernova/glance/images", "vocabulary only"},
		{"another service's vocabulary", "nova/servers/a.go", "hypernova/glance", ""},
		{"vocabulary to vocabulary", "nova/a.go", "hypernova/placement", ""},
		{"networking in compute's vocabulary", "nova/a.go", "hypernova/neutron", "knows no neutron"},
		{"networking in compute's store", "nova/store/a.go", "hypernova/neutron", "knows no neutron"},
		{"networking in a driver's test", "nova/virt/libvirt/domain/a_test.go", "hypernova/neutron", "knows no neutron"},
		{"compute in networking", "neutron/change/a.go", "hypernova/nova", "knows no nova"},
		{"networking in a resource of compute's API", "nova/api/ports/a.go", "hypernova/neutron", ""},
		{"kit to service", "oslo/api/a.go", "hypernova/nova", "oslo knows no cloud noun"},
		{"leaf to kit", "oslo/fault/a.go", "hypernova/oslo/api", "imports go down"},
		{"kit to kit", "oslo/tasks/a.go", "hypernova/oslo/db", ""},
		{"rpcapi to verbs", "nova/rpcapi/a.go", "hypernova/nova/servers", "declarations only"},
		{"rpcapi to db", "nova/rpcapi/a.go", "hypernova/oslo/db", "declarations only"},
		{"rpcapi as it should be", "nova/rpcapi/a.go",
			"hypernova/nova hypernova/placement hypernova/oslo/messaging hypernova/oslo/fault", ""},
		{"manager to driver", "nova/compute/a.go", "hypernova/nova/virt/libvirt", "only app imports drivers"},
		{"manager to contract", "nova/compute/a.go", "hypernova/nova/virt", ""},
		{"driver to sibling", "nova/virt/libvirt/a.go", "hypernova/nova/virt/fake", "do not know each other"},
		{"driver to its part", "nova/virt/libvirt/a.go",
			"hypernova/nova/virt/libvirt/domain hypernova/nova/virt hypernova/nova", ""},
		{"driver to store", "neutron/ml2/types/vlan/a.go", "hypernova/neutron/store", "a driver knows its contract"},
		{"driver to a sibling below a group", "neutron/ml2/types/vlan/a.go", "hypernova/neutron/ml2/types/flat",
			"do not know each other"},
		{"app to driver", "app/a.go", "hypernova/nova/virt/libvirt", ""},
		{"room to app", "nova/compute/a.go", "hypernova/app", "composition root"},
		{"room's test to cloudtest", "nova/compute/a_test.go", "hypernova/cloudtest", "composition root"},
		{"cloudtest to app", "cloudtest/a.go", "hypernova/app", ""},
		{"code to test support", "nova/compute/a.go", "hypernova/nova/virt/virttest", "for tests only"},
		{"suite to contract", "nova/virt/virttest/a.go", "hypernova/nova/virt hypernova/nova", ""},
		{"store to rpcapi", "nova/store/a.go", "hypernova/nova/rpcapi", "stand beside each other"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, archtest.Imports(tree(t, map[string]string{tt.file: tt.imports})), tt.want)
		})
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	long := "// Package x is long.\npackage x\n" + strings.Repeat("\n", 700)
	tests := []struct {
		name  string
		rule  func(*archtest.Repo) []archtest.Complaint
		files map[string]string
		want  string
	}{
		{"long file", archtest.Sizes, map[string]string{"nova/a.go": long}, "702 lines, at most 600"},
		{"long test", archtest.Sizes, map[string]string{"nova/a_test.go": long}, ""},
		{"no doc", archtest.Docs, map[string]string{"nova/a.go": "package nova\n"}, "no doc comment"},
		{"one doc", archtest.Docs, map[string]string{"nova/a.go": "// Package nova is it.\npackage nova\n",
			"nova/b.go": "package nova\n"}, ""},
		{"two docs", archtest.Docs, map[string]string{"nova/a.go": "// Package nova is it.\npackage nova\n",
			"nova/b.go": "// Package nova too.\npackage nova\n"}, "keep one"},
		{"doc of another", archtest.Docs, map[string]string{"nova/a.go": "// Package nvoa is it.\npackage nova\n"},
			"must begin with"},
		{"only tests", archtest.Docs, map[string]string{"tests/e2e/a_test.go": "package e2e\n"}, ""},
		{"init", archtest.Inits, map[string]string{"nova/a.go": "package nova\nfunc init() {}\n"}, "no func init"},
		{"method called init", archtest.Inits,
			map[string]string{"nova/a.go": "package nova\ntype t int\nfunc (t) init() {}\n"}, ""},
		{"cgo", archtest.Inits, map[string]string{"nova/a.go": "package nova\nimport \"C\"\n"}, "no cgo"},
		{"a file", archtest.Private, map[string]string{"nova/a.go": "package nova\nimport \"os\"\nvar _ = os.WriteFile\n"},
			"os.WriteFile: files"},
		{"a folder renamed", archtest.Private,
			map[string]string{"nova/a.go": "package nova\nimport x \"os\"\nvar _ = x.MkdirAll(\"a\", 0o700)\n"},
			"os.MkdirAll: files"},
		{"opened to make", archtest.Private,
			map[string]string{"nova/a.go": "package nova\nimport \"os\"\nfunc f() { os.OpenFile(\"a\", os.O_CREATE|os.O_RDWR, 0o600) }\n"}, "files are made by"},
		{"opened", archtest.Private,
			map[string]string{"nova/a.go": "package nova\nimport \"os\"\nfunc f() { os.OpenFile(\"a\", os.O_RDWR, 0) }\n"}, ""},
		{"a socket", archtest.Private,
			map[string]string{"nova/a.go": "package nova\nimport \"net\"\nfunc f() { net.Listen(\"unix\", \"a\") }\n"},
			"files are made by"},
		{"a port", archtest.Private,
			map[string]string{"nova/a.go": "package nova\nimport \"net\"\nfunc f() { net.Listen(\"tcp\", \"a\") }\n"}, ""},
		{"a file of a test", archtest.Private,
			map[string]string{"nova/a_test.go": "package nova\nimport \"os\"\nvar _ = os.WriteFile\n"}, ""},
		{"background", archtest.Contexts,
			map[string]string{"nova/a.go": "package nova\nimport \"context\"\nvar _ = context.Background\n"},
			"outside main and tests"},
		{"background renamed", archtest.Contexts,
			map[string]string{"nova/a.go": "package nova\nimport c \"context\"\nvar _ = c.TODO\n"}, "outside main and tests"},
		{"background in main", archtest.Contexts,
			map[string]string{"main.go": "package main\nimport \"context\"\nvar _ = context.Background\n"}, ""},
		{"background in a test", archtest.Contexts,
			map[string]string{"nova/a_test.go": "package nova\nimport \"context\"\nvar _ = context.Background\n"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, tt.rule(tree(t, tt.files)), tt.want)
		})
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{"declaration", "var names = []string{\"a\"}", ""},
		{"assigned", "var n int\nfunc f() { n = 1 }", "n is changed"},
		{"counted", "var n int\nfunc f() { n++ }", "n is changed"},
		{"map written", "var m = map[string]int{}\nfunc f() { m[\"a\"] = 1 }", "m is changed"},
		{"map deleted from", "var m = map[string]int{}\nfunc f() { delete(m, \"a\") }", "m is changed"},
		{"field written", "var c struct{ a int }\nfunc f() { c.a = 1 }", "c is changed"},
		{"shadowed", "var n int\nfunc f() { n := 0; n = 1; _ = n }", ""},
		{"parameter", "var n int\nfunc f(n int) { n = 1 }", ""},
		{"lock", "var mu sync.Mutex", "mu is state"},
		{"atomic", "var p atomic.Pointer[int]", "p is state"},
		{"pool", "var p = sync.Pool{}", ""},
		{"another package's", "func f() { other.Default = nil }", "other.Default is changed"},
		{"a local's field", "func f() { var s struct{ a int }; s.a = 1 }", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := "package nova\nimport (\"sync\"; \"sync/atomic\"; \"hypernova/other\")\n" + tt.body + "\n"
			check(t, archtest.State(tree(t, map[string]string{"nova/a.go": src})), tt.want)
		})
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	table := "| module | why | where |\n|---|---|---|\n| example.com/a | x | oslo/db, app |\n| example.com/a/v2 | x | tests |\n| zombiezen.com/go/sqlite | x | anywhere |\n"
	use := map[string]string{"oslo/db/x.go": "example.com/a/sub", "nova/x_test.go": "example.com/a/v2/sub",
		"oslo/db/sqlite/x.go": "zombiezen.com/go/sqlite"}
	tests := []struct{ name, file, imports, table, want string }{
		{"all in order", "app/x.go", "example.com/a net/http", table, ""},
		{"not in the table", "app/x.go", "example.com/b", table, "example.com/b has no line"},
		{"wrong folder", "nova/x.go", "example.com/a", table, "in oslo/db, app only"},
		{"test module in code", "nova/x.go", "example.com/a/v2", table, "in tests only"},
		{"test module in support", "nova/virt/virttest/x.go", "example.com/a/v2", table, ""},
		{"engine outside its home", "app/x.go", "zombiezen.com/go/sqlite", table, "only below oslo/db/sqlite"},
		{"idle line", "app/x.go", "net/http", table + "| example.com/idle | x | app |\n", "imported by nobody"},
		{"twice", "app/x.go", "net/http", table + "| example.com/a | x | app |\n", "has a line already"},
		{"cells missing", "app/x.go", "net/http", table + "| example.com/c | x |\n", "must be | module"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{tt.file: tt.imports, "docs/dependencies.md": tt.table}
			for p, src := range use {
				files[p] = src
			}
			check(t, archtest.Modules(tree(t, files)), tt.want)
		})
	}
}

// check wants no complaint, or exactly one that says want.
func check(t *testing.T, got []archtest.Complaint, want string) {
	t.Helper()
	var texts []string
	for _, c := range got {
		texts = append(texts, c.String())
	}
	if want == "" {
		if diff := cmp.Diff(texts, []string(nil)); diff != "" {
			t.Errorf("got complaints, want none:\n%s", diff)
		}
		return
	}
	if len(texts) != 1 || !strings.Contains(texts[0], want) {
		t.Errorf("got %q, want one complaint with %q", texts, want)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	none, short := archtest.Rows(nil), archtest.Constructors(nil)
	const logs = "import \"log/slog\"\nfunc f() { "
	tests := []struct {
		name       string
		rule       func(*archtest.Repo) []archtest.Complaint
		file, text string
		want       string
	}{
		{"a row shown", none, "nova/store/a.go", "type Row struct { A string `db:\"a\"` }\n", "Row is a row"},
		{"a row kept", none, "nova/store/a.go", "type row struct { A string `db:\"a\"` }\n", ""},
		{"a row elsewhere", none, "nova/a.go", "type Row struct { A string `db:\"a\"` }\n", ""},
		{"a statement shown", none, "nova/store/a.go", "var Get = db.NewQuery[row](s, \"\")\n", "Get is a table"},
		{"a set shown", none, "nova/store/a.go", "var Statements = db.NewSet(\"nova\")\n", ""},
		{"rows left over", archtest.Rows(map[string]int{"nova/store": 1}), "nova/store/a.go", "", "take it off"},
		{"long New", short, "nova/a.go", "func New(a, b int, c string, d bool) {}\n", "New has 4 arguments"},
		{"New of a context", short, "nova/a.go", "func New(ctx context.Context, a, b, c int) {}\n", ""},
		{"New without Deps", short, "nova/a.go",
			"type Deps struct{}\nfunc New(c int) {}\n", "take the package's Deps"},
		{"New with Deps", short, "nova/a.go", "type Deps struct{}\nfunc New(c Config, d Deps) {}\n", ""},
		{"no long New left", archtest.Constructors(map[string]int{"nova": 4}), "nova/a.go",
			"func New() {}\n", "take it off"},
		{"an error's key", archtest.LogKeys, "nova/a.go",
			logs + `slog.Any("err", err)` + " }", `is "error" (log.Err), not "err"`},
		{"an error's loose key", archtest.LogKeys, "nova/a.go",
			logs + `l.Warn("it failed", "cause", err)` + " }", `is "error" (log.Err), not "cause"`},
		{"a key in capitals", archtest.LogKeys, "nova/a.go",
			logs + `l.InfoContext(ctx, "done", "serverID", id)` + " }", "snake case"},
		{"a full stop", archtest.LogKeys, "nova/a.go", logs + `l.Info("It is done.")` + " }", "full stop"},
		{"a log line", archtest.LogKeys, "nova/a.go",
			logs + `l.InfoContext(ctx, "done", slog.String("server_id", id), "error", err)` + " }", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := "package x\n" + tt.text + "\n"
			check(t, tt.rule(tree(t, map[string]string{tt.file: text})), tt.want)
		})
	}
}
