package conf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/conf"
)

// other knows a program with options that root has by other names, or not at all.
type other struct{ begun int }

func (o *other) Begin() { o.begun++ }

func (*other) Mean(e conf.Entry) conf.Meaning {
	switch strings.ToLower(e.Section) + "." + e.Option {
	case "net.address":
		return conf.Meaning{Taken: true, Owner: e.File, Set: []conf.Set{{Section: "DEFAULT", Option: "my_ip",
			Value: e.Value}}}
	case "net.colour", "net.base":
		return conf.Meaning{Taken: true, Remark: "it has no colour"}
	case "store.url":
		return conf.Meaning{Taken: true, Problem: "there is no such store",
			Set: []conf.Set{{Section: "database", Option: "connection", Value: e.Value}}}
	}
	return conf.Meaning{}
}

func (*other) Section(_, name string) bool { return name == "net" || name == "store" }
func (*other) Names(_, section string) []string {
	return map[string][]string{"net": {"address", "colour"}}[section]
}

func TestFilesOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, second string
		sets               []string
		ip, path           string
		remarks            int
		err                string
	}{
		{"another name", "[net]\naddress = 192.0.2.1\n", "", nil, "192.0.2.1", "/var/lib/x", 0, ""},
		{"an option of no use", "[net]\ncolour = red\n", "", nil, "invalid IP", "/var/lib/x", 1, ""},
		{"a reference to an option of no use", "[net]\nbase = /srv\n[DEFAULT]\nstate_path = ${net.base}/x\n", "", nil,
			"invalid IP", "/srv/x", 1, ""},
		{"a reference in a circle", "[net]\nbase = ${net.base}\n[DEFAULT]\nstate_path = ${net.base}/x\n", "", nil, "", "", 1,
			"refers to itself"},
		{"a misspelling", "[net]\ncolor = red\n", "", nil, "", "", 0, `[net] has no option "color"; did you mean colour?`},
		{"the case of a section", "[Database]\nmax_pool_size = 7\n", "", nil, "invalid IP", "/var/lib/x", 0, ""},
		{"a value that cannot be", "[store]\nurl = mysql://x\n", "", nil, "", "", 0, "there is no such store"},
		{"one that a later source replaces", "[store]\nurl = mysql://x\n", "", []string{"database.connection=sqlite://"},
			"invalid IP", "/var/lib/x", 0, ""},
		{"two that disagree", "[net]\naddress = 192.0.2.1\n", "[net]\naddress = 192.0.2.2\n", nil, "", "", 0,
			"says otherwise"},
		{"two that agree", "[net]\naddress = 192.0.2.1\n", "[net]\naddress = 192.0.2.1\n", nil, "192.0.2.1", "/var/lib/x", 0,
			""},
		{"two that disagree and a later source", "[net]\naddress = 192.0.2.1\n", "[net]\naddress = 192.0.2.2\n",
			[]string{"DEFAULT.my_ip=192.0.2.3"}, "192.0.2.3", "/var/lib/x", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := []string{write(t, "a.conf", tt.text)}
			if tt.second != "" {
				files = append(files, write(t, "b.conf", tt.second))
			}
			var r root
			remarks, err := conf.LoadFrom(&r, conf.Sources{Files: files, Sets: tt.sets, Foreign: &other{}})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, want := []any{r.Default.MyIP.String(), r.Default.StatePath, len(remarks)}, []any{tt.ip, tt.path, tt.remarks}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("got, want:\n%s", diff)
			}
		})
	}
}
