package conf_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/conf"
)

type filled struct {
	Workers int           `conf:"workers" default:"8" min:"1" help:"Zero is out of bounds."`
	Builds  int           `conf:"builds" default:"10" min:"0" help:"Zero means something."`
	Pause   time.Duration `conf:"pause" default:"5" min:"0.1" help:"A duration."`
	Mode    string        `conf:"mode" default:"auto" enum:"auto|none" help:"A choice."`
	Dir     string        `conf:"dir" default:"$state_path/x" help:"Empty means something."`
	Kinds   []string      `conf:"kinds" default:"a,b" help:"A list."`
	Other   int
}

func TestFillSetsWhatZeroCannotMean(t *testing.T) {
	t.Parallel()
	got := filled{Other: 1}
	conf.Fill(&got)
	want := filled{Workers: 8, Pause: 5 * time.Second, Mode: "auto", Other: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want, +got):\n%s", diff)
	}
	got = filled{Workers: 2, Pause: time.Minute, Mode: "none"}
	conf.Fill(&got)
	if diff := cmp.Diff(filled{Workers: 2, Pause: time.Minute, Mode: "none"}, got); diff != "" {
		t.Errorf("what was set stays (-want, +got):\n%s", diff)
	}
}

func TestDefaultsAreThoseOfTheTags(t *testing.T) {
	t.Parallel()
	want := filled{Workers: 8, Builds: 10, Pause: 5 * time.Second, Mode: "auto", Dir: "$state_path/x",
		Kinds: []string{"a", "b"}}
	if diff := cmp.Diff(want, conf.Defaults[filled]()); diff != "" {
		t.Errorf("(-want, +got):\n%s", diff)
	}
}
