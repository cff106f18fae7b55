// Package hosts implements the operations on compute services, hypervisors, availability zones and aggregates.
package hosts

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/tasks"
)

// Config are the settings.
type Config struct {
	// DownTime is the age of a heartbeat from which a service is down; 0: one minute.
	DownTime time.Duration
	// DefaultZone is the zone of hosts without an aggregate; empty: "nova".
	DefaultZone string
}

// Deps are the stores and services that Hosts uses.
type Deps struct {
	DB  *db.DB
	Now clock.Now // nil: the real clock
	Bus *messaging.Bus
	// Queue runs the clean-up after a deleted compute service; nil: there is none.
	Queue *tasks.Queue
	// Image finds an image as the caller in ctx may see it; fault.NotFound. Only CacheImages needs it.
	Image func(ctx context.Context, id string) (nova.ImageMeta, error)
	// Uptime returns the output of uptime(1) on a host. nil: the host's agent is called by RPC.
	Uptime func(ctx context.Context, host string) (string, error)
}

// Hosts implements the operations; New makes it. Its methods may be called concurrently.
type Hosts struct {
	Config
	Deps
}

// New makes Hosts with the defaults filled in.
func New(c Config, d Deps) *Hosts {
	h := &Hosts{c, d}
	if h.Now == nil {
		h.Now = clock.Real
	}
	if h.DownTime == 0 {
		h.DownTime = time.Minute
	}
	if h.DefaultZone == "" {
		h.DefaultZone = "nova"
	}
	if h.Uptime == nil {
		h.Uptime = func(ctx context.Context, host string) (string, error) {
			r, err := rpcapi.Uptime.Do(ctx, h.Bus, host, messaging.None{})
			return r.Text, err
		}
	}
	return h
}

// Service is a service record, whether the service is up, and its availability zone.
type Service struct {
	nova.Service
	Up   bool
	Zone string
}

// Services lists the services; an empty host or binary matches all.
func (h *Hosts) Services(ctx context.Context, host, binary string) ([]Service, error) {
	records, err := store.Services(ctx, h.DB, host, binary)
	if err != nil {
		return nil, err
	}
	as, err := store.Aggregates(ctx, h.DB)
	if err != nil {
		return nil, err
	}
	out := make([]Service, len(records))
	for i, r := range records {
		out[i] = h.service(r, as)
	}
	return out, nil
}

// service adds to a record whether its process is up, and the zone that the aggregates give it.
func (h *Hosts) service(r nova.Service, as []nova.Aggregate) Service {
	zone := nova.InternalZone
	if r.Binary == nova.BinaryCompute {
		zone = nova.ZoneOf(r.Host, as, h.DefaultZone)
	}
	return Service{r, r.Up(h.Now(), h.DownTime), zone}
}

// Service returns a service by its UUID or, as in old API versions, by its number; fault.NotFound.
func (h *Hosts) Service(ctx context.Context, id string) (Service, error) {
	var r nova.Service
	var err error
	if n, bad := strconv.ParseInt(id, 10, 64); bad == nil {
		r, err = store.NumberedService(ctx, h.DB, n)
	} else {
		r, err = store.Service(ctx, h.DB, id)
	}
	if err != nil {
		return Service{}, err
	}
	return h.withZone(ctx, r)
}

func (h *Hosts) withZone(ctx context.Context, r nova.Service) (Service, error) {
	as, err := store.Aggregates(ctx, h.DB)
	return h.service(r, as), err
}

// Statuses are the status words of hosts' compute services, as servers show them in host_status: UP, DOWN where an
// operator forced the service down, MAINTENANCE where one disabled it, and UNKNOWN where it does not report. A host
// without a service is left out.
func (h *Hosts) Statuses(ctx context.Context, hosts []string) (map[string]string, error) {
	out := make(map[string]string, len(hosts))
	var records []nova.Service
	switch len(hosts) {
	case 0:
		return out, nil
	case 1:
		r, err := store.ServiceOf(ctx, h.DB, hosts[0], nova.BinaryCompute)
		if fault.Is(err, fault.NotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		records = []nova.Service{r}
	default:
		var err error
		if records, err = store.Services(ctx, h.DB, "", nova.BinaryCompute); err != nil {
			return nil, err
		}
	}
	now := h.Now()
	for _, r := range records {
		switch {
		case !slices.Contains(hosts, r.Host):
		case r.ForcedDown:
			out[r.Host] = "DOWN"
		case r.Disabled:
			out[r.Host] = "MAINTENANCE"
		case !r.Up(now, h.DownTime):
			out[r.Host] = "UNKNOWN"
		default:
			out[r.Host] = "UP"
		}
	}
	return out, nil
}

// ServiceOf returns the service of a binary on a host; fault.NotFound.
func (h *Hosts) ServiceOf(ctx context.Context, host, binary string) (Service, error) {
	r, err := store.ServiceOf(ctx, h.DB, host, binary)
	if err != nil {
		return Service{}, err
	}
	return h.withZone(ctx, r)
}

// Decide stores Disabled, DisabledReason and ForcedDown of a service, and makes its agent report at once.
func (h *Hosts) Decide(ctx context.Context, s Service) (Service, error) {
	if !s.Disabled {
		s.DisabledReason = ""
	}
	if err := store.SaveService(ctx, h.DB, &s.Service, h.Now()); err != nil {
		return s, err
	}
	if s.Binary == nova.BinaryCompute {
		// This only saves time: the agent also reports periodically.
		_ = rpcapi.Reconcile.Do(ctx, h.Bus, s.Host, messaging.None{})
	}
	return h.Service(ctx, s.ID)
}

// DeleteService deletes a service. With that of a compute host it deletes the host's hypervisors and removes it from
// aggregates, and enqueues the deletion of its resource providers. A host with servers is fault.Conflict.
func (h *Hosts) DeleteService(ctx context.Context, id string) error {
	s, err := h.Service(ctx, id)
	if err != nil {
		return err
	}
	return h.DB.Tx(ctx, func(tx *db.Tx) error {
		if s.Binary == nova.BinaryCompute {
			vs, err := store.ServersOnHost(ctx, tx, s.Host)
			if err != nil {
				return err
			}
			if len(vs) > 0 {
				return fault.Conflictf(
					"Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
			}
			if err := h.retire(ctx, tx, s.Host); err != nil {
				return err
			}
		}
		return store.DeleteService(ctx, tx, s.ID)
	})
}

// retire deletes the records of a compute host.
func (h *Hosts) retire(ctx context.Context, tx *db.Tx, host string) error {
	nodes, err := store.Nodes(ctx, tx, db.ListArgs{Where: []db.Cond{db.EqTo("host", host)}, Limit: nodesOfHost})
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if h.Queue == nil {
			break
		}
		if _, err := jobs.Retire.Enqueue(ctx, tx, h.Queue, "retire:"+n.ID, jobs.RetireArgs{Host: host,
			Node: n.ID}); err != nil {
			return err
		}
	}
	as, err := store.Aggregates(ctx, tx)
	if err != nil {
		return err
	}
	for _, v := range as {
		i := slices.Index(v.Hosts, host)
		if i < 0 {
			continue
		}
		v.Hosts = slices.Delete(slices.Clone(v.Hosts), i, i+1)
		if _, err := store.SaveAggregate(ctx, tx, v, h.Now()); err != nil {
			return err
		}
	}
	return store.DeleteNodes(ctx, tx, host)
}

// nodesOfHost bounds the nodes that are read of one host, which has one.
const nodesOfHost = 1000

// Node is a hypervisor with its service and the load of its servers.
type Node struct {
	nova.Node
	Service Service
	Load    nova.HostLoad
}

// NodeQuery narrows a list of hypervisors; Pattern is a part of the name.
type NodeQuery struct {
	Pattern, Marker string
	Limit           int
}

// Nodes reads one page in order of number. Nodes without a service are left out.
func (h *Hosts) Nodes(ctx context.Context, q NodeQuery) ([]Node, error) {
	a := db.ListArgs{Sort: []db.SortKey{{Column: "number"}}, Marker: q.Marker, Limit: q.Limit}
	if q.Pattern != "" {
		a.Where = append(a.Where, db.Contains("hypervisor_hostname", q.Pattern))
	}
	nodes, err := store.Nodes(ctx, h.DB, a)
	if err != nil {
		return nil, err
	}
	return h.fill(ctx, nodes)
}

func (h *Hosts) fill(ctx context.Context, nodes []nova.Node) ([]Node, error) {
	services, err := h.Services(ctx, "", nova.BinaryCompute)
	if err != nil {
		return nil, err
	}
	loads, err := store.HostLoads(ctx, h.DB)
	if err != nil {
		return nil, err
	}
	var out []Node
	for _, n := range nodes {
		i := slices.IndexFunc(services, func(s Service) bool { return s.Host == n.Host })
		if i >= 0 {
			out = append(out, Node{n, services[i], loads[n.Host]})
		}
	}
	return out, nil
}

// Node returns a hypervisor by its UUID or, as in old API versions, by its number; fault.NotFound.
func (h *Hosts) Node(ctx context.Context, id string) (Node, error) {
	n, err := h.record(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Node{}, fault.NotFoundf("Hypervisor with ID '%s' could not be found.", id)
	}
	if err != nil {
		return Node{}, err
	}
	s, err := h.ServiceOf(ctx, n.Host, nova.BinaryCompute)
	if fault.Is(err, fault.NotFound) {
		return Node{}, fault.NotFoundf("Hypervisor with ID '%s' could not be found.", id)
	}
	if err != nil {
		return Node{}, err
	}
	load, err := store.HostLoad(ctx, h.DB, n.Host)
	return Node{n, s, load}, err
}

func (h *Hosts) record(ctx context.Context, id string) (nova.Node, error) {
	if number, err := strconv.ParseInt(id, 10, 64); err == nil {
		return store.NumberedNode(ctx, h.DB, number)
	}
	return store.Node(ctx, h.DB, id)
}

// UptimeOf returns the output of uptime(1) on a hypervisor. Faults: NotImplemented if its driver does not support it,
// Unavailable for a host that is down.
func (h *Hosts) UptimeOf(ctx context.Context, n *Node) (string, error) {
	if !n.Service.Up {
		return "", fault.Unavailablef("Compute service of %s is unavailable at this time.", n.Host)
	}
	return h.Uptime(ctx, n.Host)
}

// uptimesAtOnce bounds the hosts that one request asks at the same time.
const uptimesAtOnce = 16

// Uptimes is UptimeOf for several hypervisors, by their UUIDs. A host that does not answer is left out: a list does not
// fail because of one host.
func (h *Hosts) Uptimes(ctx context.Context, nodes []Node) map[string]string {
	var mu sync.Mutex
	found := map[string]string{}
	next := make(chan *Node)
	var wg sync.WaitGroup
	for range min(uptimesAtOnce, len(nodes)) {
		wg.Go(func() {
			for n := range next {
				text, err := h.UptimeOf(ctx, n)
				if err != nil {
					continue
				}
				mu.Lock()
				found[n.ID] = text
				mu.Unlock()
			}
		})
	}
	for i := range nodes {
		next <- &nodes[i]
	}
	close(next)
	wg.Wait()
	return found
}

// Servers lists the servers on a host in order of creation.
func (h *Hosts) Servers(ctx context.Context, host string) ([]nova.Server, error) {
	return store.ServersOnHost(ctx, h.DB, host)
}

// Zone is an availability zone with the services of its hosts.
type Zone struct {
	Name      string
	Available bool // one of its compute hosts is enabled
	Services  []Service
}

// Zones lists the zones of compute hosts by name; with internal also the zone of the other services.
func (h *Hosts) Zones(ctx context.Context, internal bool) ([]Zone, error) {
	services, err := h.Services(ctx, "", "")
	if err != nil {
		return nil, err
	}
	var zones []Zone
	for _, s := range services {
		if s.Zone == nova.InternalZone && !internal {
			continue
		}
		i := slices.IndexFunc(zones, func(z Zone) bool { return z.Name == s.Zone })
		if i < 0 {
			zones, i = append(zones, Zone{Name: s.Zone}), len(zones)
		}
		zones[i].Services = append(zones[i].Services, s)
		zones[i].Available = zones[i].Available || !s.Disabled
	}
	slices.SortFunc(zones, func(a, b Zone) int { return strings.Compare(a.Name, b.Name) })
	return zones, nil
}
