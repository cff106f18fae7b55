package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/private"
)

// handed is the message that accompanies a listener.
type handed struct {
	PID     int    `json:"pid"`
	Address string `json:"address"`
}

// Offer is a Service that passes the listener l of the API called name to the next process, through a Unix socket in
// dir. Both processes then accept from one queue of connections, so no connection is refused during a restart. If
// several processes offer the same name, the last one is asked.
func Offer(dir, name string, l *net.TCPListener) Service {
	return Func(name+" handover", func(ctx context.Context, ready func()) error {
		path, err := socket(dir, name)
		if err != nil {
			return err
		}
		own := fmt.Sprintf("%s.%d", path, os.Getpid())
		if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		at, done, err := shortName(own)
		if err != nil {
			return err
		}
		s, err := private.Socket(at)
		done()
		if err != nil {
			return fmt.Errorf("offer the listener of %s: %w", name, err)
		}
		s.SetUnlinkOnClose(false) // the next process may have replaced the socket by then
		info, err := os.Lstat(own)
		if err == nil {
			err = os.Rename(own, path)
		}
		if err != nil {
			return errors.Join(err, s.Close())
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				c, err := s.AcceptUnix()
				if err != nil {
					return
				}
				if err := sendListener(c, l); err != nil {
					log.From(ctx).Warn("cannot hand over the listener", "service", name, log.Err, err.Error())
				}
			}
		}()
		ready()
		<-ctx.Done()
		err = s.Close()
		<-ended
		if now, serr := os.Lstat(path); serr == nil && os.SameFile(now, info) {
			err = errors.Join(err, os.Remove(path))
		}
		return err
	})
}

func socket(dir, name string) (string, error) {
	if err := private.Dir(dir); err != nil {
		return "", fault.Invalidf("the folder %s, through which a listener is handed to the next process, cannot be made",
			dir).Because(err)
	}
	return filepath.Join(dir, name+".sock"), nil
}

// longest is the longest Unix socket address that every system accepts.
const longest = 100

// shortName returns a name of the socket at path that is short enough for an address. It is valid until done is called.
// If the folder's name is too long, it is a name under /proc/self/fd.
func shortName(path string) (name string, done func(), err error) {
	if len(path) <= longest {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	name = filepath.Join(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(name)); err != nil { // not Linux
		return "", nil, errors.Join(fault.Invalidf("the name of the folder %s is too long for the socket through which a "+
			"listener is handed over; choose a shorter [DEFAULT] state_path", filepath.Dir(path)), dir.Close())
	}
	return name, func() { dir.Close() }, nil // opened for reading only
}

func sendListener(c *net.UnixConn, l *net.TCPListener) error {
	defer c.Close()
	f, err := l.File()
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := json.Marshal(handed{os.Getpid(), l.Addr().String()})
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	_, _, err = c.WriteMsgUnix(text, syscall.UnixRights(int(f.Fd())), nil)
	return err
}

// TakeOver asks the process that offers the listener of name in dir for it. It returns a nil listener if no process
// offers it or if it listens on another address. pid is the id of the offering process. It blocks for at most a few
// seconds.
func TakeOver(ctx context.Context, dir, name, address string) (l net.Listener, pid int, err error) {
	at, done, err := shortName(filepath.Join(dir, name+".sock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil // no process has run yet
	}
	if err != nil {
		return nil, 0, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", at)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, 0, nil // no process runs now
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the listener of %s: %w", name, err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, 0, err
	}
	text, rights := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4))
	n, rn, _, _, err := c.(*net.UnixConn).ReadMsgUnix(text, rights)
	if err != nil {
		return nil, 0, fmt.Errorf("take over the listener of %s: %w", name, err)
	}
	f, err := received(rights[:rn])
	if err != nil {
		return nil, 0, fmt.Errorf("take over the listener of %s: %w", name, err)
	}
	defer f.Close()
	var h handed
	if err := json.Unmarshal(text[:n], &h); err != nil {
		return nil, 0, fmt.Errorf("take over the listener of %s: %w", name, err)
	}
	if h.Address != address {
		return nil, h.PID, nil
	}
	l, err = net.FileListener(f)
	return l, h.PID, err
}

func received(rights []byte) (*os.File, error) {
	ms, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return nil, err
		}
		if len(fds) == 1 {
			syscall.CloseOnExec(fds[0])
			return os.NewFile(uintptr(fds[0]), "listener"), nil
		}
	}
	return nil, errors.New("the other process sent no listener")
}
