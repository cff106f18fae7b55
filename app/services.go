package app

import (
	"context"
	"io/fs"
	"slices"

	"hypernova/app/audit"
	glanceapi "hypernova/glance/api"
	glancestore "hypernova/glance/store"
	keystoneapi "hypernova/keystone/api"
	keystonestore "hypernova/keystone/store"
	"hypernova/neutron/agentserver"
	neutronapi "hypernova/neutron/api"
	neutronrpc "hypernova/neutron/rpcapi"
	neutronstore "hypernova/neutron/store"
	novaapi "hypernova/nova/api"
	"hypernova/nova/compute"
	"hypernova/nova/conductor"
	novarpc "hypernova/nova/rpcapi"
	novastore "hypernova/nova/store"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/messaging"
	"hypernova/oslo/middleware"
	"hypernova/oslo/policy"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	placementapi "hypernova/placement/api"
	placementstore "hypernova/placement/store"
)

// Names of the APIs: in [listen], logs, socket units and Process.Endpoint.
const (
	apiKeystone  = "keystone"
	apiGlance    = "glance"
	apiPlacement = "placement"
	apiNova      = "nova"
	apiMetadata  = "nova-metadata"
	apiNeutron   = "neutron"

	apiNoVNCProxy  = "nova-novncproxy"
	apiSerialProxy = "nova-serialproxy"
	apiSPICEProxy  = "nova-spicehtml5proxy"
)

// serviceRow is one service of the cloud. Endpoints, the catalog, databases, dumps, checks, roles, test clouds and
// systemd units derive from these rows.
type serviceRow struct {
	name string // OpenStack's name of the project: the database, the policy file
	kind string // the type in the catalog
	path string // what follows the endpoint in the catalog: the version of the API

	roles []role
	apis  []apiRow // the first is the one in the catalog
	tables

	operations func() []api.Operation
	rules      func() []*policy.Rule
	rpc        []*messaging.API
	periodic   func() []service.Periodic // tasks of its managers; only their names are used

	quotas *quotas // nil: it keeps no quotas of projects
	facts  *facts  // nil: hypernova check has nothing to ask it
}

// apiRow is an API that listens.
type apiRow struct {
	name   string
	title  string // for units: "image API"
	role   string // the role that serves it
	usual  int    // OpenStack's port
	offset int    // its place after [listen] port_base; unique among all APIs and the bus
	// option begins the names of the API's own options in [listen]; options reads them. Empty and nil: it has none.
	option  string
	options func(*Listen) (endpoint string, port int)
	// cors are the headers for scripts of other web sites unless [cors] says otherwise; nil: the API never answers them.
	cors     *middleware.CORS
	corsOnly bool // only where [cors] allowed_origin is set
	health   bool // it has /healthcheck
}

// tables are a service's database.
type tables struct {
	keeper     string // the role that deletes what has ended, and measures the tables
	migrations []migrations
	ends       []db.End // how the rows of each table end
	lists      []*db.Set
	// essential are tables that hypernova check must read in full: with a row left out, sound things look orphaned.
	essential []string
	// sync brings the tables up to date and makes what else the service needs before it starts, such as keys.
	sync func(context.Context, *Process) error
}

// migrations are those of one package; a database may hold tables of several.
type migrations struct {
	owner string
	files fs.FS
}

// quotas are what projects have been given apart from the defaults.
type quotas struct {
	projects func(context.Context, *Process) ([]string, error)
	drop     func(ctx context.Context, p *Process, project string) error
}

// facts are what a service says to hypernova check. Services are asked in reverse order of the table, so that
// compute, which uses the others, is asked first.
type facts struct {
	subject string // what is unknown if collect fails: "ports and network agents"
	collect func(context.Context, *checker, *audit.Facts) error
	// unknown marks the facts as unknown, so that nothing is concluded from their absence; nil: nothing ever is.
	unknown func(*audit.Facts)
	// again is called when all services have answered; nil: nothing is.
	again func(context.Context, *checker, *audit.Facts) error
}

// services are all services in start order.
func services() []serviceRow {
	return []serviceRow{keystoneRow(), placementRow(), glanceRow(), neutronRow(), novaRow()}
}

// Names that stand for several roles, in the rows of roles.
func controlPlane() []string { return []string{"controller", "all"} }
func computeHost() []string  { return []string{"compute", "all"} }
func networkHost() []string  { return []string{"network", "compute", "all"} }

func keystoneRow() serviceRow {
	return serviceRow{
		name: "keystone", kind: "identity", path: "/v3",
		roles: []role{{RoleKeystone, "the identity API", "identity API", controlPlane(), buildKeystone}},
		apis: []apiRow{{
			name: apiKeystone, title: "identity API", role: RoleKeystone, usual: 5000, offset: 0,
			option:  "keystone",
			options: func(l *Listen) (string, int) { return l.Keystone, l.KeystonePort },
			cors:    keystoneCORS(), health: true,
		}},
		tables: tables{
			keeper:     RoleKeystone,
			migrations: []migrations{{"keystone", keystonestore.Migrations()}},
			ends:       keystonestore.Ends(),
			lists:      []*db.Set{keystonestore.Statements},
			sync:       func(ctx context.Context, p *Process) error { _, err := p.keystone.operations(ctx); return err },
		},
		operations: func() []api.Operation { return api.Describe(keystoneapi.Resources()...) },
		rules:      keystoneapi.Rules,
		facts:      &facts{subject: "credentials", collect: credentialFacts},
	}
}

func placementRow() serviceRow {
	return serviceRow{
		name: "placement", kind: "placement",
		roles: []role{{RolePlacement, "the placement API", "placement API", controlPlane(), buildPlacement}},
		apis: []apiRow{{
			name: apiPlacement, title: "placement API", role: RolePlacement, usual: 8778, offset: 2,
			option:  "placement",
			options: func(l *Listen) (string, int) { return l.Placement, l.PlacementPort },
			cors:    &middleware.CORS{}, corsOnly: true,
		}},
		tables: tables{
			keeper:     RolePlacement,
			migrations: []migrations{{"placement", placementstore.Migrations()}},
			ends:       placementstore.Ends(),
			lists:      []*db.Set{placementstore.Statements},
			sync:       func(ctx context.Context, p *Process) error { _, err := p.placement.operations(ctx); return err },
		},
		operations: func() []api.Operation { return api.Describe(placementapi.Resources()...) },
		rules:      placementapi.Rules,
		facts: &facts{subject: "allocations", collect: allocationFacts,
			unknown: func(f *audit.Facts) { f.NoClaims = true }},
	}
}

func glanceRow() serviceRow {
	return serviceRow{
		name: "glance", kind: "image",
		roles: []role{{RoleGlance, "the image API", "image API", controlPlane(), buildGlance}},
		apis: []apiRow{{
			name: apiGlance, title: "image API", role: RoleGlance, usual: 9292, offset: 1,
			option:  "glance",
			options: func(l *Listen) (string, int) { return l.Glance, l.GlancePort },
			cors:    glanceCORS(), health: true,
		}},
		tables: tables{
			keeper:     RoleGlance,
			migrations: []migrations{{"glance", glancestore.Migrations()}, {"tasks", tasks.Migrations()}},
			ends:       slices.Concat(glancestore.Ends(), tasks.Ends()),
			lists:      []*db.Set{glancestore.Statements(), tasks.Statements()},
			sync:       func(ctx context.Context, p *Process) error { _, err := p.glance.operations(ctx); return err },
		},
		operations: func() []api.Operation { return api.Describe(glanceapi.Resources()...) },
		rules:      glanceapi.Rules,
		facts: &facts{subject: "images of shelved servers", collect: imageFacts,
			unknown: func(f *audit.Facts) { f.NoImages = true }},
	}
}

func neutronRow() serviceRow {
	return serviceRow{
		name: "neutron", kind: "network",
		roles: []role{
			{RoleNeutron, "the network API", "network API", controlPlane(), buildNeutron},
			{RoleNetAgent, "wires the ports of its host, answers DHCP and metadata", "network agent", networkHost(),
				buildNetAgent},
		},
		apis: []apiRow{{
			name: apiNeutron, title: "network API", role: RoleNeutron, usual: 9696, offset: 5,
			option:  "neutron",
			options: func(l *Listen) (string, int) { return l.Neutron, l.NeutronPort },
			cors:    neutronCORS(), health: true,
		}},
		tables: tables{
			keeper:     RoleNeutron,
			migrations: []migrations{{"neutron", neutronstore.Migrations()}},
			ends:       neutronstore.Ends(),
			lists:      []*db.Set{neutronstore.Stmts},
			essential:  []string{"ports"},
			sync:       func(ctx context.Context, p *Process) error { _, err := p.neutron.operations(ctx); return err },
		},
		operations: func() []api.Operation { return api.Describe(neutronapi.Resources()...) },
		rules:      neutronapi.Rules,
		rpc:        []*messaging.API{neutronrpc.Plugin, neutronrpc.Agent},
		periodic:   func() []service.Periodic { return new(agentserver.Server).Manager("").Periodic },
		quotas:     networkQuotas(),
		facts: &facts{subject: "ports and network agents", collect: portFacts,
			unknown: func(f *audit.Facts) { f.NoPorts = true }},
	}
}

func novaRow() serviceRow {
	return serviceRow{
		name: "nova", kind: "compute", path: "/v2.1",
		roles: []role{
			{RoleScheduler, "chooses hosts for servers", "scheduler", controlPlane(), buildScheduler},
			{RoleConductor, "works the long jobs of compute", "conductor", controlPlane(), buildConductor},
			{RoleNovaAPI, "the compute API and the metadata service", "compute API", controlPlane(), buildNovaAPI},
			{RoleNoVNCProxy, "shows servers' screens in browsers", "screen proxy", controlPlane(), buildNoVNCProxy},
			{RoleSPICEProxy, "shows servers' screens by SPICE in browsers", "SPICE proxy", controlPlane(), buildSPICEProxy},
			{RoleSerialProxy, "carries servers' serial consoles", "serial console proxy", controlPlane(), buildSerialProxy},
			{RoleCompute, "runs the servers of its host", "compute agent", computeHost(), buildCompute},
		},
		apis: []apiRow{{
			name: apiNova, title: "compute API", role: RoleNovaAPI, usual: 8774, offset: 3,
			option:  "nova",
			options: func(l *Listen) (string, int) { return l.Nova, l.NovaPort },
			cors:    novaCORS(),
		}, {
			name: apiMetadata, title: "metadata API", role: RoleNovaAPI, usual: 8775, offset: 4,
			option:  "metadata",
			options: func(l *Listen) (string, int) { return l.Metadata, l.MetadataPort },
		}, {
			name: apiNoVNCProxy, title: "screen proxy", role: RoleNoVNCProxy, usual: 6080, offset: 7,
			option:  "novncproxy",
			options: func(l *Listen) (string, int) { return l.NoVNCProxy, l.NoVNCProxyPort },
		}, {
			name: apiSerialProxy, title: "serial console proxy", role: RoleSerialProxy, usual: 6083, offset: 8,
			option:  "serialproxy",
			options: func(l *Listen) (string, int) { return l.SerialProxy, l.SerialProxyPort },
		}, {
			name: apiSPICEProxy, title: "SPICE proxy", role: RoleSPICEProxy, usual: 6082, offset: 9,
			option:  "spicehtml5proxy",
			options: func(l *Listen) (string, int) { return l.SPICEProxy, l.SPICEProxyPort },
		}},
		tables: tables{
			keeper:     RoleConductor,
			migrations: []migrations{{"nova", novastore.Migrations()}, {"tasks", tasks.Migrations()}},
			ends:       slices.Concat(novastore.Ends(), tasks.Ends()),
			lists:      []*db.Set{novastore.Statements(), tasks.Statements()},
			essential:  []string{"tasks", "services"},
			sync:       func(ctx context.Context, p *Process) error { _, err := p.nova.base(ctx); return err },
		},
		operations: func() []api.Operation { return api.Describe(novaapi.Resources()...) },
		rules:      novaapi.Rules,
		rpc:        []*messaging.API{novarpc.Conductor, novarpc.Scheduler, novarpc.Compute},
		periodic: func() []service.Periodic {
			return slices.Concat([]service.Periodic{{Name: compute.WatchTask}}, new(conductor.Conductor).Manager("").Periodic,
				compute.New(compute.Config{}, compute.Deps{}).Manager().Periodic)
		},
		quotas: computeQuotas(),
		facts: &facts{subject: "servers and their tasks", collect: serverFacts, again: taskFacts,
			unknown: func(f *audit.Facts) { f.NoNova = true }},
	}
}

// parts is what this process has put together of each service, for the roles and commands that use it. Each part is
// made when it is asked for first.
type parts struct {
	keystone  *keystoneParts
	placement *placementParts
	glance    *glanceParts
	neutron   *neutronParts
	nova      *novaParts
}

func newParts(p *Process) parts {
	return parts{&keystoneParts{p: p}, &placementParts{p: p}, &glanceParts{p: p}, &neutronParts{p: p}, &novaParts{p: p}}
}

// Service is a service of the cloud for commands and tests.
type Service struct {
	Name string   // "glance"
	Type string   // its type in the catalog: "image"
	Path string   // what follows its endpoint in the catalog: "/v3"
	APIs []string // names for Process.Endpoint; the first is the one in the catalog
}

// Services lists the services in the order of their ports, which is that of the catalog.
func Services() []Service {
	rows := services()
	slices.SortFunc(rows, func(a, b serviceRow) int { return a.apis[0].offset - b.apis[0].offset })
	var out []Service
	for _, r := range rows {
		s := Service{Name: r.name, Type: r.kind, Path: r.path}
		for _, a := range r.apis {
			s.APIs = append(s.APIs, a.name)
		}
		out = append(out, s)
	}
	return out
}

// apis are the APIs of all services in the order of their ports.
func apis() []apiRow {
	var out []apiRow
	for _, s := range services() {
		out = append(out, s.apis...)
	}
	slices.SortFunc(out, func(a, b apiRow) int { return a.offset - b.offset })
	return out
}

// apiOf finds an API by its name.
func apiOf(name string) (apiRow, bool) {
	all := apis()
	i := slices.IndexFunc(all, func(a apiRow) bool { return a.name == name })
	if i < 0 {
		return apiRow{}, false
	}
	return all[i], true
}

// serviceOf finds a service by its name, which must exist.
func serviceOf(name string) serviceRow {
	all := services()
	return all[slices.IndexFunc(all, func(s serviceRow) bool { return s.name == name })]
}
