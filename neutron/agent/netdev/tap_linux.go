package netdev

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// makeTap makes a tap that outlives every process, in the calling thread's namespace. owner and group (-1: none) may
// open it without privilege. It must have one queue: an opener that asks for another number of queues is refused by the
// kernel. Until mark has said whose it is the tap goes with this process.
func makeTap(name string, owner, group int, mark func(name string) error) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		if errors.Is(err, unix.EBUSY) {
			return nil // a guest has it open, so it is there and persistent
		}
		return fmt.Errorf("make tap %s: %w", name, err)
	}
	if owner >= 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETOWNER, owner); err != nil {
			return fmt.Errorf("owner of tap %s: %w", name, err)
		}
	}
	if group >= 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETGROUP, group); err != nil {
			return fmt.Errorf("group of tap %s: %w", name, err)
		}
	}
	if err := mark(name); err != nil {
		return fmt.Errorf("owner of tap %s: %w", name, err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		return fmt.Errorf("keep tap %s: %w", name, err)
	}
	return nil
}
