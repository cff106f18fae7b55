//go:build linux

package nft_test

import (
	"encoding/json"
	"slices"
	"testing"
)

// normal makes lines of nft's JSON listing that do not depend on the order in which things were made, except rules
// within a chain.
func normal(t *testing.T, out []byte) []string {
	t.Helper()
	var doc struct {
		Nftables []map[string]map[string]any `json:"nftables"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	var lines []string
	rules := map[string]int{}
	for _, object := range doc.Nftables {
		for kind, o := range object {
			if kind == "metainfo" {
				continue
			}
			delete(o, "handle")
			if elements, ok := o["elem"].([]any); ok {
				slices.SortFunc(elements, func(a, b any) int { return slices.Compare(text(t, a), text(t, b)) })
			}
			if kind == "rule" {
				at := o["table"].(string) + o["chain"].(string)
				rules[at]++
				o["position"] = rules[at]
			}
			lines = append(lines, kind+" "+string(text(t, o)))
		}
	}
	slices.Sort(lines)
	return lines
}

func text(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
