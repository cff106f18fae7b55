package app

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/conf"
)

var update = flag.Bool("update", false, "write docs/generated anew")

// TestGenerated compares docs/generated with what the program declares: operations, schemas, policy rules, options and
// messages of all services. A difference shows what a change does to clients, operators and older processes.
func TestGenerated(t *testing.T) {
	t.Parallel()
	files := map[string]func(io.Writer) error{
		"hypernova.conf.sample": func(w io.Writer) error { return conf.Sample(w, new(Config)) },
	}
	for _, d := range Dumps() {
		files[d.Name+".txt"] = d.Write
	}
	for name, write := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("..", "docs", "generated", name)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("docs/generated/%s is out of date; run \"make golden\" (or \"go test ./app -run TestGenerated "+
					"-update\"), "+
					"read the difference and commit it (-committed, +declared):\n%s", name, diff)
			}
		})
	}
}
