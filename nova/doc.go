// Package nova is the vocabulary of compute: types, states and contracts that its other packages share.
//
// # The house
//
//	nova             nouns, the transition table (states.go), contracts; everything else speaks it
//	nova/store       SQL: servers with everything a list shows in the row, actions and events, services, nodes, aggregates, flavors …
//	nova/jobs        the kinds of durable work, enqueued by verbs and handled by the conductor
//	nova/servers     verbs on servers: Create, Delete, Start … the loads a reader needs, external events
//	nova/flavors     and keypairs, quota, hosts: verbs of the smaller nouns, one package each
//	nova/rpcapi      the street: conductor, scheduler and compute methods, declarations only
//	nova/conductor   works the jobs: build, delete, power, clean-up; keeps the records for agents
//	nova/scheduler   snapshot/ of hosts, filters/, weighers/, an explanation
//	nova/compute     the agent on a host: drives virt.Driver, reports facts, never asks the database
//	nova/virt        the contract with a hypervisor, and its drivers
//	nova/api         the wire; nova/metadata what guests read; nova/client compute over HTTP
//
// Locks: the agent has a mutex over what is under way and a lock per server; the mutex is never held while a lock is
// waited for. The scheduler's mutex is held for one decision. The conductor's hub has a mutex, and each waiter one that
// is taken inside it.
//
// # One server's way
//
// servers.Create resolves flavor, image, networks and key, then writes rows, action and a build job in one transaction
// and returns. The conductor claims the job: choose and claim a host, record it, make the ports, prepare disks on the
// host while the ports come up, spawn, finish. Each step has an undo; a failure unwinds and the next host is tried; the
// last one leaves ERROR with a fault.
//
// # Invariants
//
//   - task_state is empty if and only if no job owns the server. A verb takes it with a guarded update, the job gives it back.
//   - Every change of state is a Move of the one table, made by store.Move, which compares with the row it finds.
//   - Jobs of one server run one at a time, in the order they were asked for.
//   - DELETE is always accepted. A build that is under way notices between steps, unwinds, and the delete job comes after it.
//   - Silence is no verdict: a build that meets it waits in the queue, within a bound, and loses no try. The event of its action says what for.
//   - What a host that cannot be reached still holds is owed: a clean-up job waits for the host, and the host asks when it comes back.
package nova
