package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"hypernova/oslo/private"
)

// listeningFile says, in the state folder, on which ports the process that holds the folder's lock answers.
const listeningFile = "listening.json"

// listening is that file. It counts only while the process still holds the lock.
type listening struct {
	PID   int            `json:"pid"`
	Ports map[string]int `json:"ports"` // by API
}

// WriteListening records on which ports the process that holds the folder answers.
func (s *State) WriteListening(ports map[string]int) error {
	text, err := json.Marshal(listening{os.Getpid(), ports})
	if err != nil {
		return err
	}
	return private.Replace(filepath.Join(s.dir, listeningFile), append(text, '\n'))
}

// Listening is the ports of the process, by API.
func (p *Process) Listening() map[string]int {
	out := map[string]int{}
	for api, l := range p.listeners.open {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			out[api] = a.Port
		}
	}
	return out
}

// own is the cloud that runs on a state folder: its process, and which ports it has; 0 where none runs, or says so to
// this user.
func own(dir string) (pid int, ports map[int]bool, err error) {
	pid, err = Running(dir)
	if err != nil || pid == 0 {
		return 0, nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, listeningFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	var l listening
	if err := json.Unmarshal(text, &l); err != nil || l.PID != pid {
		return 0, nil, err
	}
	ports = map[int]bool{}
	for _, n := range l.Ports {
		ports[n] = true
	}
	return pid, ports, nil
}

// Ports says of the ports of this configuration which are not free: taken are those that somebody else has, as
// "keystone 5000"; ours those of the cloud that runs on the configured state folder, in the process pid.
func (c *Config) Ports(ctx context.Context) (taken, ours []string, pid int, err error) {
	pid, have, err := own(c.Default.StatePath)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, p := range ports() {
		n := c.Listen.portOf(p.api)
		if n == 0 || p.api == busNATS && !c.Default.EmbedBus {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(c.Listen.Host, strconv.Itoa(n)))
		switch name := fmt.Sprintf("%s %d", p.api, n); {
		case err == nil:
			l.Close()
		case have[n]:
			ours = append(ours, name)
		default:
			taken = append(taken, name)
		}
	}
	return taken, ours, pid, nil
}
