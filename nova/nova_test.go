package nova_test

import (
	"slices"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/oslo/fault"
	"hypernova/placement"

	"github.com/google/go-cmp/cmp"
)

func TestMoves(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		move nova.Move
		from nova.State
		want nova.State
		why  *nova.Refusal
	}{
		{"stop active", nova.StopServer.Begin, nova.State{VM: nova.Active},
			nova.State{VM: nova.Active, Task: nova.PoweringOff}, nil},
		{"stop twice", nova.StopServer.Begin, nova.State{VM: nova.Active, Task: nova.PoweringOff},
			nova.State{VM: nova.Active, Task: nova.PoweringOff}, &nova.Refusal{Attr: "task_state", State: "powering-off"}},
		{"stop stopped", nova.StopServer.Begin, nova.State{VM: nova.Stopped}, nova.State{VM: nova.Stopped},
			&nova.Refusal{Attr: "vm_state", State: "stopped"}},
		{"vm state is judged first", nova.StartServer.Begin, nova.State{VM: nova.Active, Task: nova.Pausing},
			nova.State{VM: nova.Active, Task: nova.Pausing}, &nova.Refusal{Attr: "vm_state", State: "active"}},
		{"hard reboot overrides a soft one", nova.HardRebootServer.Begin, nova.State{VM: nova.Active, Task: nova.Rebooting},
			nova.State{VM: nova.Active, Task: nova.RebootingHard}, nil},
		{"delete a build", nova.DeleteServer.Begin, nova.State{VM: nova.Building, Task: nova.Spawning},
			nova.State{VM: nova.Building, Task: nova.Deleting}, nil},
		{"late end of a build", nova.MoveBuilt, nova.State{VM: nova.Building, Task: nova.Deleting},
			nova.State{VM: nova.Building, Task: nova.Deleting}, &nova.Refusal{Attr: "task_state", State: "deleting"}},
		{"nothing leaves deleted", nova.MoveResetActive, nova.State{VM: nova.Deleted}, nova.State{VM: nova.Deleted},
			&nova.Refusal{Attr: "vm_state", State: "deleted"}},
	} {
		got, why := x.move.Next(x.from)
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", x.name, diff)
		}
		if diff := cmp.Diff(x.why, why); diff != "" {
			t.Errorf("%s: %s", x.name, diff)
		}
	}
}

// TestEveryTaskEnds walks the table: from each task state that some move begins, another leads back to none.
func TestEveryTaskEnds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range nova.Moves() {
		if seen[m.Name] {
			t.Errorf("two moves are called %s", m.Name)
		}
		seen[m.Name] = true
		if m.Task == nova.Idle || m.Task == nova.Kept {
			continue
		}
		ends := false
		for _, e := range nova.Moves() {
			if e.Task == nova.Idle && len(e.While) > 0 {
				for _, w := range e.While {
					ends = ends || w == m.Task
				}
			}
		}
		if !ends {
			t.Errorf("nothing ends the task state %q that %s begins", m.Task, m.Name)
		}
	}
}

func TestRefusalReadsAsClientsKnowIt(t *testing.T) {
	t.Parallel()
	f := (&nova.Refusal{Attr: "vm_state", State: "stopped"}).Fault("stop", "id")
	if f.Kind != fault.Conflict || f.Msg != "Cannot 'stop' instance id while it is in vm_state stopped" {
		t.Errorf("got %v: %s", f.Kind, f.Msg)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	f := nova.Flavor{Name: "f", VCPUs: 2, RAM: 512, Disk: 10, Ephemeral: 1, Swap: 1025, ExtraSpecs: map[string]string{
		"resources:VCPU": "0", "resources:CUSTOM_X": "3", "trait:HW_A": "required", "trait:HW_B": "forbidden",
		"hw:cpu_policy": "shared"}}
	a, err := f.Ask()
	want := nova.Ask{Resources: placement.Resources{"MEMORY_MB": 512, "DISK_GB": 13, "CUSTOM_X": 3},
		Required:  []string{"HW_A"},
		Forbidden: []string{"HW_B"}, Specs: map[string]string{"hw:cpu_policy": "shared"}}
	if diff := cmp.Diff(want, a); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, spec := range [][2]string{{"resources:VCPU", "many"}, {"trait:HW_A", "maybe"}} {
		f.ExtraSpecs = map[string]string{spec[0]: spec[1]}
		if _, err := f.Ask(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), spec[0]) {
			t.Errorf("%v: got %v", spec, err)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		vm   nova.VMState
		task nova.TaskState
		want string
	}{
		{nova.Building, nova.Spawning, "BUILD"}, {nova.Active, nova.Idle, "ACTIVE"}, {nova.Active, nova.PoweringOff,
			"ACTIVE"},
		{nova.Active, nova.Rebooting, "REBOOT"}, {nova.Stopped, nova.RebootingHard, "HARD_REBOOT"},
		{nova.Stopped, nova.Idle, "SHUTOFF"},
		{nova.Paused, nova.Idle, "PAUSED"}, {nova.Error, nova.Deleting, "ERROR"}, {nova.Deleted, nova.Idle, "DELETED"},
	} {
		if got := nova.Status(x.vm, x.task); got != x.want {
			t.Errorf("%s, %s: got %s, want %s", x.vm, x.task, got, x.want)
		}
	}
}

// The states of every status that a server is shown with are found by it, so that a list's status filter leaves none
// out.
func TestStatesOfIsTheInverseOfStatus(t *testing.T) {
	t.Parallel()
	tasks := map[nova.TaskState]bool{nova.Idle: true}
	for _, m := range nova.Moves() {
		for _, task := range append(m.While, m.Task) {
			tasks[task] = task != nova.Kept
		}
	}
	for _, vm := range nova.VMStates() {
		for task, real := range tasks {
			status := nova.Status(vm, task)
			states := nova.StatesOf(status)
			if real && !slices.Contains(states, nova.State{VM: vm, Task: task}) &&
				!slices.Contains(states, nova.State{VM: vm}) {
				t.Errorf("%s, %q is shown as %s, whose states are %v", vm, task, status, states)
			}
			if !nova.KnownStatus(status) {
				t.Errorf("%s is not known", status)
			}
		}
	}
	for status, want := range map[string]bool{"RESIZE": true, "SHELVED_OFFLOADED": true, "SLEEPING": false, "": false} {
		if got := nova.KnownStatus(status); got != want {
			t.Errorf("KnownStatus(%q) is %v", status, got)
		}
	}
}
