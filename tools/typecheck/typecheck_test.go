package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesOfAnotherSystemAreErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module m\n\ngo 1.26\n",
		"main.go":          "package main\n\nimport \"m/poll\"\n\nfunc main() { poll.Open() }\n",
		"poll/poll.go":     "package poll\n\nimport \"syscall\"\n\nfunc Open() { _, _ = syscall.EpollCreate1(0) }\n",
		"poll/p_darwin.go": "package poll\n\nfunc other() string { return syscallName }\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(dir, "linux", "amd64", "."); err != nil {
		t.Errorf("linux: %v", err)
	}
	err := check(dir, "darwin", "arm64", ".")
	if err == nil || !strings.Contains(err.Error(), "poll.go:5") || !strings.Contains(err.Error(), "EpollCreate1") ||
		!strings.Contains(err.Error(), "syscallName") {
		t.Errorf("darwin: got %v, want both names that it lacks", err)
	}
}
