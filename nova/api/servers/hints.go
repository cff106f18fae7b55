package servers

import (
	"bytes"
	"encoding/json"
)

// hintsView is the scheduler hints that a server was made with: each a list of texts, also where one value was given.
func hintsView(raw json.RawMessage) map[string][]string {
	out := map[string][]string{}
	var given map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &given) != nil {
		return out
	}
	for name, v := range given {
		var many []json.RawMessage
		if json.Unmarshal(v, &many) != nil {
			many = []json.RawMessage{v}
		}
		out[name] = make([]string, len(many))
		for i, one := range many {
			out[name][i] = hintText(one)
		}
	}
	return out
}

// hintText is one value of a hint as a text; booleans have the words that nova keeps for them.
func hintText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && !bytes.Equal(raw, []byte("null")) {
		return text
	}
	switch string(raw) {
	case "true":
		return "True"
	case "false":
		return "False"
	}
	return string(raw)
}
