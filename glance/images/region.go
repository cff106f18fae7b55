package images

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Regions looks up the image service of a region in a token's catalog and returns its URL without the version.
// fault.NotFound if the catalog has none. It may block on the network.
type Regions func(ctx context.Context, token, region, iface string) (string, error)

// Origin is an image of another region, for GlanceDownload.
//
// The other region is called with the caller's token, so that callers can import only what they may read there. The
// token is kept in memory only: an import that a restart interrupts fails, and nothing is left of it.
type Origin struct {
	Region, Interface, Image string
	Token                    string
	// May reports whether the caller may set a property on the image, which has it already or not. nil: all.
	May func(property string, exists bool) bool
}

// defaultBrought returns the prefixes of copied properties that are glance's default.
func defaultBrought() []string {
	return []string{"hw_", "trait:", "os_distro", "os_secure_boot", "os_type"}
}

// reserved is the prefix of the service's own properties, which are never copied.
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

// pending holds the origins of accepted imports by a name that the import's task has instead of the token.
type pending struct {
	mu sync.Mutex
	by map[string]Origin
	// until is the expiry of the token; an image may be deleted before its import begins.
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

// remote are the attributes of an image in another region.
type remote struct {
	brought
	size            int64
	md5, algo, hash string
}

// brought are the attributes that an image takes over from another region.
type brought struct {
	Disk       string            `json:"disk_format"`
	Container  string            `json:"container_format"`
	Properties map[string]string `json:"properties,omitempty"`
}

// on returns the image with these attributes.
func (b brought) on(i glance.Image) glance.Image {
	i.DiskFormat, i.ContainerFormat = b.Disk, b.Container
	all := cloned(i.Properties)
	maps.Copy(all, b.Properties)
	i.Properties = all
	return i
}

// regional returns a client for image services of other regions. Their URLs are from a catalog, so private addresses
// are allowed. Redirects are not: they would send the token elsewhere.
func regional(timeout time.Duration) *http.Client {
	d := &net.Dialer{Timeout: 30 * time.Second}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{DialContext: d.DialContext, ResponseHeaderTimeout: time.Minute,
			TLSHandshakeTimeout: 30 * time.Second,
			DisableKeepAlives:   true, DisableCompression: true, ReadBufferSize: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("an image service must not redirect")
		},
	}
}

// fetchRegion stores the data of an image in another region and reads the attributes that come with it.
func (r *importRun) fetchRegion(ctx context.Context, p *progress) error {
	o, ok := r.pending.get(r.args.URI)
	if !ok {
		return fault.Conflictf("The import was interrupted by a restart of the image service. Ask for it again.")
	}
	base, err := r.regions(ctx, o.Token, o.Region, o.Interface)
	if err != nil {
		return err
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fault.Conflictf("The image service of region %s has no usable URL in the catalog.", o.Region)
	}
	image := strings.TrimSuffix(strings.TrimRight(base, "/"), "/v2") + "/v2/images/" + url.PathEscape(o.Image)
	b, err := r.describe(ctx, o, image)
	if err != nil {
		return err
	}
	for name := range b.Properties {
		_, exists := r.record.Properties[name]
		if o.May != nil && !o.May(name, exists) {
			return fault.Forbiddenf("Attribute '%s' is reserved.", name)
		}
	}
	rec := r.record
	rec.Image = b.on(rec.Image)
	if err := r.intake.limits.record(rec.Image, r.record.Image); err != nil {
		return err
	}
	body, err := r.ask(ctx, o, image+"/file")
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := r.intake.put(ctx, rec, store.Piece{Store: rec.Store, Key: rec.Key}, body, b.size)
	if err != nil {
		return err
	}
	if b.md5 != "" && b.md5 != f.MD5 || b.algo == f.Algo && b.hash != "" && b.hash != f.Hash {
		return fault.Conflictf("The data that came from region %s is not that of image %s.", o.Region, o.Image)
	}
	p.Data, p.Brought = f, &b.brought
	return nil
}

// describe reads the document of an image in another region.
func (s *Imports) describe(ctx context.Context, o Origin, image string) (remote, error) {
	body, err := s.ask(ctx, o, image)
	if err != nil {
		return remote{}, err
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
	const limit = 32 << 20 // bytes: some hundred properties of the full length
	text, err := io.ReadAll(io.LimitReader(body, limit))
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &named), json.Unmarshal(text, &all))
	}
	switch {
	case err != nil:
		return remote{}, fault.Unavailablef("The image service of region %s does not answer as one.", o.Region).Because(err)
	case named.Status != glance.Active:
		return remote{}, fault.Conflictf("Source image status should be active instead of %s", named.Status)
	case named.Size == nil || *named.Size < 0:
		return remote{}, fault.Conflictf("Size attribute of remote image %s could not be determined.", o.Image)
	case !word(named.Disk) || !word(named.Container):
		return remote{}, fault.Conflictf("The formats of remote image %s are not known.", o.Image)
	}
	b := remote{brought{named.Disk, named.Container, map[string]string{}}, *named.Size, named.Checksum, named.HashAlgo,
		named.HashValue}
	for name, raw := range all {
		var value string
		if glance.Named(name) || !s.copied(name) || json.Unmarshal(raw, &value) != nil {
			continue
		}
		if len([]rune(name)) > 255 || len(value) > 65535 || strings.ContainsRune(name+value, 0) {
			return remote{}, fault.Conflictf("Property %.255q of remote image %s is too long.", name, o.Image)
		}
		b.Properties[name] = value
	}
	return b, nil
}

// word reports whether s may be the name of a format.
func word(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// copied reports whether a property of an image in another region is copied with it.
func (s *Imports) copied(name string) bool {
	if strings.HasPrefix(name, reserved) {
		return false
	}
	return slices.ContainsFunc(s.brought, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// ask sends a GET with the origin's token. The caller closes the body.
func (s *Imports) ask(ctx context.Context, o Origin, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.Conflictf("The image service of region %s has no usable URL in the catalog.", o.Region).Because(err)
	}
	req.Header.Set("X-Auth-Token", o.Token)
	resp, err := s.regional.Do(req)
	if err != nil {
		return nil, fault.Unavailablef("The image service of region %s cannot be reached.", o.Region).Because(err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // its content is not used
		return nil, fault.Unavailablef("The image service of region %s does not give image %s: status %d", o.Region, o.Image,
			resp.StatusCode)
	}
	return resp.Body, nil
}
