package libvirt

import (
	"context"
	"fmt"
	"os"
	"time"

	"hypernova/nova/virt"
)

// Uptime returns the host's uptime in the format of uptime(1), from the kernel's figures. The number of users is 0,
// because no login records are read.
func (d *Driver) Uptime(context.Context) (string, error) {
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return "", err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	return uptimeText(d.c.Now(), string(up), string(load))
}

// uptimeText formats the contents of /proc/uptime and /proc/loadavg.
func uptimeText(now time.Time, up, load string) (string, error) {
	var seconds float64
	if _, err := fmt.Sscan(up, &seconds); err != nil {
		return "", fmt.Errorf("uptime of the host: %w", err)
	}
	var l [3]float64
	if _, err := fmt.Sscan(load, &l[0], &l[1], &l[2]); err != nil {
		return "", fmt.Errorf("load of the host: %w", err)
	}
	return virt.UptimeText(now, time.Duration(seconds*float64(time.Second)), 0, l), nil
}
