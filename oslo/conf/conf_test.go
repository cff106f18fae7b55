package conf_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
)

type defaults struct {
	StatePath string        `conf:"state_path" default:"/var/lib/x" help:"Where state is kept."`
	Debug     bool          `conf:"debug" help:"Log more."`
	Transport string        `conf:"transport_url" is:"url" secret:"url" help:"The bus."`
	MyIP      netip.Addr    `conf:"my_ip" help:"This host's address."`
	Interval  time.Duration `conf:"report_interval" default:"10" unit:"s" min:"1" max:"3600" help:"Heartbeat."`
}

type database struct {
	Connection string `conf:"connection" default:"sqlite:///$state_path/nova.db" secret:"url" help:"Where the data is."`
	Pool       int    `conf:"max_pool_size" default:"5" min:"1" max:"1000" help:"Connections."`
	Password   string `conf:"password" secret:"true" help:"A password."`
}

type scheduler struct {
	Filters []string          `conf:"enabled_filters" default:"ComputeFilter,ImageFilter" help:"Filters in order."`
	Ratio   float64           `conf:"ratio" default:"1.5" min:"0" help:"A ratio."`
	Level   string            `conf:"level" enum:"low|high" default:"low" help:"How much."`
	Aliases []string          `conf:"alias" multi:"true" help:"One per line."`
	Maps    map[string]string `conf:"mappings" help:"Name to bridge."`
}

type root struct {
	Default   defaults  `section:"DEFAULT" help:"What all services share."`
	Database  database  `section:"database"`
	Scheduler scheduler `section:"filter_scheduler"`
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLaterSourcesOverrideEarlierOnes(t *testing.T) {
	t.Parallel()
	a := write(t, "a.conf", `
# a comment
[DEFAULT]
debug = yes
state_path = /srv
report_interval: 20
[database]
max_pool_size = 7
[filter_scheduler]
enabled_filters = One,
    Two,
    Three
alias = first
alias = second
mappings = ext:br0, int:br1
[DEFAULT]
my_ip = 192.0.2.1
`)
	b := write(t, "b.conf", "[database]\nmax_pool_size = '8'\n[filter_scheduler]\nratio = 2\n")
	var c root
	env := []string{"HYPERNOVA_DEFAULT__REPORT_INTERVAL=1m30s", "PATH=/bin", "HYPERNOVA_HOME=/x"}
	if err := conf.Load(&c, []string{a, b}, env, []string{"filter_scheduler.level=high"}); err != nil {
		t.Fatal(err)
	}
	want := root{
		Default: defaults{StatePath: "/srv", Debug: true, MyIP: netip.MustParseAddr("192.0.2.1"),
			Interval: 90 * time.Second},
		Database: database{Connection: "sqlite:////srv/nova.db", Pool: 8},
		Scheduler: scheduler{Filters: []string{"One", "Two", "Three"}, Ratio: 2, Level: "high",
			Aliases: []string{"first", "second"},
			Maps:    map[string]string{"ext": "br0", "int": "br1"}},
	}
	if diff := cmp.Diff(c, want, cmpopts.EquateComparable(netip.Addr{}), cmp.AllowUnexported(root{})); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
}

func TestAllProblemsComeAtOnceWithPlaceAndNearestName(t *testing.T) {
	t.Parallel()
	f := write(t, "n.conf", `stray = 1
[DEFAULT]
debgu = true
report_interval = 0
transport_url = nowhere
my_ip = 300.1.1.1
max_pool_size = 3
garbage
[databse]
connection = x
[database]
max_pool_size = many
connection = $no_such
[filter_scheduler
`)
	c := root{Default: defaults{StatePath: "/kept"}}
	err := conf.Load(&c, []string{f, "/does/not/exist.conf"},
		[]string{"HYPERNOVA_DATABASE__POOL=1", "HYPERNOVA_DATABASSE__X=1"},
		[]string{"filter_scheduler.level=middle", "nonsense"})
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v, want an Invalid fault", err)
	}
	got := strings.ReplaceAll(err.Error(), filepath.Dir(f)+"/", "")
	want := `the configuration has 16 problems:
  n.conf:1: option "stray" stands before the first [section]
  n.conf:8: expected "option = value", found "garbage"
  n.conf:14: a section heading must look like [name]
  n.conf:3: [DEFAULT] has no option "debgu"; did you mean debug?
  n.conf:7: [DEFAULT] has no option "max_pool_size"; [database] has it
  n.conf:9: there is no section [databse]; did you mean [database]?
  /does/not/exist.conf: cannot be read: no such file or directory
  environment HYPERNOVA_DATABASE__POOL: [database] has no option "pool"
  environment HYPERNOVA_DATABASSE__X: there is no section [databasse]; did you mean [database]?
  --set nonsense: must be section.option=value
  n.conf:5: [DEFAULT] transport_url: the value is no URL, which begins with scheme://
  n.conf:6: [DEFAULT] my_ip: "300.1.1.1" is no addr
  n.conf:4: [DEFAULT] report_interval: 0 s is less than the minimum, 1 s
  n.conf:13: [database] connection: it refers to $no_such, but there is no such option (write $$ for a dollar sign)
  n.conf:12: [database] max_pool_size: "many" is no integer
  --set filter_scheduler.level: [filter_scheduler] level: "middle" is none of low, high`
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	if c.Default.StatePath != "/kept" || c.Database.Pool != 0 {
		t.Errorf("root was changed although there were problems: %+v", c)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, connection, problem string }{
		{"same section first", "[database]\nconnection = a${max_pool_size}b", "a5b", ""},
		{"section named", "[database]\nconnection = ${DEFAULT.state_path}/x", "/var/lib/x/x", ""},
		{"dollar", "[database]\nconnection = a$$b", "a$b", ""},
		{"circle", "[DEFAULT]\nstate_path = ${database.connection}", "", "refers to itself"},
		{"secret", "[database]\nconnection = $password", "", "secret"},
		{"unclosed", "[database]\nconnection = ${x", "", "not closed"},
		{"lone", "[database]\nconnection = a$ b", "", "lone $"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c root
			err := conf.Load(&c, []string{write(t, "x.conf", tt.file)}, nil, nil)
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("got error %v, want one with %q", err, tt.problem)
				}
				return
			}
			if err != nil || c.Database.Connection != tt.connection {
				t.Errorf("got %q, %v, want %q", c.Database.Connection, err, tt.connection)
			}
		})
	}
}

func TestASecretIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	var c root
	if err := conf.Load(&c, nil, []string{"HYPERNOVA_DATABASE__PASSWORD=pa$$word$x"}, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Database.Password, "pa$$word$x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDumpMasksSecretsAndLoadsAgain(t *testing.T) {
	t.Parallel()
	var c root
	err := conf.Load(&c, nil, nil, []string{"database.connection=postgresql://nova:s3cret@db/nova",
		"database.password=s3cret", "filter_scheduler.alias=a$$b"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := conf.Dump(&b, &c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "s3cret") {
		t.Errorf("a secret is shown:\n%s", b.String())
	}
	if want := "connection = postgresql://nova:***@db/nova\n"; !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant a line %q", b.String(), want)
	}
	var again root
	if err := conf.Load(&again, []string{write(t, "d.conf", b.String())}, nil, nil); err != nil {
		t.Fatal(err)
	}
	again.Database = c.Database
	if diff := cmp.Diff(again, c, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(),
		cmp.AllowUnexported(root{})); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
}

func TestSampleHasEveryOptionCommentedOut(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := root{Default: defaults{StatePath: "/computed"}}
	if err := conf.Sample(&b, &c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"[DEFAULT]\n# What all services share.\n", "#state_path = /computed\n",
		"# (duration; in s; 1 to 3600)\n#report_interval = 10\n",
		"# (choice; one of low, high)\n#level = low\n", "#connection = sqlite:///$state_path/nova.db\n",
		"# (list of string; may be given several times)\n#alias =\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", b.String(), want)
		}
	}
	var again root
	if err := conf.Load(&again, []string{write(t, "s.conf", b.String())}, nil, nil); err != nil {
		t.Errorf("the sample does not load: %v", err)
	}
}

func TestExpandReadsDirectoriesInOrder(t *testing.T) {
	t.Parallel()
	d := t.TempDir()
	for _, n := range []string{"20-b.conf", "10-a.conf", "README"} {
		if err := os.WriteFile(filepath.Join(d, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := conf.Expand([]string{"x.conf"}, []string{d})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{"x.conf", filepath.Join(d, "10-a.conf"),
		filepath.Join(d, "20-b.conf")}); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	if _, err := conf.Expand(nil, []string{filepath.Join(d, "none")}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v for an absent directory, want an Invalid fault", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[DEFAULT]\nstate_path = ${x\n \n  y\n[")
	f.Add("[database]\nconnection = $connection")
	f.Fuzz(func(t *testing.T, text string) {
		var c root
		if err := conf.Load(&c, []string{write(t, "f.conf", text)}, nil, nil); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("got %v, want an Invalid fault", err)
		}
	})
}

func TestDumpOfValuesWithSeveralLinesLoads(t *testing.T) {
	t.Parallel()
	type section struct {
		Rules []string `conf:"rule" multi:"true" help:"Rules."`
		Text  string   `conf:"text" help:"A text."`
	}
	type root struct {
		Section section `section:"s" help:"A section."`
	}
	read := func(text string) (r root) {
		file := filepath.Join(t.TempDir(), "x.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := conf.Load(&r, []string{file}, nil, nil); err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := read("[s]\nrule = a: x ?\n  y$$ :\n  z\nrule = b\ntext = one\n two\n")
	if len(want.Section.Rules) != 2 || want.Section.Rules[0] != "a: x ?\ny$ :\nz" {
		t.Fatalf("read %q", want.Section.Rules)
	}
	var out strings.Builder
	if err := conf.Dump(&out, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(out.String())); diff != "" {
		t.Errorf("%s\n%s", diff, out.String())
	}
}
