package messaging_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/messaging"
)

// The form on the wire is that of encoding/json, which other releases use.
func TestTheWireFormIsJSON(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]messaging.Message{
		"least": {Kind: messaging.KindReply, ID: "a-1"},
		"all": {Kind: messaging.KindCall, ID: "a-1", IDs: []string{"x", `"`}, Host: "h.1", Sender: "a", Topic: "compute",
			Method: "build", Level: 3,
			Request: "req-1", Caller: &auth.Caller{UserID: "u", Roles: []string{"admin"}}, Trace: "00-1-2-01",
			Timeout: time.Minute, ReplyTo: "a",
			Delivery: 2, Payload: json.RawMessage(`{"a":[1,"}",{"b":"\\\""}],"c":null}`),
			Fault: &messaging.WireFault{Kind: "conflict", Msg: "no", Cause: "é"}},
		"odd text":    {Kind: messaging.KindCast, ID: "a-1", Topic: "a\"b\\c\n<é>&\x00", Method: "ü"},
		"negative":    {Kind: messaging.KindCast, ID: "a-1", Level: -1, Timeout: -5},
		"plain value": {Kind: messaging.KindReply, ID: "a-1", Payload: json.RawMessage(`7`)},
		"no value":    {Kind: messaging.KindReply, ID: "a-1", Payload: json.RawMessage(`null`)},
	} {
		want, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := messaging.Encode(&m)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: encoded as %s, %v, want %s", name, got, err, want)
		}
		back, err := messaging.Decode(want)
		if err != nil || !reflect.DeepEqual(*back, m) {
			t.Errorf("%s: decoded as %+v, %v, want %+v", name, back, err, m)
		}
	}
}

func TestOtherEncodersAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"kind":"reply","id":"1"}`, ` { "id" : "1", "kind": "reply" } `,
		`{"new":[{"x":"}"}],"id":"1","kind":"reply"}`,
		`{"kind":"reply","id":"\u0031"}`, `{"kind":"reply","id":"1","level":0}`, `{"KIND":"reply","id":"1"}`} {
		if m, err := messaging.Decode([]byte(text)); err != nil || m.ID != "1" || m.Kind != messaging.KindReply {
			t.Errorf("%s: got %+v, %v", text, m, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "{", "{}", `{"kind":7}`, "\xff\x00", "[]", `{"kind":"call","id":"1"}`,
		`{"kind":"call","id":"1",}`, `{"kind":"call","id":"1"}}`,
		`{"kind":"call","id":"1","payload":{]}`, `{"kind":"call","id":"1","level":01}`, `{"kind":"call","id":"1","level":+1}`,
		`{"kind":"call","id":"1","level":-0}`,
		`{"kind":"call","id":"1","level":-01}`, `{"kind":"call","id":"1","level":-}`,
		`{"kind":"call","id":"1","payload":}`, `{"kind":"call","id":"1","caller":{"user_id":"u"},"timeout_ns":5}`,
		`{"kind":"call","id":"1","level":1e3}`,
		`{"kind":"a","kind":"b","id":"1","fault":{"kind":"x"},"fault":{"msg":"y"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want messaging.Message
		err := json.Unmarshal(data, &want)
		bad := err != nil || want.ID == "" || want.Kind == ""
		got, err := messaging.Decode(data)
		if bad != (err != nil) {
			t.Fatalf("%q: got %v, want an error: %v", data, err, bad)
		}
		if err == nil && !reflect.DeepEqual(*got, want) {
			t.Fatalf("%q: got %+v, want %+v", data, got, want)
		}
	})
}

// FuzzEncode checks that Encode writes the same bytes as encoding/json, and that Decode returns the same message.
func FuzzEncode(f *testing.F) {
	f.Add("call", "a-1", "compute", "build", "u", "NotFound", int64(1), int64(60), []byte(`{"a":[1,"}"]}`))
	f.Add("cast", "\"", "é\x00<&>", "\xff", "\u2028", "", int64(-1), int64(-5), []byte(`null`))
	f.Add("", "", "", "", "", "", int64(0), int64(0), []byte{})
	f.Fuzz(func(t *testing.T, kind, id, topic, method, user, cause string, level, timeout int64, payload []byte) {
		m := messaging.Message{Kind: messaging.Kind(kind), ID: id, IDs: []string{id, user}, Host: topic, Sender: method,
			Topic: topic, Method: method, Level: int(level),
			Request: user, Trace: cause, Timeout: time.Duration(timeout), ReplyTo: id, Delivery: int(level)}
		if user != "" {
			m.Caller = &auth.Caller{UserID: user, Roles: []string{kind}}
		}
		if cause != "" {
			m.Fault = &messaging.WireFault{Kind: cause, Msg: topic}
		}
		var compact bytes.Buffer
		if json.Valid(payload) { // payloads come from encoding/json
			json.HTMLEscape(&compact, payload)
			payload = bytes.Clone(compact.Bytes())
			compact.Reset()
			_ = json.Compact(&compact, payload) // it is valid
			m.Payload = compact.Bytes()
		}
		want, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := messaging.Encode(&m)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %s, %v, want %s", got, err, want)
		}
		if id == "" || kind == "" {
			return
		}
		var std messaging.Message
		if err := json.Unmarshal(want, &std); err != nil {
			t.Fatal(err)
		}
		if back, err := messaging.Decode(got); err != nil || !reflect.DeepEqual(*back, std) {
			t.Fatalf("%s: got %+v, %v, want %+v", got, back, err, std)
		}
	})
}
