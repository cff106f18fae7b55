package libvirt

import (
	"context"
	"fmt"

	"hypernova/nova/virt"
)

// Examine returns the problems of this host that an operator should know: consoles that are not logged or not bounded,
// a full disk, damaged cached images, and servers whose files are outside the instances path.
func (d *Driver) Examine(ctx context.Context) ([]virt.Trouble, error) {
	var out []virt.Trouble
	say := func(rule, subject, cure, format string, args ...any) {
		out = append(out, virt.Trouble{Rule: rule, Subject: subject, Cure: cure, Text: fmt.Sprintf(format, args...)})
	}
	note := func(rule, subject, cure, format string, args ...any) {
		say(rule, subject, cure, format, args...)
		out[len(out)-1].Note = true
	}
	frozen, err := frozenConsoles(d.c.Root)
	if err != nil {
		return nil, err
	}
	for _, id := range frozen {
		if has, err := d.folders.has(id); err == nil && has {
			say("console-frozen", "server "+id, "a new guest has a new console: openstack server reboot --hard "+id,
				"its console log is frozen: virtlogd, which writes it, has ended since the guest began")
		}
	}
	if ConsolesUnbounded(d.c.Root) {
		note("console-unbounded", "libvirt", "stdio_handler = \"logd\" in /etc/libvirt/qemu.conf has virtlogd bound them",
			"QEMU writes console logs itself: nova-compute cuts them at max_console_log_mb while it runs")
	}
	if free, err := freeBytes(d.c.InstancesPath); err == nil && free < d.c.Cache.MinFree {
		say("disk-low", "folder "+d.c.InstancesPath, "make room on its disk",
			"%d MiB are free, fewer than min_free_disk_mb: the host takes no new servers", free>>20)
	}
	images, err := d.CachedImages(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range images {
		if i.Damaged {
			say("image-damaged", "cached image "+i.Name, "build a server of image "+i.Image+
				" here, which fetches it again, and see the "+
				"kernel's log for what damaged it", "is not what was fetched, and %d servers of this host stand on it", i.Servers)
		}
	}
	if n := virt.Unused(images); n > 0 {
		note("image-cache", "folder "+d.c.CacheDir, "", "%d cached images; those that no server uses take %d MiB",
			len(images), n>>20)
	}
	strays, err := d.Strays(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range strays {
		say("guest-stray", "guest "+s.ID, "set instances_path as it was, or move the files while the server is stopped",
			"its files lie in %s, but instances_path is %s", s.Folder, d.c.InstancesPath)
	}
	return out, nil
}
