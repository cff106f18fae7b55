// Command typecheck checks whether packages compile for another system, without a build for that system.
//
//	typecheck darwin/arm64 [package ...]
//
// It type-checks the packages and everything they import: this module completely, other modules without function
// bodies. That finds names that exist on one system only, in a tenth of the time of a build.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

func main() {
	if len(os.Args) < 2 || strings.Count(os.Args[1], "/") != 1 {
		fmt.Fprintln(os.Stderr, "typecheck SYSTEM/ARCHITECTURE [package ...]")
		os.Exit(2)
	}
	system, arch, _ := strings.Cut(os.Args[1], "/")
	if err := check(".", system, arch, os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// listed is a package in the output of go list.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

// check returns all type errors of the packages that match the patterns in dir, and of the packages they import.
func check(dir, system, arch string, patterns ...string) error {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Dir,GoFiles,Imports,ImportMap,Module",
		"--"}, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	c := &checker{fset: token.NewFileSet(), sizes: types.SizesFor("gc", arch),
		done: map[string]*result{"unsafe": closed(types.Unsafe)},
		turn: make(chan struct{}, runtime.GOMAXPROCS(0))}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		if l.ImportPath != "unsafe" {
			packages = append(packages, l)
			c.done[l.ImportPath] = &result{ready: make(chan struct{})}
		}
	}
	var all sync.WaitGroup
	for _, l := range packages {
		all.Go(func() { c.one(l) })
	}
	all.Wait()
	return errors.Join(c.errs...)
}

// checker checks each package as soon as its imports are checked, several at once.
type checker struct {
	fset  *token.FileSet
	sizes types.Sizes
	done  map[string]*result // by import path; not changed after the checks have started
	turn  chan struct{}      // full: as many checks as processors are running

	mu   sync.Mutex
	errs []error
}

// result is a checked package. It is valid when ready is closed.
type result struct {
	ready chan struct{}
	types *types.Package
}

func closed(p *types.Package) *result {
	r := &result{make(chan struct{}), p}
	close(r.ready)
	return r
}

func (c *checker) one(l listed) {
	r := c.done[l.ImportPath]
	defer close(r.ready)
	for _, path := range l.Imports {
		if d := c.done[path]; d != nil {
			<-d.ready
		}
	}
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	own := l.Module != nil && l.Module.Main
	conf := types.Config{Sizes: c.sizes, IgnoreFuncBodies: !own, FakeImportC: true, Importer: imports{c, l.ImportMap},
		Error: c.failed}
	if l.Module != nil && l.Module.GoVersion != "" {
		conf.GoVersion = "go" + l.Module.GoVersion
	}
	var files []*ast.File
	for _, name := range l.GoFiles {
		f, err := parser.ParseFile(c.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			c.failed(err)
			return
		}
		files = append(files, f)
	}
	r.types, _ = conf.Check(l.ImportPath, c.fset, files, nil) // the errors were reported one by one
}

func (c *checker) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// imports resolves the imports of one package as go list does.
type imports struct {
	c      *checker
	mapped map[string]string
}

func (i imports) Import(path string) (*types.Package, error) {
	if to := i.mapped[path]; to != "" {
		path = to
	}
	if r := i.c.done[path]; r != nil && r.types != nil {
		return r.types, nil
	}
	return nil, fmt.Errorf("package %s is not there", path)
}
