package cli_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePorts finds a base from which on as many ports are free as a cloud takes.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := l.Addr().(*net.TCPAddr).Port
		l.Close()
		free := true
		for n := base; n < base+10 && free; n++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no ten free ports in a row")
	return 0
}

// TestDoctorKnowsItsOwnCloud: the ports of the cloud on the same folder are no finding; those of another one are.
func TestDoctorKnowsItsOwnCloud(t *testing.T) {
	t.Parallel()
	dir, base := t.TempDir(), fmt.Sprint(freePorts(t))
	doctor := func(dir string) (int, string) {
		status, out, _ := run(t, t.Context(), nil, "hypernova", "doctor", "--virt", "fake", "--state", dir, "--port-base",
			base)
		return status, out
	}
	if status, out := doctor(dir); status != 0 || !strings.Contains(out, "ok    ports              free") {
		t.Errorf("before the cloud: status %d, %s", status, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan string, 1)
	go func() {
		_, out, errs := run(t, ctx, nil, "hypernova", "up", "--virt", "fake", "--memory", "--state", dir, "--port-base",
			base, "--set", "DEFAULT.log_file="+filepath.Join(dir, "log"))
		ended <- out + errs
	}()
	defer func() { cancel(); <-ended }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); ; {
		status, out := doctor(dir)
		if status == 0 && strings.Contains(out, "ok    ports              those of the cloud that runs on "+
			""+dir+" (process ") && strings.Contains(out, "keystone "+base) {
			break
		}
		select {
		case x := <-ended:
			ended <- x
			t.Fatalf("the cloud ended: %s", x)
		case <-limit:
			t.Fatalf("beside its own cloud: status %d, %s", status, out)
		case <-tick.C:
		}
	}
	if status, out := doctor(t.TempDir()); status != 2 || !strings.Contains(out, "FAIL  ports              taken: "+
		"keystone "+base) {
		t.Errorf("beside another's cloud: status %d, %s", status, out)
	}
}
