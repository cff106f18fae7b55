package app

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"hypernova/glance/backend"
	"hypernova/glance/backend/file"
	"hypernova/glance/backend/s3"
	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

func newFileStore(c *images.StoreOptions) (backend.Backend, error) {
	if c.Dir == "" {
		return nil, fault.Invalidf("filesystem_store_datadir must be set")
	}
	return file.New(c.Dir)
}

func newS3Store(c *images.StoreOptions) (backend.Backend, error) {
	return s3.New(s3.Config{Host: c.Host, Region: c.Region, AccessKey: c.AccessKey, SecretKey: c.SecretKey,
		Bucket: c.Bucket, CreateBucket: c.Create,
		Lookup: c.Lookup, CACert: c.CACert, Part: c.Part << 20, Threads: c.Threads})
}

// imageStores are the stores in force, the default one first.
func (c *Config) imageStores() ([]images.Store, error) {
	def := c.GlanceStore.Backend
	if len(c.Image.Backends) == 0 {
		s, err := newImageStore(def, def, "glance_store", &images.StoreOptions{Dir: c.GlanceStore.Dir})
		return []images.Store{s}, err
	}
	if _, ok := c.Image.Backends[def]; !ok {
		return nil, fault.Invalidf("[glance_store] default_backend: %q is not one of the stores in [image] "+
			"enabled_backends: %s", def,
			strings.Join(slices.Sorted(maps.Keys(c.Image.Backends)), ", "))
	}
	var out []images.Store
	for _, name := range slices.Sorted(maps.Keys(c.Image.Backends)) {
		if strings.HasPrefix(name, "os_glance_") {
			return nil, fault.Invalidf("[image] enabled_backends: names that begin with os_glance_ are reserved")
		}
		s, err := newImageStore(name, c.Image.Backends[name], name, c.ImageStores[name])
		if err != nil {
			return nil, err
		}
		if name == def {
			out = slices.Insert(out, 0, s)
		} else {
			out = append(out, s)
		}
	}
	return out, nil
}

func newImageStore(name, kind, section string, c *images.StoreOptions) (images.Store, error) {
	b, err := imageBackends().New("image backend", kind, c)
	if err != nil {
		return images.Store{}, fault.New(fault.KindOf(err), "[%s]: %s", section, fault.Message(err)).Because(err)
	}
	s := images.Store{ID: name, Type: kind, Description: c.Description, Weight: c.Weight, Backend: b}
	switch kind {
	case "file":
		s.Properties = map[string]any{"data_dir": c.Dir, "chunk_size": 1 << 20, "thin_provisioning": false}
	case "s3":
		s.Properties = map[string]any{"s3_store_large_object_size": c.Part, "s3_store_large_object_chunk_size": c.Part,
			"s3_store_thread_pools": c.Threads}
	}
	return s, nil
}

func (c *Config) imageWeb() (images.WebConfig, error) {
	w := images.WebConfig{Schemes: c.ImportFilter.Schemes, Ports: c.ImportFilter.Ports}
	for _, n := range c.ImportFilter.Networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return w, fault.Invalidf("[import_filtering_opts] allowed_networks: %q is no network", n)
		}
		w.Networks = append(w.Networks, p)
	}
	return w, nil
}

func (c *Config) imageCache() (*images.Cache, error) {
	if c.Image.CacheDir == "" {
		return nil, nil
	}
	b, err := file.New(c.Image.CacheDir)
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "[image] image_cache_dir: %s", fault.Message(err)).Because(err)
	}
	return &images.Cache{Backend: b, Size: c.Image.CacheSize, Wait: c.Image.CacheWait, Stall: c.Image.CacheStall}, nil
}
