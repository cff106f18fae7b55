package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/opt"
)

type inner1 struct {
	Size int  `wire:"size" is:"required"`
	On   bool `wire:"on"`
}

type flat struct {
	Flat string `wire:"flat"`
}

type everything struct {
	flat
	Flat2  `mv:"2.5-"`
	Text   string                     `wire:"text"`
	Ptr    *string                    `wire:"ptr" is:"nullable"`
	Opt    opt.Of[int]                `wire:"opt" is:"nullable,min=1"`
	In     inner1                     `wire:"in"`
	Ins    []inner1                   `wire:"ins"`
	Map    map[string]string          `wire:"map" is:"keys(maxlen=3),each(maxlen=2)"`
	Any    any                        `wire:"any"`
	Raw    json.RawMessage            `wire:"raw"`
	Time   time.Time                  `wire:"time"`
	Float  float64                    `wire:"float" is:"max=2.5"`
	Small  int8                       `wire:"small"`
	IP     string                     `wire:"ip" is:"ip"`
	UUID   string                     `wire:"uuid" is:"uuid"`
	Others map[string]json.RawMessage `wire:"*"`
}

// Flat2 is embedded with a span of its own.
type Flat2 struct {
	Late string `wire:"late"`
}

func decode(t testing.TB, doc string, v Version, into any) error {
	t.Helper()
	if err := checkJSON([]byte(doc)); err != nil {
		return err
	}
	var rs readers
	x := reflect.ValueOf(into).Elem()
	return rs.of(x.Type(), v)([]byte(doc), x)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var got everything
	doc := ` { "text" : "a\"\u00e9b" , "flat":"f","late":"l","ptr":null,"opt":3,"in":{"size":1},"ins":[ {"size":2,"on":true} , {"size":3} ],"map":{"a":"b"},
		"any":[1,"x"],"raw":{"k":[1, 2]},"time":"2026-01-02T03:04:05Z","float":2.5,"small":-128,"ip":"::1","uuid":"3a1b3a1b3a1b3a1b3a1b3a1b3a1b3a1b","x":true,"y":{} } `
	if err := decode(t, strings.TrimSpace(doc), Version{2, 5}, &got); err != nil {
		t.Fatal(err)
	}
	want := everything{Flat2: Flat2{"l"}, Text: `a"éb`, Opt: opt.Some(3), In: inner1{Size: 1},
		Ins: []inner1{{2, true}, {3, false}},
		Map: map[string]string{"a": "b"}, Any: []any{1.0, "x"}, Raw: json.RawMessage(`{"k":[1, 2]}`),
		Time:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Float: 2.5, Small: -128, IP: "::1", UUID: "3a1b3a1b3a1b3a1b3a1b3a1b3a1b3a1b",
		Others: map[string]json.RawMessage{"x": json.RawMessage("true"), "y": json.RawMessage("{}")}}
	want.Flat = "f"
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(everything{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ doc, why string }{
		{`[]`, "not of type 'object'"},
		{`{"opt":0}`, "opt: 0 is less than"},
		{`{"in":{}}`, "in.size: the member is required"},
		{`{"in":{"size":1.5}}`, "in.size"},
		{`{"in":{"size":99999999999999999999}}`, "out of range"},
		{`{"ins":[{"size":1},{"size":1,"z":1}]}`, "ins[1].z"},
		{`{"map":{"long":"x"}}`, "map: key 'long' is too long"},
		{`{"map":{"a":"xxx"}}`, "map.a"},
		{`{"map":{"a":"x","a":"y"}}`, "map.a: the member is there twice"},
		{`{"map":{"a":1}}`, "map.a"},
		{`{"small":128}`, "out of range"},
		{`{"float":2.6}`, "greater than"},
		{`{"time":"yesterday"}`, "date-time"},
		{`{"ip":"1.2.3"}`, "IP address"},
		{`{"uuid":"x"}`, "UUID"},
		{`{"text":"a\u0000"}`, "NUL"},
		{`{"a\u0000":1}`, "NUL"},
		{`{"text":"a\\\u0000"}`, "NUL"},
		{`{"text":"\ud800"}`, "surrogate"},
		{`{"text":"\ud800\ud800"}`, "surrogate"},
		{`{"text":"\ud800x"}`, "surrogate"},
		{`{"text":"\udc00\ud800"}`, "surrogate"},
		{`{"text":"\ud83d\ude00\uDEAD"}`, "surrogate"},
		{`{"\udfff":1}`, "surrogate"},
		{`{"text":null}`, "null is not allowed"},
		{`{"in":null}`, "null is not allowed"},
		{"{\"text\":\"\xff\"}", "UTF-8"},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), "too deeply"},
	} {
		var got everything
		err := decode(t, tc.doc, Version{2, 1}, &got)
		if err == nil || !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: got %v, want %q", tc.doc, err, tc.why)
		}
	}
}

func TestDecodeTakesEscapes(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"text":"\ud83d\ude00"}`:             "\U0001f600",
		`{"text":"\uD83D\uDE00\ud83d\ude00"}`: "\U0001f600\U0001f600",
		`{"text":"\\u0000\\ud800"}`:           `\u0000\ud800`,
	} {
		var got everything
		if err := decode(t, doc, Version{2, 1}, &got); err != nil || got.Text != want {
			t.Errorf("%s: got %q, %v, want %q", doc, got.Text, err, want)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		is, value string
		ok        bool
	}{
		{"name", "a b", true}, {"name", " a", false}, {"name", "", false}, {"name", "a\tb", false},
		{"name", strings.Repeat("é", 255), true},
		{"name", strings.Repeat("é", 256), false}, {"text", "", true}, {"id", "a b", false}, {"id", "a", true},
		{"cidr", "10.0.0.0/8", true}, {"cidr", "10.0.0.0", false}, {"ipv4", "::1", false}, {"ipv6", "1.2.3.4", false},
		{"mac", "fa:16:3e:00:00:01", true}, {"mac", "fa163e000001", false}, {"hostname", "a-b", true},
		{"hostname", "a.b", false}, {"hostname", "-a", false},
		{"fqdn", "a.b", true}, {"fqdn", "a..b", false}, {"url", "http://x/y", true}, {"url", "x/y", false},
		{"base64", "aGk=", true}, {"base64", "%", false},
		{"enum=a|b", "b", true}, {"enum=a|b", "c", false}, {"minlen=2,pattern=^a,b", "a,bc", true},
		{"minlen=2,pattern=^a,b", "xx", false},
	} {
		if why := parseRules(tc.is, "test").checkText(tc.value); (why == "") != tc.ok {
			t.Errorf("%s of %q: %q", tc.is, tc.value, why)
		}
	}
}

func TestBadTagsPanicAtStart(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"unknown check": struct {
			A string `wire:"a" is:"nonsense"`
		}{},
		"two of a name": struct {
			A string `wire:"a"`
			B string `wire:"a"`
		}{},
		"bad span": struct {
			A string `wire:"a" mv:"two"`
		}{},
		"no wire tag": struct {
			A string `json:"a"`
		}{},
		"bad pattern": struct {
			A string `wire:"a" is:"pattern=["`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			verify(reflect.TypeOf(v), true, map[reflect.Type]bool{})
		})
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		span, version string
		in            bool
	}{
		{"2.19-", "2.18", false}, {"2.19-", "2.19", true}, {"-2.56", "2.56", true}, {"-2.56", "2.57", false},
		{"2.1-2.5,2.9-", "2.7", false},
		{"2.1-2.5,2.9-", "2.10", true}, {"2.32", "2.32", true}, {"2.32", "2.33", false},
	} {
		v, ok := ParseVersion(tc.version)
		if got := mustSpans(tc.span).contains(v); !ok || got != tc.in {
			t.Errorf("%s in %s: %v", tc.version, tc.span, got)
		}
	}
}

// FuzzDecode looks for documents that crash the decoder, or that it takes although encoding/json does not.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`,
		`{"text":"a","in":{"size":1},"ins":[{"size":2}],"map":{"a":"b"},"any":{"x":[1,2,{}]},"x":null}`, `{"text":"\ud800"}`,
		`[1,2`, `{"a":{"b":{"c":[[]]}}} x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		doc = doc[skipSpace(doc, 0):]
		if len(doc) == 0 || checkJSON(doc) != nil {
			return
		}
		var rs readers
		var got everything
		x := reflect.ValueOf(&got).Elem()
		if rs.of(x.Type(), Version{2, 96})(doc, x) != nil {
			return
		}
		var ref map[string]json.RawMessage
		if err := json.Unmarshal(doc, &ref); err != nil {
			t.Fatalf("taken, but encoding/json says %v: %q", err, doc)
		}
		var text string
		if raw, ok := ref["text"]; ok {
			if json.Unmarshal(raw, &text) != nil || text != got.Text {
				t.Fatalf("text %q, encoding/json reads %q", got.Text, text)
			}
		}
		ws := writers{}
		e := &view{w: &ws, v: Version{2, 96}}
		ws.of(x.Type(), e.v)(e, x)
		if e.err != nil || !json.Valid(e.buf) {
			t.Fatalf("written as %q, %v", e.buf, e.err)
		}
	})
}
