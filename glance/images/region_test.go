package images_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

const farImage = "11111111-2222-4333-8444-555555555555"

// region is the image service of another region, with one image that the token "good" opens.
type region struct {
	*httptest.Server
	mu   sync.Mutex
	doc  map[string]any
	data []byte
	to   string // where the data is said to be instead
}

func newFar(t *testing.T, data []byte) *region {
	sum := md5.Sum(data)
	f := &region{data: data, doc: map[string]any{"id": farImage, "status": "active", "disk_format": "iso",
		"container_format": "ovf", "size": len(data),
		"checksum": hex.EncodeToString(sum[:]), "name": "far", "tags": []string{"x"}, "min_disk": 3,
		"hw_cpu_cores": "5", "trait:A": "required", "os_distro": "rhel", "speed": "88mph", "os_glance_x": "x",
		"hw_list": []string{"no text"}}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case r.URL.Path == "/plain":
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
		case r.Header.Get("X-Auth-Token") != "good":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v2/images/"+farImage:
			_ = json.NewEncoder(w).Encode(f.doc)
		case r.URL.Path == "/v2/images/"+farImage+"/file" && f.to != "":
			http.Redirect(w, r, f.to, http.StatusFound)
		case r.URL.Path == "/v2/images/"+farImage+"/file":
			_, _ = w.Write(f.data)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *region) regions(_ context.Context, _, region, iface string) (string, error) {
	if region != "far" || iface != "public" {
		return "", fault.NotFoundf("no endpoint")
	}
	return f.URL + "/v2/", nil
}

func (w *world) joined(t *testing.T, f *region) *images.Service {
	t.Helper()
	c := images.Deps{DB: w.db, Regions: f.regions}
	for _, id := range []string{"a", "b"} {
		c.Stores = append(c.Stores, images.Store{ID: id, Type: "file", Backend: w.files[id]})
	}
	s, err := images.New(images.Config{}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(t *testing.T, s *images.Service) string {
	t.Helper()
	i, err := s.Records.Create(admin(t), images.Create{Name: "near", DiskFormat: "raw", ContainerFormat: "bare",
		Properties: map[string]string{"hw_cpu_cores": "1", "own": "kept"}})
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

func from(image string) images.Import {
	return images.Import{Method: images.GlanceDownload, Must: true, AllStores: true,
		From: images.Origin{Region: "far", Interface: "public", Image: image, Token: "good"}}
}

func TestAnImageOfAnotherRegion(t *testing.T) {
	t.Parallel()
	w, f := newWorld(t), newFar(t, random(3<<20+5))
	s := w.joined(t, f)
	defer running(t, s)()
	id := near(t, s)
	if err := s.Imports.Begin(admin(t), id, from(farImage)); err != nil {
		t.Fatal(err)
	}
	i := settled(t, s, id)
	if i.Status != glance.Active || i.DiskFormat != "iso" || i.ContainerFormat != "ovf" || i.Name != "near" ||
		i.MinDisk != 0 || len(i.Stores) != 2 {
		t.Errorf("got %+v", i)
	}
	for name, want := range map[string]string{"hw_cpu_cores": "5", "trait:A": "required", "os_distro": "rhel",
		"own": "kept", "speed": "", "os_glance_x": "", "hw_list": ""} {
		if got := i.Properties[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	r, err := s.Data.Read(admin(t), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || !bytes.Equal(got.Bytes(), f.data) {
		t.Errorf("%d other bytes, %v", got.Len(), err)
	}
	w.clean(t, "afterwards")
}

// Whatever is wrong over there: the image is as it was before, and nothing is left.
func TestAnImageOfAnotherRegionThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		far  func(*region)
		ask  func(*images.Import)
	}{
		{"no such image", nil, func(in *images.Import) { in.From.Image = strings.Replace(farImage, "1", "9", 1) }},
		{"no such region", nil, func(in *images.Import) { in.From.Region = "nowhere" }},
		{"no such interface", nil, func(in *images.Import) { in.From.Interface = "inside" }},
		{"who may not read it", nil, func(in *images.Import) { in.From.Token = "other" }},
		{"not usable", func(f *region) { f.doc["status"] = "queued" }, nil},
		{"of unknown size", func(f *region) { delete(f.doc, "size") }, nil},
		{"shorter than said", func(f *region) { f.doc["size"] = len(f.data) + 1 }, nil},
		{"longer than said", func(f *region) { f.doc["size"] = len(f.data) - 1 }, nil},
		{"damaged", func(f *region) { f.data = append([]byte("x"), f.data[1:]...) }, nil},
		{"other SHA-512", func(f *region) { f.doc["os_hash_algo"], f.doc["os_hash_value"] = "sha512", "00" }, nil},
		{"odd format", func(f *region) { f.doc["disk_format"] = "raw\nx" }, nil},
		{"property without end", func(f *region) { f.doc["hw_x"] = strings.Repeat("x", 65536) }, nil},
		{"property that is protected", nil, func(in *images.Import) {
			in.From.May = func(name string, there bool) bool { return name != "hw_cpu_cores" || !there }
		}},
		{"leads elsewhere", func(f *region) { f.to = f.URL + "/secret" }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, f := newWorld(t), newFar(t, random(1<<20+5))
			if c.far != nil {
				c.far(f)
			}
			s := w.joined(t, f)
			defer running(t, s)()
			id, in := near(t, s), from(farImage)
			if c.ask != nil {
				c.ask(&in)
			}
			if err := s.Imports.Begin(admin(t), id, in); err != nil {
				t.Fatal(err)
			}
			i := settled(t, s, id)
			if i.Status != glance.Queued || i.DiskFormat != "raw" || i.ContainerFormat != "bare" ||
				i.Properties["hw_cpu_cores"] != "1" || i.Properties["os_distro"] != "" {
				t.Errorf("got %+v", i)
			}
			w.clean(t, c.name)
		})
	}
}

func TestAnImportFromARegionThatIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w, f := newWorld(t), newFar(t, nil)
	s := w.joined(t, f)
	id := near(t, s)
	for want, ask := range map[string]func(*images.Origin){
		"glance_region":              func(o *images.Origin) { o.Region = "" },
		"glance_image_id":            func(o *images.Origin) { o.Image = "" },
		"does not look like a UUID":  func(o *images.Origin) { o.Image = "foo" },
		"does not look like a  UUID": func(o *images.Origin) { o.Image = "../" + farImage },
	} {
		in := from(farImage)
		ask(&in.From)
		if err := s.Imports.Begin(admin(t), id, in); !fault.Is(err, fault.Invalid) ||
			!strings.Contains(fault.Message(err), strings.ReplaceAll(want, "  ", " ")) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := images.New(images.Config{Import: []string{images.GlanceDownload}},
		images.Deps{DB: w.db, Stores: []images.Store{{ID: "a", Backend: w.files["a"]}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without regions: %v", err)
	}
}

// Tokens are kept nowhere, so the next process cannot go on: it says so, and nothing is left.
func TestAnImportFromARegionEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	w, f := newWorld(t), newFar(t, random(100))
	id := near(t, w.joined(t, f))
	if err := w.joined(t, f).Imports.Begin(admin(t), id, from(farImage)); err != nil {
		t.Fatal(err)
	}
	s := w.joined(t, f)
	stop := running(t, s)
	i := settled(t, s, id)
	stop()
	if i.Status != glance.Queued || i.DiskFormat != "raw" {
		t.Errorf("got %+v", i)
	}
	w.clean(t, "afterwards")
}
