package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// spacesDir is where `ip netns` keeps named namespaces, so that operators can enter ours with it.
const spacesDir = "/run/netns"

const self = "/proc/thread-self/ns/net"

// Enter runs fn on a thread in the namespace of an open file; sockets that fn makes stay there.
func Enter(namespace *os.File, fn func() error) error { return inside(namespace, fn) }

// inside runs fn on a thread that is in the namespace of fd. The thread goes back afterwards; one that cannot is thrown
// away: its goroutine ends while still locked to it, which makes the runtime end the thread.
func inside(fd *os.File, fn func() error) error {
	done := make(chan error, 1) // one send, which must not wait for a receiver
	go func() {
		runtime.LockOSThread()
		home, err := os.Open(self)
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("enter the namespace %s: %w", fd.Name(), err)
			return
		}
		err = fn()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// newSpace makes a named namespace of an owner; one that is there already is left as it is.
func newSpace(name string, owner uint32) error {
	path := filepath.Join(spacesDir, name)
	if isSpace(path) {
		return nil
	}
	if err := shareSpaces(); err != nil {
		return fmt.Errorf("%s: %w", spacesDir, err)
	}
	// A name without a namespace behind it is left by a crash between the two steps below.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	done := make(chan error, 1) // one send, which must not wait for a receiver
	go func() {
		runtime.LockOSThread() // for good: the thread is in the new namespace and ends with this goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a namespace: %w", err)
			return
		}
		if err := ownSpace(owner); err != nil {
			done <- fmt.Errorf("mark a namespace: %w", err)
			return
		}
		done <- unix.Mount(self, path, "none", unix.MS_BIND, "")
	}()
	if err := <-done; err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// shareSpaces makes the folder of namespaces a mount that is shared, as "ip netns" does and expects. Without that,
// a program that does it later mounts the folder a second time over the existing namespaces, whose names can then be
// neither removed nor entered.
func shareSpaces() error {
	switch err := os.Mkdir(spacesDir, 0o755); {
	case err == nil:
		if err := os.Chmod(spacesDir, 0o755); err != nil { // whatever the umask: everybody's "ip netns" reads it
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	f, err := os.Open(spacesDir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { // ip does so too
		return fmt.Errorf("lock: %w", err)
	}
	err = unix.Mount("", spacesDir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	if err := unix.Mount(spacesDir, spacesDir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make it a mount: %w", err)
	}
	return unix.Mount("", spacesDir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// ownSpace marks the namespace that the calling thread is in.
func ownSpace(owner uint32) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	return h.LinkSetGroup(lo, int(owner))
}

// abandoned tells a name that a crash left without a namespace from one that somebody is about to mount a namespace on.
func abandoned(name string) bool {
	i, err := os.Stat(filepath.Join(spacesDir, name))
	return err == nil && time.Since(i.ModTime()) > time.Minute
}

// removeSpace ends a named namespace with everything in it, as soon as no socket holds it any more.
func removeSpace(name string) error {
	path := filepath.Join(spacesDir, name)
	for range 16 { // a name may have been mounted on more than once
		err := unix.Unmount(path, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	err := os.Remove(path)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%w: a mount below a second mount of %s holds the name; \"umount %s\" uncovers it, then try again",
			err, spacesDir, spacesDir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isSpace tells a mounted namespace from the empty file that a crash may leave.
func isSpace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}

func openSpace(name string) (*os.File, error) {
	path := filepath.Join(spacesDir, name)
	if !isSpace(path) {
		return nil, fmt.Errorf("namespace %s: %w", name, fs.ErrNotExist)
	}
	return os.Open(path)
}
