package db

import "strings"

// FlatObjects reads a JSON list of objects as encoding/json writes them from a struct: without spaces, and with the
// members keys in that order, each a text or a whole number. For each object it calls f with the texts, without quotes,
// and the digits; f must not keep the slice. It reports false for every other document, also after some calls of f. The
// caller then reads the document with encoding/json, which takes many times as long.
func FlatObjects(text string, keys []string, f func(values []string) bool) bool {
	var few [8]string
	values := few[:0]
	rest, ok := strings.CutPrefix(text, "[")
	for ok && len(rest) > 0 && rest[0] == '{' {
		values = values[:0]
		for i, key := range keys {
			var value string
			if value, rest, ok = flatMember(rest, i == 0, key); !ok {
				return false
			}
			values = append(values, value)
		}
		if rest, ok = strings.CutPrefix(rest, "}"); !ok || !f(values) {
			return false
		}
		if rest == "]" {
			return true
		}
		rest, ok = strings.CutPrefix(rest, ",")
	}
	return text == "[]"
}

// flatMember cuts a member off the front of an object's text.
func flatMember(text string, first bool, key string) (value, rest string, ok bool) {
	open := byte(',')
	if first {
		open = '{'
	}
	n := 1 + len(key) + 3 // the separator, the key in quotes and the colon
	if len(text) <= n || text[0] != open || text[1] != '"' || text[2:2+len(key)] != key || text[n-2:n] != `":` {
		return "", "", false
	}
	text = text[n:]
	if text[0] != '"' {
		end := 0
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		return text[:end], text[end:], end == 1 || end > 1 && text[0] != '0'
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\' || c < ' ' || c >= 0x80:
			return "", "", false
		}
	}
	return "", "", false
}

// flatTexts reads a JSON list of texts as encoding/json writes it, in which nothing is escaped and all is ASCII. It
// reports false for every other document, and leaves into as it was.
func flatTexts(text string, into *[]string) bool {
	if len(text) < 4 || text[0] != '[' || text[len(text)-1] != ']' {
		return false
	}
	list := make([]string, 0, 1+strings.Count(text, ","))
	for rest := text[1 : len(text)-1]; ; rest = rest[1:] {
		if len(rest) < 2 || rest[0] != '"' {
			return false
		}
		end := 1
		for end < len(rest) && rest[end] != '"' {
			if c := rest[end]; c == '\\' || c < ' ' || c >= 0x80 {
				return false
			}
			end++
		}
		if end == len(rest) {
			return false
		}
		list = append(list, rest[1:end])
		if rest = rest[end+1:]; rest == "" {
			*into = list
			return true
		}
		if rest[0] != ',' {
			return false
		}
	}
}
