package images

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Regions finds the image service of a region in the catalog that a token has: its URL without the version. fault.NotFound where
// the catalog has none. It may block on the network.
type Regions func(ctx context.Context, token, region, iface string) (string, error)

// Origin is an image of another region, for GlanceDownload.
//
// The caller's token is what opens the other region, so that nobody imports what they may not read there. It is kept in memory only:
// an import that a restart interrupts fails, and nothing is left of it.
type Origin struct {
	Region, Interface, Image string
	Token                    string
	// May says whether the caller may set a property on the image here, which has it already or not; nil: all.
	May func(property string, there bool) bool
}

// Properties of an image in another region that come with it, by how their names begin, where Config does not say.
func defaultBrought() []string {
	return []string{"hw_", "trait:", "os_distro", "os_secure_boot", "os_type"}
}

// reserved begins the names of the service's own properties, which are never brought along.
const reserved = "os_glance"

func (o Origin) check() error {
	switch {
	case o.Region == "":
		return fault.Invalidf("'glance_region' needs to be set for glance-download import method")
	case o.Image == "":
		return fault.Invalidf("'glance_image_id' needs to be set for glance-download import method")
	case len(o.Image) != 36 || !ids.IsUUID(o.Image):
		return fault.Invalidf("Remote image id does not look like a UUID: %s", o.Image)
	}
	return nil
}

// pending is what imports from other regions need and no record may have, by a name that the record has instead.
type pending struct {
	mu sync.Mutex
	by map[string]Origin
	// until says when a token is of no use any more: an image may be deleted before its import begins.
	until map[string]time.Time
}

func (p *pending) put(ctx context.Context, o Origin, now time.Time) string {
	until := now.Add(24 * time.Hour)
	if c := auth.From(ctx); c != nil && !c.Expires.IsZero() {
		until = c.Expires
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by, p.until = map[string]Origin{}, map[string]time.Time{}
	}
	for name, end := range p.until {
		if end.Before(now) {
			delete(p.by, name)
			delete(p.until, name)
		}
	}
	name := ids.UUID()
	p.by[name], p.until[name] = o, until
	return name
}

func (p *pending) get(name string) (Origin, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.by[name]
	return o, ok
}

func (p *pending) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, name)
	delete(p.until, name)
}

// brought is what an image has of the one that it was imported from.
type brought struct {
	disk, container string
	properties      map[string]string
	size            int64
	md5, algo, hash string
}

// on is the image as it will be.
func (b brought) on(i glance.Image) glance.Image {
	i.DiskFormat, i.ContainerFormat = b.disk, b.container
	all := cloneMap(i.Properties)
	for name, value := range b.properties {
		all[name] = value
	}
	i.Properties = all
	return i
}

// regional calls image services of other regions. A catalog says where they are, so their addresses may be private ones; for the same
// reason no answer may lead elsewhere, and the token with it.
func regional(timeout time.Duration) *http.Client {
	d := &net.Dialer{Timeout: 30 * time.Second}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{DialContext: d.DialContext, ResponseHeaderTimeout: time.Minute, TLSHandshakeTimeout: 30 * time.Second,
			DisableKeepAlives: true, DisableCompression: true, ReadBufferSize: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("an image service must not redirect")
		},
	}
}

// fetchRegion stores the data of an image in another region, and finds out what comes with it.
func (s *Service) fetchRegion(ctx context.Context, r store.Record) (facts, error) {
	o, ok := s.pending.get(r.ImportURI)
	if !ok {
		return facts{}, fault.Conflictf("The import was interrupted by a restart of the image service. Ask for it again.")
	}
	base, err := s.regions(ctx, o.Token, o.Region, o.Interface)
	if err != nil {
		return facts{}, err
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return facts{}, fault.Conflictf("The image service of region %s has no usable URL in the catalog.", o.Region)
	}
	at := strings.TrimSuffix(strings.TrimRight(base, "/"), "/v2") + "/v2/images/" + url.PathEscape(o.Image)
	b, err := s.describe(ctx, o, at)
	if err != nil {
		return facts{}, err
	}
	for name := range b.properties {
		_, there := r.Properties[name]
		if o.May != nil && !o.May(name, there) {
			return facts{}, fault.Forbiddenf("Attribute '%s' is reserved.", name)
		}
	}
	old := r.Image
	r.Image = b.on(r.Image)
	if err := s.check(r.Image, old); err != nil {
		return facts{}, err
	}
	body, err := s.ask(ctx, o, at+"/file")
	if err != nil {
		return facts{}, err
	}
	defer body.Close()
	f, err := s.put(ctx, r, store.Piece{Store: r.Store, Key: r.Key}, body, b.size)
	if err != nil {
		return facts{}, err
	}
	if b.md5 != "" && b.md5 != f.md5 || b.algo == f.algo && b.hash != "" && b.hash != f.hash {
		return facts{}, fault.Conflictf("The data that came from region %s is not that of image %s.", o.Region, o.Image)
	}
	f.brought = &b
	return f, nil
}

// describe reads the document of an image in another region.
func (s *Service) describe(ctx context.Context, o Origin, at string) (brought, error) {
	body, err := s.ask(ctx, o, at)
	if err != nil {
		return brought{}, err
	}
	defer body.Close()
	var named struct {
		Status    string `json:"status"`
		Disk      string `json:"disk_format"`
		Container string `json:"container_format"`
		Size      *int64 `json:"size"`
		Checksum  string `json:"checksum"`
		HashAlgo  string `json:"os_hash_algo"`
		HashValue string `json:"os_hash_value"`
	}
	var all map[string]json.RawMessage
	const limit = 32 << 20 // some hundred properties of their full length
	text, err := io.ReadAll(io.LimitReader(body, limit))
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &named), json.Unmarshal(text, &all))
	}
	switch {
	case err != nil:
		return brought{}, fault.Unavailablef("The image service of region %s does not answer as one.", o.Region).Because(err)
	case named.Status != glance.Active:
		return brought{}, fault.Conflictf("Source image status should be active instead of %s", named.Status)
	case named.Size == nil || *named.Size < 0:
		return brought{}, fault.Conflictf("Size attribute of remote image %s could not be determined.", o.Image)
	case !word(named.Disk) || !word(named.Container):
		return brought{}, fault.Conflictf("The formats of remote image %s are not known.", o.Image)
	}
	b := brought{disk: named.Disk, container: named.Container, size: *named.Size, md5: named.Checksum, algo: named.HashAlgo, hash: named.HashValue,
		properties: map[string]string{}}
	for name, raw := range all {
		var value string
		if glance.Named(name) || !s.comes(name) || json.Unmarshal(raw, &value) != nil {
			continue
		}
		if len([]rune(name)) > 255 || len(value) > 65535 || strings.ContainsRune(name+value, 0) {
			return brought{}, fault.Conflictf("Property %.255q of remote image %s is too long.", name, o.Image)
		}
		b.properties[name] = value
	}
	return b, nil
}

// word tells what may be the name of a format.
func word(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// comes says whether a property of an image in another region comes with it.
func (s *Service) comes(name string) bool {
	if strings.HasPrefix(name, reserved) {
		return false
	}
	for _, begin := range s.brought {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

func (s *Service) ask(ctx context.Context, o Origin, at string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fault.Conflictf("The image service of region %s has no usable URL in the catalog.", o.Region).Because(err)
	}
	req.Header.Set("X-Auth-Token", o.Token)
	resp, err := s.regional.Do(req)
	if err != nil {
		return nil, fault.Unavailablef("The image service of region %s cannot be reached.", o.Region).Because(err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // nothing of it is wanted
		return nil, fault.Unavailablef("The image service of region %s does not give image %s: status %d", o.Region, o.Image, resp.StatusCode)
	}
	return resp.Body, nil
}
