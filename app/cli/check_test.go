package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/app"
	"hypernova/app/audit"
	"hypernova/app/cli"
	"hypernova/oslo/db"
)

// still is the databases of a cloud that does not run.
type still struct {
	t   *testing.T
	dir string
}

func newStill(t *testing.T) still {
	t.Helper()
	s := still{t, t.TempDir()}
	if status, out, errs := run(t, t.Context(), nil, s.args("db", "sync", "--set",
		"DEFAULT.state_path="+s.dir)...); status != 0 {
		t.Fatalf("sync: %d %s%s", status, out, errs)
	}
	return s
}

func (s still) args(words ...string) []string {
	return append(append([]string{"hypernova"}, words...), "--set", "DEFAULT.host=elsewhere", "--set",
		"DEFAULT.compute_driver=fake", "--set", "ml2.mechanism_drivers=fake")
}

// sql writes rows as nobody but a test does.
func (s still) sql(service string, texts ...string) {
	s.t.Helper()
	d, err := app.OpenDatabase(s.t.Context(), "sqlite:///"+filepath.Join(s.dir, service+".db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	for _, text := range texts {
		if _, err := db.NewExec(db.NewSet("test"), text).Do(s.t.Context(), d); err != nil {
			s.t.Fatal(err)
		}
	}
}

// orphan leaves an allocation of a server that is gone.
func (s still) orphan() {
	s.t.Helper()
	s.sql("nova", `INSERT INTO nodes VALUES ('n1', 1, 'h1', 'h1', '', 'fake', 1, '', 8, 8, 8, 0, 8, 0, '[]', 1, 1)`,
		`INSERT INTO services (id, number, host, program, topic, level, disabled, disabled_reason, forced_down, reports, created_at, updated_at)
		VALUES ('s1', 1, 'h1', 'nova-compute', '', 1, FALSE, '', FALSE, 0, 1, 1)`)
	s.sql("placement", `INSERT INTO providers VALUES ('n1', 'h1', NULL, 'n1', 1, 0, 0, 1, 1)`,
		`INSERT INTO inventories VALUES ('n1', 'VCPU', 8, 0, 1, 8, 1, 1, 1, 1)`,
		`INSERT INTO consumers VALUES ('gone', 'p', 'u', 'INSTANCE', 1, 1, 1)`,
		`INSERT INTO allocations VALUES ('gone', 'n1', 'VCPU', 1)`)
}

func (s still) check(answer string, words ...string) (status int, out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	args := append(s.args("check", "--state", s.dir, "--settle", "1ms"), words...)
	status = cli.Main(s.t.Context(), cli.Env{Args: args, In: strings.NewReader(answer),
		Environ: []string{"HOME=" + s.t.TempDir()}, Out: &o, Err: &e})
	return status, o.String(), e.String()
}

func TestCheckRepairsAfterAsking(t *testing.T) {
	t.Parallel()
	s := newStill(t)
	if status, out, errs := s.check(""); status != 0 || !strings.Contains(out, "nothing is wrong") {
		t.Fatalf("a sound cloud: %d %s%s", status, out, errs)
	}
	s.orphan()
	status, out, _ := s.check("", "--json")
	var found []audit.Finding
	if err := json.Unmarshal([]byte(out), &found); err != nil || status != 1 || audit.Wrong(found) != 1 ||
		found[len(found)-1].Repair == "" && found[0].Repair == "" {
		t.Errorf("check --json: %d, %v, %s", status, err, out)
	}
	for _, tt := range []struct {
		name, answer string
		words        []string
		status       int
		out, errs    string
	}{
		{"no", "n\n", []string{"--repair"}, 1, "allocation-orphaned", "nothing was changed"},
		{"nobody answers", "", []string{"--repair"}, 1, "", "--yes repairs without asking"},
		{"yes", "y\n", []string{"--repair"}, 0, "nothing is wrong", "1. allocation-orphaned: allocation of gone"},
		{"again", "", []string{"--repair", "--yes"}, 0, "nothing is wrong", ""},
	} {
		if status, out, errs := s.check(tt.answer, tt.words...); status != tt.status || !strings.Contains(out, tt.out) ||
			!strings.Contains(errs, tt.errs) {
			t.Errorf("%s: %d\n%s%s", tt.name, status, out, errs)
		}
	}
	if err := os.Remove(filepath.Join(s.dir, "glance.db")); err != nil {
		t.Fatal(err)
	}
	if status, out, _ := s.check(""); status != 2 || !strings.Contains(out, "blind not-looked           the database "+
		"of glance") {
		t.Errorf("without the database of images: %d %s", status, out)
	}
	if err := os.Remove(filepath.Join(s.dir, "nova.db")); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := s.check(""); status != 2 || !strings.Contains(errs, "there is no database") {
		t.Errorf("without the database of servers: %d %s", status, errs)
	}
}

func TestArchiveMovesRowsAndPurgeDeletesThem(t *testing.T) {
	t.Parallel()
	s := newStill(t)
	file := filepath.Join(t.TempDir(), "archive.jsonl")
	fill := func() {
		s.sql("glance", `INSERT INTO image_tasks VALUES ('a', 'import', 'success', '', '', '', '', '', '', '', 1, 1, 1), ('b', 'import', 'success', '', '', '', '', '', '', '', 1, 1, 1),
			('c', 'import', 'pending', '', '', '', '', '', '', '', 1, 1, NULL)`)
		s.sql("neutron", "INSERT INTO quotas VALUES ('gone', 'port', 5)")
	}
	fill()
	for _, tt := range []struct {
		name   string
		words  []string
		status int
		says   string
	}{
		{"without a date", []string{"archive", "--file", file}, 2, "give either --before DATE or --all"},
		{"without a file", []string{"archive", "--all"}, 2, "give either --file"},
		{"no date", []string{"purge", "--before", "yesterday"}, 2, "is no date"},
		{"no rows", []string{"archive", "--all", "--file", file, "--max-rows", "0"}, 2, "--max-rows"},
		{"too early", []string{"archive", "--before", "1969-01-01", "--file", file}, 0, "nothing has ended"},
		{"some", []string{"archive", "--all", "--file", file, "--max-rows", "1"}, 1, "1 rows moved"},
		{"the rest", []string{"archive", "--all", "--file", file, "--until-complete", "--verbose"}, 0,
			"glance     image_tasks          1"},
		{"nothing is left", []string{"archive", "--all", "--file", file}, 0, "nothing has ended"},
		{"purge", []string{"purge", "--before", "2001-02-03 04:05:06", "--verbose"}, 0, "neutron    quotas               1"},
		{"purge of nothing", []string{"purge", "--all"}, 3, "nothing has ended"},
	} {
		status, out, errs := run(t, t.Context(), nil, s.args(append(append([]string{"db"}, tt.words...), "--state",
			s.dir)...)...)
		if status != tt.status || !strings.Contains(out+errs, tt.says) {
			t.Errorf("%s: %d %s%s", tt.name, status, out, errs)
		}
	}
	text, err := os.ReadFile(file)
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], `{"service":"glance","table":"image_tasks","row":{`) {
		t.Errorf("the file has %q, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}
