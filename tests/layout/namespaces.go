package layout

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

// namespaces makes a network namespace for each host and a bridge that joins them, and answers the bridge's address,
// where the controller is.
func (c *Cloud) namespaces() string {
	c.t.Helper()
	if os.Geteuid() != 0 {
		c.t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		c.t.Skip("network namespaces need ip (Debian: iproute2)")
	}
	id := fmt.Sprintf("hn%06x", rand.IntN(1<<24))
	// 198.18.0.0/15 is for tests of network devices.
	net := fmt.Sprintf("198.%d.%d", 18+rand.IntN(2), rand.IntN(256))
	c.ip("link add %s type bridge", id)
	c.t.Cleanup(func() { c.undo("link del %s", id) })
	c.ip("addr add %s.1/24 dev %s", net, id)
	c.ip("link set %s up", id)
	hosts := map[string]bool{controller: true}
	for i, s := range c.specs {
		if hosts[s.host] {
			continue
		}
		n := len(hosts) + 1
		hosts[s.host] = true
		ns, link := id+"-"+s.host, fmt.Sprintf("%s-%d", id, n)
		c.ip("netns add %s", ns)
		c.t.Cleanup(func() { c.undo("netns del %s", ns) })
		c.ip("link add %s type veth peer name eth0 netns %s", link, ns)
		c.ip("link set %s master %s up", link, id)
		c.ip("-n %s addr add %s.%d/24 dev eth0", ns, net, n)
		c.ip("-n %s link set lo up", ns)
		c.ip("-n %s link set eth0 up", ns)
		c.specs[i].flags = append(s.flags, fmt.Sprintf("--set=DEFAULT.my_ip=%s.%d", net, n))
		c.prefix[s.group] = []string{"ip", "netns", "exec", ns}
	}
	return net + ".1"
}

func (c *Cloud) ip(format string, args ...any) {
	c.t.Helper()
	c.must(ip(fmt.Sprintf(format, args...)))
}

func (c *Cloud) undo(format string, args ...any) {
	if err := ip(fmt.Sprintf(format, args...)); err != nil {
		c.t.Error(err)
	}
}

func ip(args string) error {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}
