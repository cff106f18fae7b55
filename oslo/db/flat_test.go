package db_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"hypernova/oslo/db"
)

type flatDoc struct {
	Name string `json:"n"`
	Size int    `json:"size"`
	Kind string `json:"k"`
}

func readFlat(text string) ([]flatDoc, bool) {
	out := []flatDoc{}
	ok := db.FlatObjects(text, []string{"n", "size", "k"}, func(v []string) bool {
		n, err := strconv.Atoi(v[1])
		out = append(out, flatDoc{v[0], n, v[2]})
		return err == nil
	})
	return out, ok
}

func TestFlatObjectsReadsWhatTheEncoderWrites(t *testing.T) {
	t.Parallel()
	for _, want := range [][]flatDoc{{}, {{"a", 4, ""}}, {{"", 0, "x y"}, {"fa:16", 60, "10.0.0.1"}, {"c", 7, "d"}}} {
		text, err := json.Marshal(want)
		if got, ok := readFlat(string(text)); err != nil || !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v, %v", text, got, ok, err)
		}
	}
}

// Whatever FlatObjects accepts, encoding/json reads as the same.
func FuzzFlatObjects(f *testing.F) {
	for _, text := range []string{"", "[", "[]", "null", "{}", `[{"n":"a","size":1,"k":"b"}]`,
		`[{"n":"a","size":1,"k":"b"},]`, `[{"n":"a","size":01,"k":"b"}]`,
		`[{"n":"\u0041","size":1,"k":"b"}]`, `[{"n":"a","size":1,"k":"b"}`,
		`[{"n":"a","size":1,"k":"b","more":1}]`, `[{"size":1,"n":"a","k":"b"}]`, `[{"n":1,"size":1,"k":"b"}]`,
		`[{"n":"a","size":1,"k":"b"}]x`, `[{"n":"ä","size":1,"k":"b"}]`, `[,{"n":"a","size":1,"k":"b"}]`,
		`[{"n":"a","size":,"k":"b"}]`, `[{"n":"a"`, `[{"n":`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := readFlat(text)
		if !ok {
			return
		}
		var want []struct {
			Name any `json:"n"`
			Size any `json:"size"`
			Kind any `json:"k"`
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || len(want) != len(got) {
			t.Fatalf("%q was read as %+v, but is %+v, %v", text, got, want, err)
		}
		for i, w := range want {
			if s, ok := w.Name.(string); ok && s != got[i].Name {
				t.Errorf("%q was read as %+v, but is %+v", text, got, want)
			}
		}
	})
}
