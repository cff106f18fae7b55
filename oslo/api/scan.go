package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The decoder walks a document that checkJSON has accepted, so the scanner below needs no error paths for syntax.

const maxDepth = 64 // deeper documents are nobody's honest request

// checkJSON accepts exactly one well-formed UTF-8 document of bounded depth, without NUL characters and halves of
// surrogate pairs.
func checkJSON(b []byte) error {
	if !utf8.Valid(b) {
		return inputf("the body is not UTF-8")
	}
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case inString && c == '\\':
			switch u := escaped(b[i:]); {
			case u == 0:
				return inputf("the body contains a NUL character")
			case u < 0 || !utf16.IsSurrogate(u):
			case utf16.DecodeRune(u, escaped(b[i+6:])) == utf8.RuneError:
				return inputf("the body contains half of a surrogate pair, which is no character")
			default:
				i += 6 // the other half
			}
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return inputf("the body is nested too deeply")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !json.Valid(b) {
		return inputf("the body is not a valid JSON document")
	}
	return nil
}

// escaped is the character that b begins with as \uXXXX; -1 where it does not.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the index behind the value that starts at i.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		for i++; b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch b[i] {
			case '"':
				i = valueEnd(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(b) && !strings.ContainsRune(",]} \n\t\r", rune(b[i])) {
		i++
	}
	return i
}

// members calls fn for each member of the object b in order.
func members(b []byte, fn func(name string, value []byte) error) error {
	i := skipSpace(b, 0) + 1
	for {
		i = skipSpace(b, i)
		if b[i] == '}' {
			return nil
		}
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		end := valueEnd(b, i)
		name := unquote(b[i:end])
		i = skipSpace(b, end) + 1 // the colon
		i = skipSpace(b, i)
		end = valueEnd(b, i)
		if err := fn(name, b[i:end]); err != nil {
			return err
		}
		i = end
	}
}

// elements calls fn for each element of the array b in order.
func elements(b []byte, fn func(n int, value []byte) error) error {
	i := skipSpace(b, 0) + 1
	for n := 0; ; n++ {
		i = skipSpace(b, i)
		if b[i] == ']' {
			return nil
		}
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		end := valueEnd(b, i)
		if err := fn(n, b[i:end]); err != nil {
			return err
		}
		i = end
	}
}

func unquote(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1])
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return string(b)
	}
	return s
}

// kindOf names a value's JSON type for messages.
func kindOf(b []byte) string {
	switch b[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
