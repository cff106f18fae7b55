// Package nova is the vocabulary of compute: types, states and contracts that its other packages share.
//
// # Packages
//
//	nova             types, the table of state changes (states.go), the table of actions, contracts
//	nova/store       SQL: each server in one row with all that a list shows, actions and events, services, nodes and so on
//	nova/jobs        the kinds of durable tasks; the operations enqueue them, the conductor handles them
//	nova/servers     the operations on servers: Create, Delete, Start and so on, and external events
//	nova/flavors     and keypairs, quota, hosts, servergroups: the operations on smaller resources, a package each
//	nova/rpcapi      the RPC methods of conductor, scheduler and compute: declarations only
//	nova/conductor   runs the jobs: build, delete, power, clean-up; writes the records of the hosts
//	nova/scheduler   selects hosts: snapshot of the hosts, filters, weighers, explanation
//	nova/compute     runs on each host: calls virt.Driver and reports facts; it opens no database
//	nova/virt        the contract with a hypervisor, and its drivers
//	nova/api         the HTTP API
//	nova/metadata    the metadata of guests
//	nova/client      a client of compute over HTTP
//
// # Locks
//
// nova/compute has a mutex over the running operations and a lock per server. The mutex is not held while a goroutine
// waits for a lock. The scheduler holds its mutex for one decision. The hub of the conductor has a mutex, and each of
// its waiters has one, which is locked inside it.
//
// # A build
//
// servers.Create looks up flavor, image, networks and key pair. It writes the server, the action and a build job in one
// transaction and returns. The conductor claims the job: it selects a host, allocates the resources, records the host,
// creates the ports, prepares the disks on the host while the ports become active, and spawns the guest. Each step has
// an undo. After a failure the steps are undone and the next host is tried. After the last failure the server is in
// ERROR with a fault.
//
// # Invariants
//
//   - task_state is empty if and only if no job owns the server. An operation sets it with a guarded update; the job
//     resets it.
//   - Every change of state is a Move of the table, made by store.Move, which compares it with the row.
//   - Jobs of one server run one at a time, in the order of their requests.
//   - DELETE is always accepted. A running build notices it between two steps and undoes them; the delete job follows.
//   - A build that cannot reach a host or a service waits in the queue, within a bound, and uses no attempt. The event of
//     its action has the reason.
//   - If a host cannot be reached, a clean-up job waits for it and destroys what it still has of a server. A host that
//     starts also asks which of its guests to destroy.
package nova
