package libvirttest

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"hypernova/nova"
)

// Dial connects to an address in the daemon's own network, by a program that runs there. The connection ends with the
// test.
func (d *Daemon) Dial(t *testing.T, at nova.ConsoleAddress) io.ReadWriteCloser {
	t.Helper()
	c := exec.CommandContext(t.Context(), "nsenter", "--net="+d.Net(), "bash", "-c",
		fmt.Sprintf("exec 3<>/dev/tcp/%s/%d || exit 1; cat <&0 >&3 & exec cat <&3", at.Host, at.Port))
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Wait() }) // it is killed with the test
	return piped{out, in}
}

type piped struct {
	io.ReadCloser
	in io.WriteCloser
}

func (p piped) Write(b []byte) (int, error) { return p.in.Write(b) }

// Close ends both directions.
func (p piped) Close() error { return errors.Join(p.in.Close(), p.ReadCloser.Close()) }
