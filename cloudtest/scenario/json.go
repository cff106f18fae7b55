package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// member finds a path in a document; ok is false where it is not there.
func member(doc any, path string) (v any, ok bool) {
	v = doc
	for path != "" && path != "." {
		var name string
		if strings.HasPrefix(path, "[") {
			name, path, _ = strings.Cut(path[1:], "]")
			path = strings.TrimPrefix(path, ".")
		} else {
			name, path, _ = strings.Cut(path, ".")
		}
		switch x := v.(type) {
		case map[string]any:
			if v, ok = x[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// decode reads a body; numbers stay as they are written.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	return v, nil
}

// text is a value as a script has it: strings bare, everything else as JSON.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// expect compares a member with the rest of a json command.
func expect(doc any, path, want string) error {
	v, ok := member(doc, path)
	switch {
	case want == "absent":
		if ok {
			return fmt.Errorf("%s is %s, want it absent", path, text(v))
		}
		return nil
	case !ok:
		return fmt.Errorf("%s is absent", path)
	case want == "present":
		return nil
	}
	got := text(v)
	if pattern, isPattern := strings.CutPrefix(want, "~ "); isPattern {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		if !re.MatchString(got) {
			return fmt.Errorf("%s is %s, want a match of %s", path, got, pattern)
		}
		return nil
	}
	var canonical any
	if w, err := decode([]byte(want)); err == nil {
		canonical = w
	} else {
		canonical = want
	}
	if got != text(canonical) && got != want {
		return fmt.Errorf("%s is %s, want %s", path, got, want)
	}
	return nil
}
