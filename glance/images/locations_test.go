package images_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

// site is a web server with images, and a service that may use it.
func site(t *testing.T, data []byte, change ...func(*setup)) (*images.Service, string) {
	t.Helper()
	h := http.NewServeMux()
	h.HandleFunc("/image", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	h.HandleFunc("/simple", func(w http.ResponseWriter, r *http.Request) { // knows of no ranges
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		if r.Method != http.MethodHead {
			w.Write(data)
		}
	})
	h.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/x", http.StatusFound)
	})
	h.HandleFunc("/evil", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{},
			strings.NewReader("QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x70"+strings.Repeat("\x00", 200)))
	})
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	s, _ := shop(t, append([]func(*setup){func(c *setup) {
		c.Web = images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}}, change...)...)
	return s, web.URL
}

func TestLocationsAreReadAndHashedBeforeTheImageIsActive(t *testing.T) {
	t.Parallel()
	data := random(2<<20 + 3)
	sum := sha256.Sum256(data)
	right, wrong := hex.EncodeToString(sum[:]), strings.Repeat("00", 32)
	s, at := site(t, data)
	for _, c := range []struct {
		name, path, hash string
		status           string
	}{
		{"plain", "/image", "", glance.Active},
		{"without ranges", "/simple", "", glance.Active},
		{"right hash", "/image", right, glance.Active},
		{"wrong hash", "/image", wrong, glance.Queued},
		{"missing", "/none", "", glance.Queued},
		{"redirected inside", "/away", "", glance.Queued},
		{"other format", "/evil", "", glance.Queued},
	} {
		id := create(t, s)
		l := images.Location{URL: at + c.path}
		if c.hash != "" {
			l.HashAlgo, l.HashValue = "sha256", c.hash
		}
		if err := s.Locations.Add(admin(t), id, l, false); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		i := settled(t, s, id)
		if i.Status != c.status {
			t.Errorf("%s: %s", c.name, i.Status)
			continue
		}
		if c.status != glance.Active {
			continue
		}
		if i.Size != int64(len(data)) || i.Checksum == "" || len(i.HashValue) != map[bool]int{true: 64,
			false: 128}[c.hash != ""] {
			t.Errorf("%s: %+v", c.name, i.Image)
		}
		if got := whole(t, s, id); !bytes.Equal(got, data) {
			t.Errorf("%s: %d other bytes", c.name, len(got))
		}
		if ls := s.Locations.Of(i); len(ls) != 1 || ls[0].URL != at+c.path || ls[0].Metadata["store"] != "web" {
			t.Errorf("%s: %+v", c.name, ls)
		}
		if err := s.Records.Delete(admin(t), id); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestLocationsThatNobodyMayName(t *testing.T) {
	t.Parallel()
	s, at := site(t, []byte("data"))
	other := uploaded(t, s, []byte("secret"), "a")
	i, err := s.Records.Get(admin(t), other)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(at)
	for _, l := range []string{"file:///etc/passwd", s.Locations.Of(i)[0].URL, "http://10.0.0.1:" + u.Port() + "/x",
		"http://[::1]:" + u.Port() + "/", "ftp://127.0.0.1/x",
		"http://127.0.0.1:22/", "http://u:p@" + u.Host +
			"/image", "", "s3://k:s@host/bucket/key", "filesystem:///x", "../../etc/passwd"} {
		for _, trusted := range []bool{false, true} {
			id := create(t, s)
			if err := s.Locations.Add(admin(t), id, images.Location{URL: l}, trusted); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q, trusted %t: %v", l, trusted, err)
			}
			if err := s.Locations.Insert(admin(t), id, -1, images.Location{URL: l}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q by patch: %v", l, err)
			}
		}
	}
	if err := s.Locations.Add(admin(t), other, images.Location{URL: at + "/image"}, false); !fault.Is(err,
		fault.Conflict) {
		t.Errorf("to an image with data: %v", err)
	}
	for name, l := range map[string]images.Location{"algorithm": {HashAlgo: "crc32", HashValue: "00"},
		"length": {HashAlgo: "md5", HashValue: "00"}, "digits": {HashAlgo: "md5", HashValue: "zz"}} {
		l.URL = at + "/image"
		if err := s.Locations.Add(admin(t), create(t, s), l, false); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLocationsByPatch(t *testing.T) {
	t.Parallel()
	data := random(1<<20 + 3)
	s, at := site(t, data)
	id := create(t, s)
	get := func() images.Image {
		t.Helper()
		i, err := s.Records.Get(admin(t), id)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	if err := s.Locations.Set(admin(t), id, []images.Location{{URL: at + "/image",
		Metadata: map[string]string{"k": "v"}}}); err != nil {
		t.Fatal(err)
	}
	i := get()
	if ls := s.Locations.Of(i); i.Status != glance.Active || i.Size != int64(len(data)) || len(ls) != 1 ||
		ls[0].Metadata["k"] != "v" {
		t.Errorf("got %s, %d, %+v", i.Status, i.Size, ls)
	}
	if got := whole(t, s, id); !bytes.Equal(got, data) {
		t.Errorf("%d other bytes", len(got))
	}
	if err := s.Locations.Insert(admin(t), id, -1, images.Location{URL: at + "/image"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("twice: %v", err)
	}
	if err := s.Locations.Insert(admin(t), id, 0, images.Location{URL: at + "/simple"}); err != nil {
		t.Fatal(err)
	}
	if ls := s.Locations.Of(get()); len(ls) != 2 || ls[0].URL != at+"/simple" {
		t.Errorf("got %+v", ls)
	}
	if err := s.Locations.Set(admin(t), id, []images.Location{{URL: at + "/away"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("others: %v", err)
	}
	if err := s.Locations.Insert(admin(t), id, -1, images.Location{URL: at + "/image?x", HashAlgo: "sha512",
		HashValue: strings.Repeat("0", 128)}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a new hash for an active image: %v", err)
	}
	if err := s.Locations.Remove(admin(t), id, 5); !fault.Is(err, fault.Invalid) {
		t.Errorf("no such position: %v", err)
	}
	if err := s.Locations.Remove(admin(t), id, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Locations.Remove(admin(t), id, -1); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the last one: %v", err)
	}
}
