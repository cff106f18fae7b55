package app

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

func TestUnknownPeriodicTasksAreRefused(t *testing.T) {
	t.Parallel()
	load := func(set string) error {
		c := Defaults()
		return Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.disabled_periodic_tasks=" + set})
	}
	if err := load("sync_power_states,ask_silent_agents"); err != nil {
		t.Error(err)
	}
	err := load("sync_power_states,sync_power_state")
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"sync_power_state"`) ||
		!strings.Contains(err.Error(), "update_available_resource") {
		t.Errorf("got %v", err)
	}
}

// Every task that a process has can be named in the option.
func TestEveryPeriodicTaskIsKnown(t *testing.T) {
	t.Parallel()
	c := Defaults()
	err := Load(&c, nil, nil, []string{"DEFAULT.host=h1", "DEFAULT.compute_driver=fake", "ml2.mechanism_drivers=fake",
		"database.connection=sqlite://",
		"glance_store.default_backend=mem", "fernet_tokens.key_repository=", "credential.key_repository=",
		"listen.port_base=0", "DEFAULT.state_path=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := Expand([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(t.Context(), c, Options{Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	r, w := io.Pipe()
	go func() { // ends with the report
		service.WriteServices(w, p.services...)
		w.Close()
	}()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^  periodic (.+?):`).FindAllStringSubmatch(string(text), -1) {
		found++
		if !slices.Contains(periodicTasks(), m[1]) {
			t.Errorf("%s is not known", m[1])
		}
	}
	if found < 5 {
		t.Errorf("%d tasks:\n%s", found, text)
	}
}
