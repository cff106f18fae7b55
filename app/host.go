package app

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// TakenPorts lists the ports of this configuration that somebody else has: "keystone 5000".
func (c *Config) TakenPorts(ctx context.Context) []string {
	var taken []string
	for _, p := range ports() {
		n := c.Listen.portOf(p.api)
		if n == 0 || p.api == busNATS && !c.Default.EmbedBus {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(c.Listen.Host, strconv.Itoa(n)))
		if err != nil {
			taken = append(taken, fmt.Sprintf("%s %d", p.api, n))
			continue
		}
		l.Close()
	}
	return taken
}

// FreeBytes is the room on the file system of a folder.
func FreeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
