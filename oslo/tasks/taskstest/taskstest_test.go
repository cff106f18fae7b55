package taskstest_test

import (
	"testing"

	"hypernova/oslo/tasks/taskstest"
)

type job struct {
	Server string
	Hosts  []string          `json:"hosts"`
	Limits map[string]int    `json:",omitempty"`
	Next   *job              `json:",omitempty"`
	Added  int               `json:"added"`
	Labels map[string]string `json:"-"`
}

func TestWhatIsReadOfOlderForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"the present form", `{"Server":"s","hosts":["a"],"Limits":{"x":1},"added":7}`, true},
		{"before a field was added", `{"Server":"s","hosts":["a"]}`, true},
		{"within another", `{"Server":"s","hosts":[],"Next":{"Server":"t","hosts":["b"]}}`, true},
		{"a field that is gone", `{"Server":"s","Flavor":"f"}`, false},
		{"a field of another type", `{"Server":"s","hosts":"a"}`, false},
		{"a field that is not written any more", `{"Server":"s","Labels":{"a":"b"}}`, false},
		{"a number that does not fit", `{"Server":"s","added":7.5}`, false},
		{"no JSON", `Server`, false},
	} {
		if err := taskstest.Unread[job]([]byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
