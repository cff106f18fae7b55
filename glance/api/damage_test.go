package api_test

import (
	"os"
	"testing"
)

// damage flips a byte in the middle of a file, as a bad disk would.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("X"), i.Size()/2); err != nil {
		t.Fatal(err)
	}
}
