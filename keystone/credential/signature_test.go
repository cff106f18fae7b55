package credential

import (
	"encoding/base64"
	"testing"
)

// The example of AWS's own documentation of version 4.
func TestVersionFourSignsAsAWSDoes(t *testing.T) {
	t.Parallel()
	r := Signed{Verb: "GET", Host: "iam.amazonaws.com", Path: "/", Params: map[string]string{"Action": "ListUsers", "Version": "2010-05-08"},
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
		"version 2": {Verb: "GET", Host: "cloud:8773", Path: "/", Params: map[string]string{"SignatureVersion": "2", "Action": "a b"}},
		"s3":        {Token: base64.URLEncoding.EncodeToString([]byte("GET\n\n\ndate\n/bucket"))},
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
