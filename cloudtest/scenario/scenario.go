// Package scenario runs test scripts against a cloud: requests, expected answers, and faults injected meanwhile. The
// same story runs against a cloud in the test's process and against separate processes.
//
// A story is a txtar archive: the text before the first file is the script, one command a line, "#" begins a comment
// line; the files are request bodies. $name and ${name} stand for variables. Words are separated by spaces; "…" keeps
// spaces.
//
//	cloud computes=2 section.option=value …   what the cloud shall be; only as the first command
//	as admin | demo | other | nobody          whose token the next requests carry
//	header Name: value                        a header of all later requests; an empty value takes it away
//	GET compute /servers/$id                  a request to a service of the catalog
//	POST compute /servers create.json         with a file of the archive as its body
//	POST compute /os-keypairs {"keypair":…}   or with the body on the line
//	status 202                                the last answer's status; every answer must be checked before the next request
//	json server.name t1                       a member of the last answer: equal to a JSON value or a text
//	json server.fault.message ~ no valid      … matches a regular expression
//	json server.fault absent | present        … is not there | is there, null included
//	count servers 3                           how many items a list has
//	set id server.id                          keeps a member in a variable
//	let name some text                        keeps a text in a variable
//	wait server $id ACTIVE [20s]              asks again until the status is that; gone waits for 404. ERROR ends the wait unless asked for
//	wait GET network /v2.0/ports/$p port.status ACTIVE [20s]   asks any path again until a member is that
//	tick 60s                                  moves the cloud's clock, where it has one of its own
//	kill NAME · restart NAME                  ends a part of the cloud as a crash would, and starts it again: a host's name, or controller
//	fail HOST spawn nth=1 fail=no luck        what the host's pretended hypervisor does wrong from now on; none ends it
//	unleaked                                  no server is left, and no allocation, port or guest either
//
// A member's path is names and list positions joined by dots: servers.0.addresses.demo.0.addr. A name that has dots
// itself is written in [].
package scenario

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// Cloud is what a story is told to.
type Cloud interface {
	// Do sends a request as somebody and answers status, headers and body.
	Do(ctx context.Context, as string, r Request) (Answer, error)
	// Vars are variables that every story begins with: image, flavor, network, project ids.
	Vars() map[string]string
	// Tick fails where the cloud has no clock of its own.
	Tick(d time.Duration) error
	Kill(name string) error
	Restart(name string) error
	Fail(host, faults string) error
	// Leaks lists what is left of servers that are gone.
	Leaks(ctx context.Context) ([]string, error)
}

// Request is one HTTP request to a service of the catalog.
type Request struct {
	Method, Service, Path string
	Header                http.Header
	Body                  string
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Options are the words of a story's "cloud" command.
type Options struct {
	Computes int
	Sets     []string // section.option=value
}

// Run tells each story that matches the pattern, in parallel, to a cloud of its own.
func Run(t *testing.T, pattern string, start func(t *testing.T, o Options) Cloud) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories match %s: %v", pattern, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(filepath.Base(f), ar)
			if err != nil {
				t.Fatal(err)
			}
			s.tell(t, start(t, s.options))
		})
	}
}

// story is a parsed archive.
type story struct {
	name     string
	options  Options
	commands []command
	files    map[string]string
}

type command struct {
	line  int
	words []string
	text  string // the line as it was written
}

func parse(name string, ar *txtar.Archive) (*story, error) {
	s := &story{name: name, options: Options{Computes: 1}, files: map[string]string{}}
	for _, f := range ar.Files {
		s.files[f.Name] = string(f.Data)
	}
	for i, line := range strings.Split(string(ar.Comment), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c := command{line: i + 1, words: strings.Fields(line), text: line}
		if c.words[0] != "cloud" {
			s.commands = append(s.commands, c)
			continue
		}
		if len(s.commands) > 0 {
			return nil, fmt.Errorf("%s:%d: cloud must be the first command", name, c.line)
		}
		for _, w := range c.words[1:] {
			if n, ok := strings.CutPrefix(w, "computes="); ok {
				if _, err := fmt.Sscan(n, &s.options.Computes); err != nil {
					return nil, fmt.Errorf("%s:%d: %s is no number", name, c.line, w)
				}
				continue
			}
			s.options.Sets = append(s.options.Sets, w)
		}
	}
	return s, nil
}
