// Package layout starts clouds as processes of the built program in several deployment layouts.
//
//	One         a process with everything in it, on SQLite
//	Controller  a process with the control plane and the bus, and one for each host, on SQLite
//	Split       a process for each role, two conductors among them, on PostgreSQL and a broker that is a process too
//	Namespaces  like Controller, but each host is in a network namespace of its own and sees nothing but the controller's address
//
// Every cloud has a loopback address of its own, so that clouds of parallel tests cannot take each other's ports. Any
// process may be killed, stopped, continued and started again, the database and the broker included. A test that uses
// Split calls Main from its TestMain.
package layout

import (
	"fmt"
	"slices"

	"hypernova/app"
	"hypernova/oslo/messaging/rabbit/rabbittest"
)

// Shape is how a cloud is spread over processes.
type Shape struct {
	Name       string
	bus        string // the scheme of transport_url
	broker     bool   // the bus is a process of the cloud
	rabbit     *rabbittest.Server
	postgres   bool
	namespaces bool
	together   bool // all at once: no process waits for another
	specs      func(computes int) []spec
}

// spec is one process to be.
type spec struct {
	name  string // unique in the cloud
	group string // what stories call it
	host  string
	roles []string
	flags []string
}

// Names of processes that are not ours.
const (
	Broker   = "broker"
	Database = "database"
)

const controller = "controller"

// One is a process with everything in it.
func One() Shape {
	return Shape{Name: "one", bus: "inproc", specs: func(int) []spec {
		return []spec{{name: controller, group: controller, host: controller, roles: []string{"all"}}}
	}}
}

// Controller is a control plane that serves the bus, and hosts that join it.
func Controller() Shape { return Shape{Name: "controller", bus: "nats", specs: controllerAndHosts} }

// Namespaces is Controller with hosts that are in network namespaces. It needs root.
func Namespaces() Shape {
	return Shape{Name: "namespaces", bus: "nats", namespaces: true, specs: controllerAndHosts}
}

// Split is a process for each role, on a NATS server.
func Split() Shape {
	return Shape{Name: "split", bus: "nats", broker: true, postgres: true, together: true, specs: split}
}

// SplitOnRabbit is a process for each role, on RabbitMQ. Several clouds may share the server unless one restarts it.
func SplitOnRabbit(s *rabbittest.Server) Shape {
	return Shape{Name: "split-rabbit", bus: "rabbit", rabbit: s, postgres: true, together: true, specs: split}
}

func controllerAndHosts(computes int) []spec {
	out := []spec{{name: controller, group: controller, host: controller, roles: []string{"controller"},
		flags: []string{"--set=DEFAULT.embed_bus=true"}}}
	for i := range computes {
		h := hostName(i)
		out = append(out, spec{name: h, group: h, host: h, roles: []string{"compute"}})
	}
	return out
}

func split(computes int) []spec {
	var out []spec
	for _, r := range rolesOf("controller") {
		out = append(out, spec{name: r, group: controller, host: controller, roles: []string{r}})
	}
	out = append(out, spec{name: "nova-conductor-2", group: controller, host: "controller2",
		roles: []string{"nova-conductor"}})
	for i := range computes {
		h := hostName(i)
		for _, r := range rolesOf("compute") {
			out = append(out, spec{name: r + "-" + h, group: h, host: h, roles: []string{r}})
		}
	}
	return out
}

// rolesOf are the roles of a group, which the program has.
func rolesOf(group string) []string {
	roles, err := app.Expand([]string{group})
	if err != nil {
		panic(err) // only for a name that is no group
	}
	return roles
}

func hostName(i int) string { return fmt.Sprintf("h%d", i+1) }

// named are the processes that a name stands for: one, or all of a host or of the controller.
func named(specs []spec, name string) []spec {
	return slices.DeleteFunc(slices.Clone(specs), func(s spec) bool { return s.name != name && s.group != name })
}
