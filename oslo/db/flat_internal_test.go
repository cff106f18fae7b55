package db

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is read without the decoder is what the decoder reads, and nothing that the decoder refuses.
func TestFlatTextsAreReadAsTheDecoderDoes(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Errorf(string, ...any) }, text string) bool {
		var got, want []string
		if !flatTexts(text, &got) {
			return false
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q, %v", text, got, want, err)
		}
		return true
	}
	for _, text := range []string{`["a"]`, `["a","b"]`, `[""]`, `["a,b","]"]`, `["0a4f-7"]`} {
		if !check(t, text) {
			t.Errorf("%q was left to the decoder", text)
		}
	}
	for _, text := range []string{`[]`, `["a",]`, `["a" ]`, `["a"b]`, `[1]`, `["a\n"]`, `["é"]`, `["a`, `["a]`, `"a"`, ``,
		`[,"a"]`, `["a""b"]`} {
		if check(t, text) {
			t.Errorf("%q was not left to the decoder", text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(rapid.SliceOf(rapid.String()).Draw(t, "texts"))
		if err != nil {
			t.Fatal(err)
		}
		check(t, string(text))
		check(t, rapid.StringOf(rapid.SampledFrom([]rune(`[]",\ab 1`))).Draw(t, "any"))
	})
}
