package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hypernova/tests/running"
)

// glance runs commands of the image service's own client.
type glance struct {
	t   testing.TB
	env []string // this client does not read clouds.yaml
}

func (g glance) run(args ...string) (string, error) {
	cmd := exec.CommandContext(g.t.Context(), "glance", args...)
	cmd.Env = append(os.Environ(), g.env...)
	if args[0] == "image-create-via-import" { // it reads standard input unless that is a terminal
		cmd.Stdin = strings.NewReader("the data of an image")
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs a command and checks that its output has the texts.
func (g glance) must(want []string, args ...string) string {
	g.t.Helper()
	out, err := g.run(args...)
	if err != nil {
		g.t.Fatalf("glance %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(out) {
			g.t.Errorf("glance %s: no %q in\n%s", strings.Join(args, " "), w, out)
		}
	}
	return out
}

func (g glance) until(want string, args ...string) {
	g.t.Helper()
	out := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if out, _ = g.run(args...); regexp.MustCompile(want).MatchString(out) {
			return
		}
	}
	g.t.Fatalf("glance %s: no %q in\n%s", strings.Join(args, " "), want, out)
}

// TestGlanceClient tests commands that the openstack client does not have: stores, imports to them, and the cache.
func TestGlanceClient(t *testing.T) {
	if _, err := exec.LookPath("glance"); err != nil {
		t.Skip("python3-glanceclient is not installed: scripts/deps test does it")
	}
	dir := t.TempDir()
	cloud := running.Up(t, dir, "--virt", "fake", "--set", "image.enabled_backends=fast:file,cold:file", "--set",
		"glance_store.default_backend=fast",
		"--set", "fast.filesystem_store_datadir="+filepath.Join(dir, "fast"), "--set",
		"cold.filesystem_store_datadir="+filepath.Join(dir, "cold"),
		"--set", "cold.store_description=Far away", "--set", "image.image_cache_dir="+filepath.Join(dir, "cache"))
	g := glance{t, []string{"OS_AUTH_URL=" + strings.TrimSuffix(cloud.Identity(t), "/v3") + "/v3", "OS_USERNAME=admin",
		"OS_PASSWORD=" + cloud.Password(t), "OS_PROJECT_NAME=admin",
		"OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default", "OS_REGION_NAME=RegionOne",
		"OS_IDENTITY_API_VERSION=3"}}
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, []byte("the data of an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := func(out string) string {
		m := regexp.MustCompile(`\| id +\| (\S+)`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no id in\n%s", out)
		}
		return m[1]
	}

	kept := func() []string {
		all, err := filepath.Glob(filepath.Join(dir, "*", "*.*"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(f string) bool {
			return !regexp.MustCompile(`/(fast|cold|cache)/[0-9a-f]`).MatchString(f)
		})
	}
	before := kept() // the first image of the cloud

	g.must([]string{`fast`, `cold`, `Far away`, `true`}, "stores-info")
	g.must([]string{`data_dir`, `weight`}, "stores-info", "--detail")
	g.must([]string{`web-download`, `copy-image`}, "import-info")
	one := id(g.must([]string{`stores +\| cold `}, "image-create", "--name", "one", "--disk-format", "raw",
		"--container-format", "bare", "--store", "cold", "--file", data))
	g.must(nil, "image-download", one, "--file", filepath.Join(dir, "back"))
	if b, err := os.ReadFile(filepath.Join(dir, "back")); string(b) != "the data of an image" || err != nil {
		t.Errorf("downloaded %q, %v", b, err)
	}
	g.must(nil, "image-import", one, "--import-method", "copy-image", "--stores", "fast")
	g.until(`stores +\| cold,fast `, "image-show", one)
	g.must(nil, "stores-delete", "--store", "cold", one)
	g.must([]string{`stores +\| fast `}, "image-show", one)
	two := id(g.must(nil, "image-create-via-import", "--name", "two", "--disk-format", "raw", "--container-format", "bare",
		"--all-stores", "True"))
	g.until(`status +\| active `, "image-show", two)
	g.until(`stores +\| (cold,fast|fast,cold) `, "image-show", two)
	g.must([]string{`success`}, "image-tasks", two)

	g.must(nil, "cache-queue", one)
	g.until(one+` +\| cached`, "cache-list")
	g.must(nil, "cache-delete", one)
	g.must(nil, "cache-clear")
	if out := g.must(nil, "cache-list"); strings.Contains(out, one) {
		t.Errorf("still cached:\n%s", out)
	}
	g.must(nil, "image-delete", one, two)
	if left := kept(); !slices.Equal(left, before) {
		t.Errorf("the stores keep %v, before they kept %v", left, before)
	}
}
