package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"hypernova/app/audit"
	"hypernova/neutron/agent/netdev"
	"hypernova/oslo/ids"
	"hypernova/tests/running"
)

// check runs "hypernova check" on this host and returns its findings.
func (s *site) check() []audit.Finding {
	s.t.Helper()
	args := []string{"check", "--state", s.dir, "--format", "json"}
	cmd := exec.CommandContext(s.t.Context(), running.Binary(s.t), append(args, s.settings()...)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var found []audit.Finding
	if e := json.Unmarshal(out, &found); e != nil {
		s.t.Fatalf("check: %v, %v\n%s%s", err, e, out, &errs)
	}
	if wrong := audit.Wrong(found); (wrong > 0) != (err != nil) {
		s.t.Errorf("check found %d things and ended with %v", wrong, err)
	}
	return slices.DeleteFunc(found, func(f audit.Finding) bool { return f.Note })
}

// settings returns the site's flags that every command accepts.
func (s *site) settings() (sets []string) {
	for i, f := range s.flags {
		if f == "--set" {
			sets = append(sets, f, s.flags[i+1])
		}
	}
	return sets
}

// checked tests that the check finds nothing on a healthy host, and finds foreign guests, taps and folders with the
// commands to remove them. The cloud must not run meanwhile, because its agents would remove them.
func (s *site) checked() {
	s.t.Helper()
	if found := s.check(); len(found) > 0 {
		s.t.Errorf("the check finds fault with a host that is well: %v", found)
	}
	id, tap := ids.UUID(), netdev.TapName(ids.UUID())
	folder := filepath.Join(s.dir, "instances", id)
	xml := filepath.Join(s.dir, "stray.xml")
	text := fmt.Sprintf("<domain type='qemu'><name>stray-%s</name><uuid>%s</uuid><memory>65536</memory><os><type>hvm</type></os></domain>", id[:8], id)
	if err := os.WriteFile(xml, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	// Remove what the test makes, also if it fails.
	s.t.Cleanup(func() {
		_ = exec.Command("virsh", "-q", "-c", "qemu:///system", "undefine", id).Run()
		_ = exec.Command("ip", "link", "delete", tap).Run()
	})
	s.sh("virsh", "-q", "-c", "qemu:///system", "define", xml)
	s.sh("ip", "tuntap", "add", tap, "mode", "tap")
	s.sh("ip", "link", "set", tap, "group", s.owner)
	var rules []string
	cures := ""
	for _, f := range s.check() {
		rules = append(rules, f.Rule+" "+f.Subject)
		cures += f.Cure() + "\n"
	}
	if want := []string{"guest-orphaned guest " + id, "tap-orphaned device " + tap}; !slices.Equal(rules, want) {
		s.t.Errorf("the check finds %v, want %v", rules, want)
	}
	for _, cure := range []string{"ip link delete " + tap, "virsh undefine " + id} {
		if !strings.Contains(cures, cure) {
			s.t.Errorf("the check does not tell %q:\n%s", cure, cures)
		}
	}
	s.sh("virsh", "-q", "-c", "qemu:///system", "undefine", id)
	s.sh("ip", "link", "delete", tap)
	if err := os.Remove(folder); err != nil {
		s.t.Error(err)
	}
	if found := s.check(); len(found) > 0 {
		s.t.Errorf("the check still finds %v", found)
	}
}

func (s *site) sh(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.CommandContext(s.t.Context(), name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
