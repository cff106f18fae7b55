package virttest

import (
	"regexp"
	"slices"
	"testing"

	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// capabilityTests returns the tests of the optional capabilities, at least one for each row of virt.Capabilities.
func capabilityTests() []test {
	return []test{
		of("the console log is bounded", console),
		of("short console logs are not cut", consoleBounder),
		of("a guest is measured", diagnose),
		of("the disk has free bytes", disk),
		of("a guest that stops is an event", events),
		of("an examination explains what it finds", examiner),
		of("a server in its folder is no stray", finder),
		of("unused images are removed", imageCache),
		of("NICs come and go", interfaces),
		of("a guest is interrupted", interrupt),
		of("the last output of a guest's process", lastWords),
		of("what operations have on the host is found", leftovers),
		of("a password is set", setPassword),
		of("a rebuild gives new disks", rebuild),
		of("a rebuild is undone", undoRebuild),
		of("a running guest has a console", remoteConsole),
		of("rescue and unrescue", rescue),
		of("a disk is copied", snapshot),
		of("suspend and resume", suspend),
		of("the uptime is in the form of uptime(1)", uptime),
	}
}

// of is a test that runs on a new driver with the capability C. It is skipped for a driver without it.
func of[C any](name string, run func(*testing.T, Harness, virt.Driver, C)) test {
	row := virt.CapabilityOf[C]()
	return test{name: name, capability: row.Interface, run: func(t *testing.T, h Harness) {
		d := h.New(t)
		c, ok := d.(C)
		if !ok {
			t.Skipf("the driver cannot %s", row.Name)
		}
		run(t, h, d, c)
	}}
}

func console(t *testing.T, h Harness, d virt.Driver, c virt.Console) {
	if _, err := c.ConsoleLog(t.Context(), ids.UUID(), 100); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
	s := h.running(t, d)
	b, err := c.ConsoleLog(t.Context(), s.ID, 10)
	must(t, err)
	if len(b) > 10 {
		t.Errorf("got %d bytes, asked for 10", len(b))
	}
}

func consoleBounder(t *testing.T, h Harness, d virt.Driver, c virt.ConsoleBounder) {
	h.running(t, d)
	n, err := c.BoundConsoles(t.Context(), 1<<40)
	must(t, err)
	if n != 0 {
		t.Errorf("%d logs were cut, want none", n)
	}
}

func disk(t *testing.T, _ Harness, _ virt.Driver, c virt.Disk) {
	n, err := c.FreeDisk(t.Context())
	must(t, err)
	if n <= 0 {
		t.Errorf("%d bytes are free, want some", n)
	}
}

func examiner(t *testing.T, _ Harness, _ virt.Driver, c virt.Examiner) {
	found, err := c.Examine(t.Context())
	must(t, err)
	for _, x := range found {
		if x.Rule == "" || x.Text == "" || x.Cure == "" && !x.Note {
			t.Errorf("%+v lacks a rule, a text, or what cures it", x)
		}
	}
}

func finder(t *testing.T, h Harness, d virt.Driver, c virt.Finder) {
	s := h.running(t, d)
	strays, err := c.Strays(t.Context())
	must(t, err)
	if slices.ContainsFunc(strays, func(x virt.Stray) bool { return x.ID == s.ID }) {
		t.Errorf("server %s is a stray: %+v", s.ID, strays)
	}
}

func lastWords(t *testing.T, h Harness, d virt.Driver, c virt.LastWords) {
	s := h.running(t, d)
	words, err := c.LastWords(t.Context(), s.ID, 10)
	must(t, err)
	if len(words) > 10 {
		t.Errorf("got %q, asked for 10 bytes", words)
	}
	if _, err := c.LastWords(t.Context(), ids.UUID(), 10); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
}

// uptimeForm is how clients split the line.
var uptimeForm = regexp.MustCompile(`^\s*(.+)\sup\s+(.+),\s+(.+)\susers?,\s+load average:\s(.+)$`)

func uptime(t *testing.T, _ Harness, _ virt.Driver, c virt.Uptimer) {
	text, err := c.Uptime(t.Context())
	must(t, err)
	if !uptimeForm.MatchString(text) {
		t.Errorf("got %q, want the form of uptime(1)", text)
	}
}
