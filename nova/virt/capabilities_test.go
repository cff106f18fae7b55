package virt_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova/virt"
)

// TestEveryOptionalInterfaceIsACapability compares the table with the interfaces that the package declares.
func TestEveryOptionalInterfaceIsACapability(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			_, ok = s.Type.(*ast.InterfaceType)
			if ok && s.Name.IsExported() && s.Name.Name != "Images" { // the caller implements Images
				want = append(want, s.Name.Name)
			}
			return true
		})
	}
	for _, c := range virt.Capabilities() {
		got = append(got, c.Interface)
		if c.Name == "" {
			t.Errorf("%s has no name", c.Interface)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table lacks (-) or repeats (+) interfaces:\n%s", diff)
	}
}

// TestTraitsOfCapabilitiesAreStandard checks that placement knows each, because it refuses all traits of a node
// that reports an unknown one.
func TestTraitsOfCapabilitiesAreStandard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../placement/traits.txt")
	if err != nil {
		t.Fatal(err)
	}
	standard := strings.Fields(string(text))
	for _, c := range virt.Capabilities() {
		if c.Trait != "" && !slices.Contains(standard, c.Trait) {
			t.Errorf("%s is not a standard trait", c.Trait)
		}
	}
}

type onlyDriver struct{ virt.Driver }

type uptimer struct{ onlyDriver }

func (uptimer) Uptime(context.Context) (string, error) { return "", nil }

func TestADriverHasWhatItImplements(t *testing.T) {
	t.Parallel()
	of := func(d virt.Driver) (all []string) {
		for _, c := range virt.Capabilities() {
			if c.Has(d) {
				all = append(all, c.Interface)
			}
		}
		return all
	}
	if diff := cmp.Diff([]string{"Driver"}, of(onlyDriver{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Driver", "Uptimer"}, of(uptimer{})); diff != "" {
		t.Error(diff)
	}
	got := virt.Traits(onlyDriver{}, []string{"HW_CPU_X86_AVX", "COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_RAW"})
	if diff := cmp.Diff([]string{"COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_NODE", "HW_CPU_X86_AVX"}, got); diff != "" {
		t.Error(diff)
	}
}
