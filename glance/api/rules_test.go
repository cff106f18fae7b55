package api_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	glanceapi "hypernova/glance/api"
	"hypernova/glance/images"
	"hypernova/glance/properties"
)

// quotas are the same for every project.
type quotas map[string]int64

func (q quotas) Limits(context.Context, string) (map[string]int64, error) { return q, nil }

func TestUnifiedLimits(t *testing.T) {
	t.Parallel()
	q := quotas{images.SizeTotal: 2, images.StageTotal: 1, images.CountTotal: 4, images.CountUploading: 1}
	s := start(t, func(c *setup) { c.Quotas = q })
	if got := s.want(200, "reader@p", "GET", "/v2/info/usage", "").body; !strings.Contains(got,
		`"image_size_total":{"usage":0,"limit":2}`) {
		t.Errorf("usage: %s", got)
	}
	mib := strings.Repeat("x", 1<<20)
	first, second, third := s.create("member@p", rawImage), s.create("member@p", rawImage), s.create("member@p", rawImage)
	s.want(413, "member@p", "PUT", "/v2/images/"+first+"/file", mib+mib+mib)
	s.want(204, "member@p", "PUT", "/v2/images/"+first+"/file", mib+mib)
	s.want(413, "member@p", "PUT", "/v2/images/"+second+"/file", mib)
	s.want(413, "member@p", "PUT", "/v2/images/"+second+"/stage", mib+mib)
	s.want(204, "member@p", "PUT", "/v2/images/"+second+"/stage", mib)
	s.want(413, "member@p", "PUT", "/v2/images/"+third+"/stage", "")
	if a := s.want(413, "member@p", "PUT", "/v2/images/"+third+"/file", ""); !strings.Contains(a.body,
		"image_count_uploading is over limit of 1") {
		t.Errorf("two at once: %s", a.body)
	}
	if got := s.want(200, "member@p", "GET", "/v2/images/"+third, "").json(t)["status"]; got != "queued" {
		t.Errorf("a refused upload leaves %v", got)
	}
	s.create("member@p", rawImage)
	s.want(413, "member@p", "POST", "/v2/images", rawImage)
	want := `{"usage":{"image_count_total":{"usage":4,"limit":4},"image_count_uploading":{"usage":1,"limit":1},"image_size_total":{"usage":2,"limit":2},"image_stage_total":{"usage":1,"limit":1}}}`
	if got := s.want(200, "reader@p", "GET", "/v2/info/usage", "").body; got != want {
		t.Errorf("usage: %s", got)
	}
	q[images.CountTotal] = -1
	s.create("member@p", rawImage)
	s.create("member@other", rawImage)
}

func TestNoLimitsShowNoUsage(t *testing.T) {
	t.Parallel()
	if got := start(t).want(200, "reader@p", "GET", "/v2/info/usage", "").body; got != `{"usage":{}}` {
		t.Errorf("usage: %s", got)
	}
}

func TestProtectedProperties(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "protections.conf")
	text := ""
	for name, who := range map[string][4]string{
		"^open$": {"@", "@", "@", "@"}, "^secret$": {"admin", "admin", "admin", "admin"},
		"^fixed$": {"member", "reader", "admin", "!"},
	} {
		text += fmt.Sprintf("[%s]\ncreate = %s\nread = %s\nupdate = %s\ndelete = %s\n", name, who[0], who[1], who[2], who[3])
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := properties.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := startWith(t, func(a *glanceapi.Deps) { a.Protected = rules })
	s.want(403, "member@p", "POST", "/v2/images", `{"secret":"s"}`)
	s.want(403, "admin@p", "POST", "/v2/images", `{"unheard":"s"}`)
	id := s.create("admin@p", `{"secret":"s","fixed":"f","open":"o"}`)
	path := "/v2/images/" + id
	seen := s.want(200, "member@p", "GET", path, "").json(t)
	if seen["secret"] != nil || seen["fixed"] != "f" || seen["open"] != "o" {
		t.Errorf("a member sees %v", seen)
	}
	if got := s.want(200, "member@p", "GET", "/v2/images", "").body; strings.Contains(got, "secret") {
		t.Errorf("in a list: %s", got)
	}
	for _, c := range []struct {
		token, filter string
		want          int
	}{{"member@p", "secret=s", 0}, {"member@p", "secret=x", 0}, {"member@p", "fixed=f", 1}, {"admin@p", "secret=s", 1},
		{"admin@p", "secret=x", 0}} {
		if got := s.want(200, c.token, "GET", "/v2/images?"+c.filter, "").json(t)["images"].([]any); len(got) != c.want {
			t.Errorf("%s as %s: %d images, want %d", c.filter, c.token, len(got), c.want)
		}
	}
	if s.want(200, "admin@p", "GET", path, "").json(t)["secret"] != "s" {
		t.Error("an administrator does not see the secret")
	}
	for _, c := range []struct {
		status      int
		token, body string
	}{
		{200, "member@p", `[{"op":"replace","path":"/open","value":"x"}]`},
		{200, "member@p", `[{"op":"remove","path":"/open"}]`},
		{200, "member@p", `[{"op":"add","path":"/open","value":"y"}]`},
		{403, "member@p", `[{"op":"add","path":"/secret","value":"y"}]`},
		{409, "member@p", `[{"op":"replace","path":"/secret","value":"y"}]`},
		{409, "member@p", `[{"op":"remove","path":"/secret"}]`},
		{403, "member@p", `[{"op":"replace","path":"/fixed","value":"y"}]`},
		{403, "admin@p", `[{"op":"remove","path":"/fixed"}]`},
		{403, "member@p", `[{"op":"add","path":"/other","value":"y"}]`},
		{200, "admin@p", `[{"op":"replace","path":"/fixed","value":"g"},{"op":"replace","path":"/secret","value":"t"}]`},
	} {
		if a := s.do(c.token, "PATCH", path, c.body); a.status != c.status {
			t.Errorf("%s as %s: got %d, want %d: %s", c.body, c.token, a.status, c.status, a.body)
		}
	}
	if got := s.want(200, "admin@p", "GET", path, "").json(t); got["secret"] != "t" || got["fixed"] != "g" ||
		got["open"] != "y" {
		t.Errorf("at last: %v", got)
	}
}

func TestSignedUploads(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	const cert = "11111111-2222-3333-4444-555555555555"
	certs := fstest.MapFS{cert + ".pem": {Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}}
	data := bytes.Repeat([]byte("data"), 300_000)
	sum := sha512.Sum384(data)
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA384)
	if err != nil {
		t.Fatal(err)
	}
	body := func(cert string) string {
		return `{"disk_format":"raw","container_format":"bare","img_signature_hash_method":"SHA-384","img_signature_key_type":"ECC_SECP384R1",
			"img_signature_certificate_uuid":"` + cert + `","img_signature":"` + base64.StdEncoding.EncodeToString(sig) + `"}`
	}
	s := start(t, func(c *setup) { c.Trusted = certs })
	s.run()
	id := s.create("member@p", body(cert))
	if a := s.want(400, "member@p", "PUT", "/v2/images/"+id+"/file", string(data)+"x"); !strings.Contains(a.body,
		"ignature") {
		t.Errorf("tampered: %s", a.body)
	}
	if got := s.want(200, "member@p", "GET", "/v2/images/"+id, "").json(t)["status"]; got != "queued" {
		t.Errorf("after tampered data: %v", got)
	}
	if left, err := s.files.List(t.Context()); len(left) != 0 || err != nil {
		t.Errorf("tampered data is left: %v, %v", left, err)
	}
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", string(data))
	s.want(400, "member@p", "PUT", "/v2/images/"+s.create("member@p",
		body("99999999-2222-3333-4444-555555555555"))+"/file", string(data))
	for content, want := range map[string]string{string(data): "success", "other": "failure"} {
		id := s.create("member@p", body(cert))
		s.want(204, "member@p", "PUT", "/v2/images/"+id+"/stage", content)
		s.want(202, "member@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"glance-direct"}}`)
		if got := s.ended("member@p", id); got["status"] != want {
			t.Errorf("import: %v, want %s", got, want)
		}
	}
}
