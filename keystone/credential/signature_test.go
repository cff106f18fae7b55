package credential

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// The example of AWS's own documentation of version 4.
func TestVersionFourSignsAsAWSDoes(t *testing.T) {
	t.Parallel()
	r := Signed{Verb: "GET", Host: "iam.amazonaws.com", Path: "/", Params: map[string]string{"Action": "ListUsers",
		"Version": "2010-05-08"},
		BodyHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Headers: map[string]string{"Host": "iam.amazonaws.com", "X-Amz-Date": "20150830T123600Z",
			"Content-Type":  "application/x-www-form-urlencoded; charset=utf-8",
			"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=x"}}
	want := "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := r.sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.Headers["X-Amz-Date"] = "20150831T123600Z"
	if got := r.sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"); got != "" {
		t.Errorf("a date outside the scope was signed: %s", got)
	}
}

func TestASignatureIsOfOneSecretAndOneRequest(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Signed{
		"version 0": {Params: map[string]string{"SignatureVersion": "0", "Action": "a", "Timestamp": "t"}},
		"version 1": {Params: map[string]string{"SignatureVersion": "1", "Action": "a"}},
		"version 2": {Verb: "GET", Host: "cloud:8773", Path: "/", Params: map[string]string{"SignatureVersion": "2",
			"Action": "a b"}},
		"s3": {Token: base64.URLEncoding.EncodeToString([]byte("GET\n\n\ndate\n/bucket"))},
	} {
		sign := r.sign
		if r.Token != "" {
			sign = r.s3
		}
		r.Signature = sign("secret")
		if r.Signature == "" || !r.signedWith("secret") {
			t.Errorf("%s: its own signature is refused", name)
		}
		if r.signedWith("other") {
			t.Errorf("%s: another secret's signature is taken", name)
		}
	}
	two := Signed{Verb: "GET", Host: "cloud", Path: "/", Params: map[string]string{"SignatureVersion": "2", "Action": "a"}}
	two.Signature, two.Host = two.sign("secret"), "cloud:8773"
	if !two.signedWith("secret") {
		t.Error("a host signed without its port is refused")
	}
	for _, r := range []Signed{{}, {Params: map[string]string{"SignatureVersion": "9"}}, {Token: "!"}} {
		if r.Signature = ""; r.signedWith("") {
			t.Errorf("%+v: no signature at all is taken", r)
		}
	}
}

// four is a POST by version 4, of which no parameter is signed.
func four(date string, params map[string]string) Signed {
	r := Signed{Verb: "POST", Host: "cloud", Path: "/", Params: params, BodyHash: "x",
		Headers: map[string]string{"Host": "cloud", "X-Amz-Date": date,
			"Authorization": "AWS4-HMAC-SHA256 Credential=key/" + date[:8] +
				"/r/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=x"}}
	r.Signature = r.sign("secret")
	return r
}

func TestAnOldRequestStaysOldWhateverIsAdded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		date   string
		params map[string]string
		good   bool
	}{
		"fresh":                     {"20260501T115500Z", map[string]string{}, true},
		"old":                       {"20260501T110000Z", map[string]string{}, false},
		"old, a new time beside":    {"20260501T110000Z", map[string]string{"Timestamp": "2026-05-01T12:00:00Z"}, false},
		"old, a new date beside":    {"20260501T110000Z", map[string]string{"X-Amz-Date": "20260501T120000Z"}, false},
		"fresh, an old time beside": {"20260501T115500Z", map[string]string{"Timestamp": "2026-05-01T10:00:00Z"}, true},
		"no time":                   {"20260501 whenever", map[string]string{}, false},
	} {
		r := four(c.date, map[string]string{})
		r.Params = c.params
		if !r.signedWith("secret") {
			t.Errorf("%s: the signature does not hold", name)
		}
		if err := r.recent(now); (err == nil) != c.good {
			t.Errorf("%s: got %v", name, err)
		}
	}
	two := Signed{Params: map[string]string{"SignatureVersion": "2", "Timestamp": "2026-05-01T10:00:00Z"},
		Headers: map[string]string{"X-Amz-Date": "20260501T120000Z",
			"Authorization": "AWS4-HMAC-SHA256"}}
	if two.recent(now) == nil {
		t.Error("version 2 with a header of version 4 is not old")
	}
}

// FuzzSigned: whatever a request says, nothing fails but the check, and no signature holds for another secret or
// another request.
func FuzzSigned(f *testing.F) {
	f.Add("", "GET", "cloud:8773", "/", "2", "Action", "DescribeInstances", "", "", "")
	f.Add("", "GET", "cloud", "/", "1", "Action", "a", "", "", "")
	f.Add("", "POST", "cloud", "/", "", "Action", "a", "20260501T110000Z",
		"AWS4-HMAC-SHA256 Credential=key/20260501/r/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=x", "x")
	f.Add("", "GET", "cloud", "/", "", "X-Amz-Algorithm", "AWS4-HMAC-SHA256", "2026",
		"AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;;", "")
	f.Add("QVdTNC1ITUFDLVNIQTI1NgoxCjIwMjYvci9zMy9hd3M0X3JlcXVlc3QKeA==", "", "", "", "", "", "", "", "", "")
	f.Add("R0VUCgoKZGF0ZQovYnVja2V0", "", "", "", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, token, verb, host, path, version, name, value, date, authorization, hash string) {
		r := Signed{Token: token, Verb: verb, Host: host, Path: path, Params: map[string]string{"SignatureVersion": version,
			name: value}, BodyHash: hash,
			Headers: map[string]string{"X-Amz-Date": date, "Authorization": authorization, "Host": host}}
		_ = r.recent(time.Now()) // any answer will do
		r.Signature = r.sign("secret")
		if token != "" {
			r.Signature = r.s3("secret")
		}
		if r.Signature == "" {
			if r.signedWith("secret") {
				t.Error("no signature at all is taken")
			}
			return
		}
		if !r.signedWith("secret") || r.signedWith("other") {
			t.Errorf("signed with its own secret: %t, with another: %t", r.signedWith("secret"), r.signedWith("other"))
		}
		if token != "" {
			return
		}
		if changed := r; strings.Contains(authorization, "AWS4") && r.isFour() {
			changed.BodyHash += "0"
			if changed.signedWith("secret") {
				t.Error("another body passes")
			}
		}
	})
}
