// Package taskstest checks that this release reads the stored task arguments and progress of older releases.
package taskstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/messaging/contracttest"
	"hypernova/oslo/tasks"
)

// Golden compares the stored form of a kind's arguments with testdata/<kind>.golden, as Record does.
func Golden[T any](t *testing.T, update bool, k *tasks.Kind[T]) {
	t.Helper()
	Record[T](t, update, k.Name())
}

// Record compares the stored form of a T, which tasks keep, with testdata/<name>.golden. The file has a line for each
// form that a release has written, the current one last. The test fails if a line cannot be read into a T without
// unknown fields and lost values. update adds the current form and removes none; remove a line by hand when no release
// that wrote it can be upgraded from any more.
func Record[T any](t *testing.T, update bool, name string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	old, err := os.ReadFile(file)
	if err != nil && !(update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatalf("%v: run with -update", err)
	}
	now, err := json.Marshal(contracttest.Filled[T]())
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(old, []byte("\n")), []byte("\n"))
	if last := lines[len(lines)-1]; !bytes.Equal(last, now) {
		if !update {
			t.Errorf("%s is written in another form than before; run with -update if this is meant:\n%s", name,
				cmp.Diff(value(t, last), value(t, now)))
		} else if err := write(file, append(old, append(now, '\n')...)); err != nil {
			t.Fatal(err)
		}
	}
	for n, line := range lines {
		if len(line) == 0 {
			continue
		}
		if err := Unread[T](line); err != nil {
			t.Errorf("%s, form %d: what an older release wrote cannot be read: %v", name, n+1, err)
		}
	}
}

func write(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}

// Unread returns an error if text, the stored form of a T, has unknown fields or loses a value when it is read into a
// T.
func Unread[T any](text []byte) error {
	var v T
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var was, is any
	if err := errors.Join(json.Unmarshal(text, &was), json.Unmarshal(again, &is)); err != nil {
		return err
	}
	if !within(was, is) {
		return fmt.Errorf("something is lost:\n%s", cmp.Diff(was, is))
	}
	return nil
}

func value(t *testing.T, b []byte) (v any) {
	t.Helper()
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// within reports whether whole has all values of part. It may have more fields.
func within(part, whole any) bool {
	switch p := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range p {
			if got, ok := w[k]; !ok || !within(v, got) {
				return false
			}
		}
		return true
	case []any:
		w, ok := whole.([]any)
		if !ok || len(w) != len(p) {
			return false
		}
		for i := range p {
			if !within(p[i], w[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(part, whole)
}
