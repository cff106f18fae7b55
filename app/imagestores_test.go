package app

import (
	"strings"
	"testing"

	"hypernova/oslo/fault"
)

func TestImageStoresFromTheConfiguration(t *testing.T) {
	t.Parallel()
	load := func(sets ...string) (Config, error) {
		c := Defaults()
		err := Load(&c, nil, nil, append(sets, "DEFAULT.state_path="+t.TempDir()))
		return c, err
	}
	dir := t.TempDir()
	several := []string{"image.enabled_backends=cold:s3,fast:file,web:http", "fast.filesystem_store_datadir=" + dir,
		"fast.weight=7", "cold.s3_store_host=https://s3.example.com",
		"cold.s3_store_bucket=b", "cold.s3_store_access_key=k", "cold.s3_store_secret_key=hidden"}
	c, err := load(append(several, "glance_store.default_backend=fast")...)
	if err != nil {
		t.Fatal(err)
	}
	stores, err := c.imageStores()
	if err != nil || len(stores) != 3 || stores[0].ID != "fast" || stores[0].Weight != 7 || stores[1].Type != "s3" ||
		stores[2].ID != "web" {
		t.Errorf("got %+v, %v", stores, err)
	}
	if c, err = load(); err != nil {
		t.Fatal(err)
	}
	if stores, err := c.imageStores(); err != nil || len(stores) != 1 || stores[0].ID != "file" {
		t.Errorf("without stores: %+v, %v", stores, err)
	}
	for name, sets := range map[string][]string{
		"default is none of them": several,
		"no folder":               {"image.enabled_backends=fast:file", "glance_store.default_backend=fast"},
		"no bucket": {"image.enabled_backends=cold:s3", "glance_store.default_backend=cold",
			"cold.s3_store_host=https://s3.example.com", "cold.s3_store_secret_key=hidden"},
		"unknown type": {"image.enabled_backends=x:tape", "glance_store.default_backend=x"},
		"reserved":     {"image.enabled_backends=os_glance_x:mem", "glance_store.default_backend=os_glance_x"},
	} {
		c, err := load(sets...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.imageStores(); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if c, err = load("import_filtering_opts.allowed_networks=10.0.0.0/33"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.imageWeb(); !fault.Is(err, fault.Invalid) {
		t.Errorf("a network: %v", err)
	}
}
