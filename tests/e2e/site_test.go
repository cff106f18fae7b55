// Package e2e boots real guests and checks console, SSH, packets and the clean-up of the host.
package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hypernova/tests/running"
)

const (
	// for one wait: a guest boots in 2 s with KVM and in 20 s with emulation on an idle machine; CI is slower
	patience = 6 * time.Minute
	stem     = "hypernova-e2e-"
)

// lastMinute returns the time at which a test must fail, so that it can report and clean up before go test's timeout.
func lastMinute(t *testing.T) time.Time {
	end, limited := t.Deadline()
	if !limited {
		return time.Now().Add(time.Hour)
	}
	return end.Add(-time.Minute)
}

// site is a cloud with real servers, and its user.
type site struct {
	*running.Cloud
	t       *testing.T
	api     *running.API
	dir     string
	flags   []string
	end     time.Time
	network string            // id of the demo network
	ids     map[string]string // of servers, by name
	owner   string            // group number of the cloud's network devices; set by learnOwner
}

// need skips a test if real servers cannot run here, and returns the guest image.
func need(t *testing.T) (image string) {
	t.Helper()
	image = os.Getenv("HYPERNOVA_GUEST_IMAGE")
	if image == "" {
		t.Skip("$HYPERNOVA_GUEST_IMAGE names no guest image (make test builds one)")
	}
	if os.Geteuid() != 0 {
		t.Skip("real servers need root")
	}
	running.NeedClient(t)
	return image
}

// newSite starts a cloud. flags are options such as "--set", "section.option=value". Everything on the host is removed
// when the test ends, also if it fails.
func newSite(t *testing.T, flags ...string) *site {
	t.Helper()
	image := need(t)
	sweep(t)
	// Not t.TempDir: the hypervisor's user must be able to reach the disks.
	dir, err := os.MkdirTemp("/var/tmp", stem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, image, filepath.Join(dir, "guest.qcow2"))
	s := &site{t: t, dir: dir, flags: append([]string{"--virt", "libvirt"}, flags...), end: lastMinute(t),
		ids: map[string]string{}}
	// This folder tells "down" that there were real servers, wherever the flags put their disks.
	if err := os.Mkdir(filepath.Join(dir, "instances"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { running.Destroy(t, dir, flags...) })
	s.up()
	s.network = s.api.Find(t, "network", "/v2.0/networks", "networks", "demo")
	return s
}

// up starts the cloud.
func (s *site) up() {
	s.t.Helper()
	s.Cloud = running.Up(s.t, s.dir, s.flags...)
	s.api = s.API(s.t)
}

// sweep removes what a killed earlier run left.
func sweep(t *testing.T) {
	t.Helper()
	dirs, err := filepath.Glob("/var/tmp/" + stem + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if i, err := os.Stat(d); err != nil || time.Since(i.ModTime()) < time.Hour {
			continue
		}
		t.Logf("an earlier run left %s", d)
		running.Destroy(t, d)
		os.RemoveAll(d)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *site) demo(args ...string) string {
	s.t.Helper()
	return s.Client(s.t, "hypernova-demo", args...)
}

// create creates a server with the client, stores its id and waits until it is active.
func (s *site) create(name string, args ...string) {
	s.t.Helper()
	args = append([]string{"server", "create", "--image", "guest", "--flavor", "m1.nano", "--network", "demo"},
		append(args, name)...)
	s.ids[name] = fmt.Sprint(s.Show(s.t, "hypernova-demo", args...)["id"])
	s.status(name, "ACTIVE")
}

// until calls ask repeatedly, with a pause, until it returns true. It fails the test when patience ends.
func (s *site) until(what string, ask func() bool) {
	s.t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	wait := min(patience, time.Until(s.end))
	end := time.After(wait)
	for !ask() {
		select {
		case <-tick.C:
		case <-end:
			s.t.Fatalf("waited %s for %s", wait.Round(time.Second), what)
		}
	}
}

// server is a server as the administrator sees it. gone is true if it does not exist.
type server struct {
	ID, Status string
	State      *string `json:"OS-EXT-STS:task_state"`
	Fault      struct{ Message, Details string }
	Addresses  map[string][]struct{ Addr string }
}

func (s *site) look(id string) (out server, gone bool) {
	s.t.Helper()
	var doc struct{ Server server }
	status, err := s.api.Try(s.t, "GET", "compute", "/servers/"+id, "", &doc)
	if status == http.StatusNotFound {
		return server{}, true
	}
	if err != nil {
		s.t.Fatalf("server %s: %d %v", id, status, err)
	}
	return doc.Server, false
}

func (s *site) status(name, want string) {
	s.t.Helper()
	s.idle(s.ids[name], want)
}

// idle waits until a server has one of the statuses and no task state, and returns it.
func (s *site) idle(id string, want ...string) server {
	s.t.Helper()
	var now server
	s.until(fmt.Sprintf("%s to be %v", id, want), func() bool {
		now, _ = s.look(id)
		for _, w := range want {
			if now.Status == w && now.State == nil {
				return true
			}
		}
		if now.Status == "ERROR" {
			s.t.Fatalf("%s is in error, want %v: %s", id, want, now.Fault.Message)
		}
		return false
	})
	return now
}

func (s *site) consoleLog(name string) string {
	var doc struct{ Output string }
	// A guest that has just started may have none yet.
	if _, err := s.api.Try(s.t, "POST", "compute", "/servers/"+s.ids[name]+"/action", `{"os-getConsoleOutput":{}}`,
		&doc); err != nil {
		return ""
	}
	return doc.Output
}

// console waits until the server's console has a line that matches, and returns all of it.
func (s *site) console(name, pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	var text string
	s.until(fmt.Sprintf("%q on the console of %s", pattern, name), func() bool {
		text = s.consoleLog(name)
		return re.MatchString(text)
	})
	return text
}

func (s *site) address(name string) string {
	s.t.Helper()
	v, _ := s.look(s.ids[name])
	list := v.Addresses["demo"]
	if len(list) == 0 {
		s.t.Fatalf("%s has no address: %v", name, v)
	}
	return list[0].Addr
}

// inside runs a command in the network's namespace on this host, which reaches guests if their security groups allow
// it.
func (s *site) inside(timeout time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", "qdhcp-" + s.network},
		args...)...).CombinedOutput()
	return string(out), err
}

// left returns everything of the cloud on this host: QEMU processes, domains, devices, the namespace, servers' folders.
// It does not see other clouds.
func (s *site) left() string {
	s.t.Helper()
	var all []string
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range commands {
		if text, err := os.ReadFile(c); err == nil && strings.Contains(string(text), "qemu-") &&
			strings.Contains(string(text), s.dir+"/") {
			all = append(all, "process "+filepath.Base(filepath.Dir(c)))
		}
	}
	for _, uuid := range strings.Fields(s.virsh("list", "--all", "--uuid")) {
		if strings.Contains(s.virsh("dumpxml", uuid), s.dir+"/") {
			all = append(all, "domain "+uuid)
		}
	}
	all = append(all, s.devices()...)
	if _, err := os.Stat("/run/netns/qdhcp-" + s.network); err == nil {
		all = append(all, "namespace qdhcp-"+s.network)
	}
	return strings.Join(append(all, s.folders(filepath.Join(s.dir, "instances"))...), ", ")
}

// folders returns the servers' folders in the instances path.
func (s *site) folders(dir string) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*-*-*-*-*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// virsh returns the output of virsh, empty if the domain does not exist any more.
func (s *site) virsh(args ...string) string {
	out, err := exec.CommandContext(s.t.Context(), "virsh",
		append([]string{"-q", "-c", "qemu:///system"}, args...)...).Output()
	if err != nil && args[0] == "list" {
		s.t.Fatalf("virsh: %v", err)
	}
	return string(out)
}

// devices returns the network devices of this cloud.
func (s *site) devices() []string {
	s.t.Helper()
	groups, err := filepath.Glob("/sys/class/net/*/netdev_group")
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, g := range groups {
		if text, err := os.ReadFile(g); err == nil && strings.TrimSpace(string(text)) == s.owner {
			out = append(out, "device "+filepath.Base(filepath.Dir(g)))
		}
	}
	return out
}

// learnOwner reads the group number of the cloud's devices from the bridge of the demo network, which exists while a
// server does.
func (s *site) learnOwner() {
	s.t.Helper()
	text, err := os.ReadFile("/sys/class/net/brq" + s.network[:11] + "/netdev_group")
	if err != nil {
		s.t.Fatal(err)
	}
	s.owner = strings.TrimSpace(string(text))
	if n, err := strconv.ParseUint(s.owner, 10, 32); err != nil || n == 0 {
		s.t.Fatalf("the cloud's devices are of group %q, like everybody's", s.owner)
	}
}

// routers lists the devices of the routers that the cloud has, which need no server: those of their ports, and of the
// networks that these are in.
func (s *site) routers() []string {
	s.t.Helper()
	var doc struct {
		Ports []struct {
			ID        string
			Owner     string `json:"device_owner"`
			NetworkID string `json:"network_id"`
		}
	}
	s.api.Do(s.t, "GET", "network", "/v2.0/ports", "", http.StatusOK, &doc)
	var out []string
	for _, p := range doc.Ports {
		if strings.HasPrefix(p.Owner, "network:router_") {
			out = append(out, "device tap"+p.ID[:11])
			for _, kind := range []string{"brq", "int", "phy"} {
				out = append(out, "device "+kind+p.NetworkID[:11])
			}
		}
	}
	return out
}

// clean waits until nothing of the servers remains on the host, in networking and in placement.
func (s *site) clean() {
	s.t.Helper()
	left := "?"
	end := time.Now().Add(min(patience, time.Until(s.end)))
	of := s.routers()
	for left != "" && time.Now().Before(end) {
		all := slices.DeleteFunc(strings.Split(s.left(), ", "), func(one string) bool {
			return strings.HasPrefix(one, "device hvext-") || slices.Contains(of, one)
		})
		left = strings.Join(all, ", ")
	}
	if left != "" {
		s.t.Errorf("left on the host: %s", left)
	}
	var ports struct{ Ports []map[string]any }
	s.api.Do(s.t, "GET", "network", "/v2.0/ports?device_owner=compute:nova", "", http.StatusOK, &ports)
	if len(ports.Ports) != 0 {
		s.t.Errorf("ports are left: %v", ports.Ports)
	}
	var providers struct {
		Providers []struct{ UUID string } `json:"resource_providers"`
	}
	s.api.Do(s.t, "GET", "placement", "/resource_providers", "", http.StatusOK, &providers)
	if len(providers.Providers) == 0 {
		s.t.Error("placement knows no host")
	}
	for _, p := range providers.Providers {
		var doc struct{ Allocations map[string]any }
		s.api.Do(s.t, "GET", "placement", "/resource_providers/"+p.UUID+"/allocations", "", http.StatusOK, &doc)
		if len(doc.Allocations) != 0 {
			s.t.Errorf("allocations are left: %v", doc.Allocations)
		}
	}
}
