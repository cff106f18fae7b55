package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/glance/backend"
	"hypernova/glance/backend/backendtest"
	"hypernova/glance/backend/file"
	"hypernova/oslo/fault"
)

func open(t *testing.T) *file.Backend {
	b, err := file.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, func(t *testing.T) backend.Backend { return open(t) })
}

func TestKeysStayInTheFolder(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, key := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", ".partial", "a\x00b",
		strings.Repeat("k", 300)} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), -1); !fault.Is(err, fault.Invalid) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := b.Open(t.Context(), key, 0, -1); !fault.Is(err, fault.Invalid) {
			t.Errorf("open %q: %v", key, err)
		}
		if err := b.Delete(t.Context(), key); !fault.Is(err, fault.Invalid) {
			t.Errorf("delete %q: %v", key, err)
		}
	}
}

func TestDeleteRemovesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := file.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".partial", "k"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := b.List(t.Context()); err != nil || len(all) != 1 || !all[0].Partial || all[0].Key != "k" {
		t.Errorf("list: %+v, %v", all, err)
	}
	if err := b.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if all, _ := b.List(t.Context()); len(all) != 0 {
		t.Errorf("left %+v", all)
	}
}
