package compat

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/tests/running"
)

// novaStep is a command of the nova client. Words in angle brackets are IDs that a step before has kept.
type novaStep struct {
	line    string
	want    string // the output or, for a refusal, the error has it
	refused bool
	becomes string // the status of server "s" afterwards
	keep    string // keeps the first UUID of the output's rows that have want, under this name
}

// novaSteps run one after the other as the administrator of a cloud that keeps deleted servers for a while.
var novaSteps = []novaStep{
	{line: "version-list", want: "2.1"},
	{line: "availability-zone-list", want: "nova"},
	{line: "limits", want: "Cores"},
	{line: "keypair-add k --key-type ssh --pub-key <publickey>"},
	{line: "keypair-list", want: "| k "},
	{line: "keypair-show k", want: "ssh-ed25519"},
	{line: "keypair-delete k"},
	{line: "flavor-create nf auto 128 1 1", want: "nf"},
	{line: "flavor-list", want: "nf"},
	{line: "flavor-show nf", want: "nf"},
	{line: "flavor-update nf text", want: "text"},
	{line: "flavor-key nf set hw:watchdog_action=reset"},
	{line: "flavor-create private auto 128 1 1 --is-public false", want: "private"},
	{line: "flavor-access-add private <project>", want: "<project>"},
	{line: "flavor-access-list --flavor private", want: "<project>"},
	{line: "flavor-access-remove private <project>"},
	{line: "flavor-delete nf"},

	{line: "boot --flavor m1.nano --image guest --nic net-name=demo --poll s", want: "s", becomes: "ACTIVE"},
	{line: "list", want: "ACTIVE"},
	{line: "show s", want: "m1.nano"},
	{line: "update s --description text"},
	{line: "meta s set a=b"},
	{line: "server-tag-add s red"},
	{line: "server-tag-set s red blue"},
	{line: "server-tag-list s", want: "blue"},
	{line: "server-tag-delete s red"},
	{line: "server-tag-delete-all s"},
	{line: "console-log s"},
	{line: "diagnostics s", want: "driver"},
	{line: "instance-action-list s", want: "create"},
	{line: "instance-action s <request>", want: "compute__do_build_and_run_instance"},
	{line: "server-topology s", want: "| nodes       | [] "}, // the flavor asks for no NUMA nodes
	{line: "server-migration-list s"},
	{line: "migration-list"},
	{line: "volume-attachments s"},
	{line: "list-secgroup s", want: "default"},
	{line: "add-secgroup s default"}, // again
	{line: "list-secgroup s", want: "default"},
	{line: "remove-secgroup s default"},
	{line: "add-secgroup s default"},
	{line: "interface-list s", want: "ACTIVE"},
	{line: "interface-attach --net-id <network> s"},
	{line: "interface-list s", want: "ACTIVE", keep: "port"},
	{line: "interface-detach s <port>"},
	{line: "refresh-network s"},

	{line: "stop s", becomes: "SHUTOFF"},
	{line: "start s", becomes: "ACTIVE"},
	{line: "reboot s --poll", becomes: "ACTIVE"},
	{line: "pause s", becomes: "PAUSED"},
	{line: "unpause s", becomes: "ACTIVE"},
	{line: "suspend s", becomes: "SUSPENDED"},
	{line: "resume s", becomes: "ACTIVE"},
	{line: "lock s --reason held"},
	{line: "unlock s"},
	{line: "trigger-crash-dump s"},
	{line: "get-password s"},
	{line: "clear-password s"},
	{line: "rebuild s guest --poll", becomes: "ACTIVE"},
	{line: "rescue s", want: "adminPass", becomes: "RESCUE"},
	{line: "unrescue s", becomes: "ACTIVE"},
	{line: "image-create s shot --poll", becomes: "ACTIVE"},
	{line: "backup s daily daily 1", becomes: "ACTIVE"},
	{line: "shelve s", becomes: "SHELVED_OFFLOADED"},
	{line: "shelve-offload s", want: "409", refused: true},
	{line: "unshelve s", becomes: "ACTIVE"},
	{line: "get-vnc-console s novnc", want: "token"},
	{line: "get-serial-console s", want: "token"},
	{line: "reset-state s", becomes: "ERROR"},
	{line: "reset-state --active s", becomes: "ACTIVE"},
	{line: "host-meta <host> set x=y"},
	{line: "delete s"},
	{line: "restore <server>", becomes: "ACTIVE"},
	{line: "force-delete s"},

	{line: "server-group-create g affinity", want: "affinity", keep: "group"},
	{line: "server-group-list", want: "affinity"},
	{line: "server-group-get <group>", want: "affinity"},
	{line: "server-group-delete <group>"},

	{line: "quota-defaults --tenant <project>", want: "instances"},
	{line: "quota-show --tenant <project>", want: "instances"},
	{line: "quota-update --instances 7 <project>"},
	{line: "quota-show --tenant <project>", want: "| 7 "},
	{line: "quota-delete --tenant <project>"},
	{line: "quota-class-show default", want: "instances"},
	{line: "quota-class-update --instances 11 default"},
	{line: "quota-class-show default", want: "| 11 "},
	{line: "usage", want: "Servers"},
	{line: "usage-list", want: "Servers"},
	{line: "instance-usage-audit-log"},

	{line: "service-list --binary nova-compute", want: "nova-compute", keep: "service"},
	{line: "service-disable <service> --reason text", want: "disabled"},
	{line: "service-enable <service>", want: "enabled"},
	{line: "service-force-down <service>"},
	{line: "service-force-down --unset <service>"},
	{line: "service-delete 0c1d3b65-8d02-4e35-9a47-3f5b0b9c8d11", want: "404", refused: true},
	{line: "hypervisor-list", want: "up", keep: "hypervisor"},
	{line: "hypervisor-show <hypervisor>", want: "state"},
	{line: "hypervisor-servers <host>"},
	{line: "--os-compute-api-version 2.87 hypervisor-stats", want: "count"},
	{line: "--os-compute-api-version 2.87 hypervisor-uptime <hypervisor>"},
	{line: "aggregate-create ag", want: "ag"},
	{line: "aggregate-add-host ag <host>", want: "<host>"},
	{line: "aggregate-set-metadata ag x=y", want: "x=y"},
	{line: "aggregate-update ag --name ah", want: "ah"},
	{line: "aggregate-show ah", want: "x=y"},
	// By name the client sends a filter that glance does not have.
	{line: "aggregate-cache-images ah <image>"},
	{line: "aggregate-remove-host ah <host>"},
	{line: "aggregate-list", want: "ah"},
	{line: "aggregate-delete ah"},
}

// novaUndone has the reasons for commands of the nova client that no step runs.
var novaUndone = map[string]string{
	"agent-create": gone, "agent-delete": gone, "agent-list": gone, "agent-modify": gone, "reset-network": gone,
	"get-rdp-console": gone, "get-mks-console": "VMware alone has these consoles",
	"evacuate": moves, "host-evacuate": moves, "host-evacuate-live": moves, "host-servers-migrate": moves,
	"live-migration": moves, "live-migration-abort": moves, "live-migration-force-complete": moves, "migrate": moves,
	"resize": moves, "resize-confirm": moves, "resize-revert": moves, "server-migration-show": moves,
	"volume-attach": volumes, "volume-detach": volumes, "volume-update": volumes,
	"get-spice-console": "needs a hypervisor with SPICE displays",
	"set-password":      "asks on a terminal",
	"ssh":               "starts the ssh program; tests/e2e logs in to a guest",
}

// TestNovaClient runs each command of the nova client.
func TestNovaClient(t *testing.T) {
	if testing.Short() {
		t.Skip("each command is a process of its own: not in the quick run")
	}
	running.NeedClient(t)
	t.Parallel()
	cloud := running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--set", "DEFAULT.reclaim_instance_interval=3600",
		"--set", "serial_console.enabled=true")
	shells := newShells(t, 1)
	cloud.Shell = shells.run
	known := map[string]string{
		"publickey": file(t, "k.pub", "ssh-ed25519 "+
			"AAAAC3NzaC1lZDI1NTE5AAAAIJ5hrjQnkEbAIuLjBWjTBnkoS8A2YK4N5gbV7cXzuFqF k\n"),
		"project": fmt.Sprint(cloud.Show(t, "hypernova", "project", "show", "demo")["id"]),
		"image":   fmt.Sprint(cloud.Show(t, "hypernova", "image", "show", "guest")["id"]),
		"network": fmt.Sprint(cloud.Show(t, "hypernova", "network", "show", "demo")["id"]),
		"host": fmt.Sprint(cloud.List(t, "hypernova", "compute", "service", "list", "--service",
			"nova-compute")[0]["Host"]),
	}
	nova := func(line string) (string, error) {
		for name, value := range known {
			line = strings.ReplaceAll(line, "<"+name+">", value)
		}
		return shells.nova(filepath.Join(cloud.Dir, "clouds.yaml"), "hypernova", strings.Fields(line))
	}
	var all []string
	if err := shells.ask(map[string]bool{"nova": true}, &all); err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, step := range novaSteps {
		words := strings.Fields(step.line)
		run[words[slices.IndexFunc(words, func(w string) bool { return slices.Contains(all, w) })]] = true
		out, err := nova(step.line)
		want := step.want
		for name, value := range known {
			want = strings.ReplaceAll(want, "<"+name+">", value)
		}
		switch {
		case step.refused && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("nova %s: got %v, want a refusal with %q", step.line, err, want)
		case !step.refused && err != nil:
			t.Errorf("nova %s: %v", step.line, err)
		case !step.refused && !strings.Contains(out, want):
			t.Errorf("nova %s: got\n%s\nwant %q", step.line, out, want)
		}
		if step.becomes != "" {
			s := desk{cloud, t, "hypernova", &seen{}}
			s.becomes("s", step.becomes)
			shown := s.show("server", "show", "s")
			known["server"] = fmt.Sprint(shown["id"])
			if known["request"] == "" {
				rows := s.list("server", "event", "list", "s")
				known["request"] = fmt.Sprint(rows[len(rows)-1]["Request ID"])
			}
		}
		if step.keep != "" {
			known[step.keep] = firstUUID(out)
		}
	}
	for _, name := range all {
		if !run[name] && novaUndone[name] == "" {
			t.Errorf("no step runs nova %s", name)
		}
	}
	if *update && !t.Failed() {
		write(t, "nova-client.md", novaPage(t, all))
	}
}

// firstUUID answers the first UUID in a table of the client.
func firstUUID(out string) string {
	for _, word := range strings.Fields(out) {
		if len(word) == 36 && strings.Count(word, "-") == 4 {
			return word
		}
	}
	return ""
}

// novaPage is docs/compat/nova-client.md.
func novaPage(t *testing.T, all []string) string {
	version, err := exec.CommandContext(t.Context(), "nova", "--version").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	works := 0
	rows := map[string]string{}
	for _, name := range all {
		if rows[name] = novaUndone[name]; rows[name] == "" {
			rows[name] = "works"
			works++
		}
	}
	lines := strings.Split(strings.TrimSpace(string(version)), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands of the nova client\n\nRun one by one, unmodified (nova %s), against a cloud of this "+
		"build; each output is checked by `tests/compat`.\nThis page is written by that test: `make golden`.\n\n"+
		"%d of %d commands.\n\n| command | |\n|---|---|\n", lines[len(lines)-1], works, len(all))
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "| `nova %s` | %s |\n", name, rows[name])
	}
	return b.String()
}
