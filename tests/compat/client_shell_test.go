package compat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// shells run commands of the openstack client, a few at a time: see shell.py.
type shells struct{ free chan *shell }

// shell is a process of shell.py.
type shell struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// newShells starts n processes, which end with the test.
func newShells(t *testing.T, n int) *shells {
	t.Helper()
	s := &shells{make(chan *shell, n)}
	for range n {
		var trouble bytes.Buffer
		cmd := exec.CommandContext(t.Context(), python(t), "shell.py")
		cmd.Stderr = &trouble
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close() // the process ends with its input
			if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
				t.Errorf("shell.py: %v\n%s", err, &trouble)
			}
		})
		s.free <- &shell{in, bufio.NewReader(out)}
	}
	return s
}

// python returns the interpreter of the installed client.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openstack")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) != 1 {
		t.Fatalf("%s begins with %q", path, line)
	}
	return words[0]
}

// ask sends one request to a process and reads its answer.
func (s *shells) ask(request, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	one := <-s.free
	defer func() { s.free <- one }()
	if _, err := one.in.Write(append(line, '\n')); err != nil {
		return err
	}
	said, err := one.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(said, answer)
}

// run runs one command. The error has the client's output.
func (s *shells) run(config string, args []string) (string, error) {
	return s.answered(map[string]any{"config": config, "argv": args})
}

// nova runs one command of the nova client as a cloud of a clouds.yaml.
func (s *shells) nova(config, cloud string, args []string) (string, error) {
	return s.answered(map[string]any{"config": config, "cloud": cloud, "argv": args})
}

func (s *shells) answered(request map[string]any) (string, error) {
	var a struct {
		Code     int
		Out, Err string
	}
	if err := s.ask(request, &a); err != nil {
		return "", err
	}
	if a.Code != 0 {
		return a.Out, fmt.Errorf("exit status %d\n%s%s", a.Code, a.Out, a.Err)
	}
	return a.Out, nil
}

// commands returns the client's commands by group.
func (s *shells) commands(groups ...string) (map[string][]string, error) {
	out := map[string][]string{}
	return out, s.ask(map[string]any{"commands": groups}, &out)
}
