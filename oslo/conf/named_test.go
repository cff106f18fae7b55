package conf_test

import (
	"bytes"
	"strings"
	"testing"

	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
)

type place struct {
	Dir    string `conf:"dir" default:"/srv" help:"Where."`
	Secret string `conf:"secret" secret:"true" help:"Who."`
}

type places struct {
	Main struct {
		Enabled map[string]string `conf:"enabled" help:"Which."`
	} `section:"main" help:"Main."`
	Places map[string]*place `sections:"main.enabled" help:"A place."`
}

func TestSectionsThatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	var c places
	f := write(t, "c.conf", "[main]\nenabled = fast:file, cold:s3\n[cold]\ndir = /cold\n")
	if err := conf.Load(&c, []string{f}, []string{"HYPERNOVA_COLD__SECRET=hidden"},
		[]string{"fast.dir=/fast"}); err != nil {
		t.Fatal(err)
	}
	if len(c.Places) != 2 || c.Places["fast"].Dir != "/fast" || c.Places["cold"].Dir != "/cold" ||
		c.Places["cold"].Secret != "hidden" {
		t.Errorf("got %+v", c.Places)
	}
	var b bytes.Buffer
	if err := conf.Dump(&b, &c); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "[cold]\ndir = /cold") || strings.Contains(s, "hidden") {
		t.Errorf("dump:\n%s", s)
	}
	var other places
	if err := conf.Load(&other, nil, nil, []string{"main.enabled=fast:file"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(conf.Changed(&c, &other), " "); got != "main.enabled cold.dir cold.secret fast.dir" {
		t.Errorf("changed: %s", got)
	}
}

func TestNamedSectionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not named":     "[main]\nenabled = fast:file\n[slow]\ndir = /x\n",
		"taken":         "[main]\nenabled = main:file\n",
		"unknown there": "[main]\nenabled = fast:file\n[fast]\ndri = /x\n",
	} {
		c := places{Places: map[string]*place{"before": {}}}
		if err := conf.Load(&c, []string{write(t, "c.conf", text)}, nil, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
		if c.Places["before"] == nil || len(c.Places) != 1 {
			t.Errorf("%s: the former content is lost: %v", name, c.Places)
		}
	}
}

func TestNamedSectionsAreDocumented(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := conf.Sample(&b, new(places)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "#[<enabled>]") || !strings.Contains(b.String(), "#dir = /srv") {
		t.Errorf("sample:\n%s", b.String())
	}
	found := false
	for _, o := range conf.Options(new(places)) {
		found = found || o.Section == "<enabled>" && o.Name == "dir"
	}
	if !found {
		t.Error("options do not have it")
	}
}
