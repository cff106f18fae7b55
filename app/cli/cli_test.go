package cli_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hypernova/app/cli"
)

// run is one command line: its exit status and what it wrote.
func run(t *testing.T, ctx context.Context, environ []string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = cli.Main(ctx, cli.Env{Args: args, Environ: append(environ, "HOME="+t.TempDir()), Out: &o, Err: &e,
		Version: "1.2.3"})
	return status, o.String(), e.String()
}

func TestCommands(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("[DEFAULT]\ndebgu = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pretended := t.TempDir()
	if err := os.WriteFile(filepath.Join(pretended, "made.json"), []byte(`{"driver": "fake", "owners": [7]}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		args      []string
		env       []string
		status    int
		out, errs string
	}{
		{"version", []string{"hypernova", "version"}, nil, 0, "hypernova 1.2.3 (go", ""},
		{"no arguments", []string{"hypernova"}, nil, 0, "nova-scheduler", ""},
		{"unknown role", []string{"hypernova", "nova-frob"}, nil, 1, "", `there is no role "nova-frob"; there are: keystone`},
		{"unknown option", []string{"hypernova", "--config-file", bad, "keystone"}, nil, 1, "",
			"bad.conf:2: [DEFAULT] has no option \"debgu\"; did you mean debug?"},
		{"unknown option by the role's link", []string{"/usr/bin/nova-scheduler", "--config-file", bad}, nil, 1, "",
			"did you mean debug?"},
		{"environment", []string{"hypernova", "config", "dump"}, []string{"HYPERNOVA_DEFAULT__HOST=seven"}, 0,
			"\nhost = seven\n", ""},
		{"flag over environment", []string{"hypernova", "config", "dump", "--set", "DEFAULT.host=eight"},
			[]string{"HYPERNOVA_DEFAULT__HOST=seven"}, 0, "\nhost = eight\n", ""},
		{"secrets stay secret", []string{"hypernova", "config", "dump", "--set", "keystone_authtoken.password=tell-nobody"},
			nil, 0, "\npassword = ***\n", ""},
		{"sample", []string{"hypernova", "config", "sample"}, nil, 0, "#enabled_filters = ", ""},
		{"routes", []string{"hypernova", "dump", "routes"}, nil, 0, "nova\tPOST /servers\t202\t", ""},
		{"messages", []string{"hypernova", "dump", "rpc"}, nil, 0, "spawn", ""},
		{"tasks of a folder", []string{"hypernova", "tasks", "list", "--state", "dead", "--state", pretended}, nil, 1, "",
			"there is no database " + filepath.Join(pretended, "nova.db")},
		{"a task of a folder", []string{"hypernova", "tasks", "show", "--state", pretended, "1"}, nil, 1, "",
			"there is no database " + filepath.Join(pretended, "nova.db")},
		{"status of nothing", []string{"hypernova", "status"}, nil, 1, "", "start one with \"hypernova up\""},
		{"destroy of nothing", []string{"hypernova", "down", "--destroy", "--state", "/nowhere/at/all"}, nil, 1, "",
			"not known what to remove"},
		{"destroy of pretended servers", []string{"hypernova", "down", "--destroy", "--state", pretended}, nil, 0,
			"pretended its servers", ""},
		{"down of nothing", []string{"hypernova", "down"}, nil, 0, "no cloud runs on", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if tt.args[len(tt.args)-1] == "status" || tt.args[len(tt.args)-1] == "down" {
				args = append(args, "--state", t.TempDir())
			}
			status, out, errs := run(t, t.Context(), tt.env, args...)
			if status != tt.status || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) {
				t.Errorf("got status %d, out %.2000s, err %s, want %d, %q, %q", status, out, errs, tt.status, tt.out, tt.errs)
			}
		})
	}
}

func TestUpRefusesATakenPortAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	status, _, errs := run(t, t.Context(), nil, "hypernova", "up", "--virt", "fake", "--memory", "--state", t.TempDir(),
		"--port-base", port)
	if status != 1 || !strings.Contains(errs, "the port is taken") || !strings.Contains(errs, "--port-base") {
		t.Errorf("got status %d, %s, want 1 and what to do", status, errs)
	}
}

func TestUpRunsStatusSeesItAndItEndsWell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan string, 1)
	go func() {
		status, out, errs := run(t, ctx, nil, "hypernova", "up", "--virt", "fake", "--state", dir, "--port-base", "0",
			"--set", "DEFAULT.log_file="+filepath.Join(dir, "log"))
		ended <- strconv.Itoa(status) + out + errs
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); ; {
		status, out, errs := run(t, t.Context(), nil, "hypernova", "status", "--state", dir)
		if status == 0 {
			if !strings.Contains(out, "nova-compute") || !strings.Contains(out, "identity") {
				t.Errorf("got %s, want APIs and services", out)
			}
			break
		}
		select {
		case x := <-ended:
			t.Fatalf("the cloud ended: %s", x)
		case <-limit:
			t.Fatalf("the cloud is not well after a minute: %s %s", out, errs)
		case <-tick.C:
		}
	}
	file := filepath.Join(t.TempDir(), "hypernova.conf")
	if err := os.WriteFile(file, []byte("[DEFAULT]\nstate_path = "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := run(t, t.Context(), nil, "hypernova", "status", "--config-file", file); status != 0 ||
		!strings.Contains(out, dir) {
		t.Errorf("got status %d, %s%s for the folder that a file names, want that cloud", status, out, errs)
	}
	if status, _, errs := run(t, t.Context(), nil, "hypernova", "up", "--virt", "fake", "--state", dir, "--port-base",
		"0"); status != 1 || !strings.Contains(errs, "a cloud already runs on "+dir) {
		t.Errorf("got status %d, %s for a second cloud on the same data, want a refusal", status, errs)
	}
	cancel()
	if x := <-ended; !strings.HasPrefix(x, "0") || !strings.Contains(x, "hypernova: ready after") {
		t.Errorf("got %s, want status 0 and the ready line", x)
	}
}
