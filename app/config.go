package app

import (
	"os"
	"slices"
	"strings"
	"time"

	"hypernova/app/openstack"
	"hypernova/glance/images"
	glancetasks "hypernova/glance/tasks"
	"hypernova/keystone/credential"
	"hypernova/keystone/delegation"
	"hypernova/keystone/federation"
	"hypernova/keystone/identity"
	"hypernova/keystone/ldapidentity"
	"hypernova/keystone/limit"
	"hypernova/keystone/oidc"
	"hypernova/keystone/token"
	"hypernova/neutron/agent"
	"hypernova/neutron/ml2"
	"hypernova/neutron/quota"
	novaapi "hypernova/nova/api"
	"hypernova/nova/api/proxies"
	"hypernova/nova/conductor"
	"hypernova/nova/consoles"
	novaquota "hypernova/nova/quota"
	"hypernova/nova/scheduler"
	"hypernova/nova/virt"
	"hypernova/nova/virt/fake"
	"hypernova/nova/virt/libvirt"
	"hypernova/oslo/conf"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/rabbit"
	"hypernova/oslo/middleware"
)

// Config is every option of every service: a section per field. One file serves a process with all roles and a
// process with one; a role reads the sections it needs. Sections and options that OpenStack has keep its names.
type Config struct {
	Default        Default                   `section:"DEFAULT" help:"What the services of a host share."`
	Listen         Listen                    `section:"listen" help:"Where the APIs listen, and by which addresses clients reach them."`
	Rabbit         rabbit.Config             `section:"oslo_messaging_rabbit" help:"The message bus where it is RabbitMQ."`
	NATS           nats.Config               `section:"nats" help:"The message bus where it is NATS."`
	Database       Database                  `section:"database" help:"Where the services keep their data. Each service has a database of its own."`
	Authtoken      Authtoken                 `section:"keystone_authtoken" help:"How services of this process reach an identity service that runs in another, and who they are to it."`
	Keystone       Keystone                  `section:"identity" help:"Users, passwords and the first administrator."`
	Security       identity.SecurityOptions  `section:"security_compliance" help:"Protection of passwords."`
	Token          token.Config              `section:"token" help:"Tokens."`
	OIDC           oidc.Config               `section:"oidc" help:"Logins by OpenID Connect."`
	Federation     federation.Options        `section:"federation" help:"Users whom identity providers vouch for."`
	FernetTokens   token.KeyOptions          `section:"fernet_tokens" help:"The keys that tokens are sealed with."`
	AppCredentials delegation.AppCredentials `section:"application_credential" help:"What programs act for users with."`
	Trusts         delegation.Trusts         `section:"trust" help:"What users delegate to each other."`
	Credentials    credential.Options        `section:"credential" help:"What users keep beside their passwords."`
	UnifiedLimit   limit.Options             `section:"unified_limit" help:"Limits that identity keeps for the other services."`
	Policy         Policy                    `section:"oslo_policy" help:"Who may do what."`
	CORS           middleware.CORS           `section:"cors" help:"Which web sites' scripts may use the APIs."`
	Health         middleware.Health         `section:"healthcheck" help:"What /healthcheck of the identity, image and network APIs answers to load balancers."`
	Conductor      conductor.Options         `section:"conductor" help:"The workers of long jobs: build, delete, power."`
	Libvirt        libvirt.Config            `section:"libvirt" help:"The libvirt driver."`
	ImageCache     virt.CacheOptions         `section:"image_cache" help:"Images that a host keeps for the servers that are built from them next."`
	Fake           fake.Config               `section:"fake" help:"The fake driver: a pretended host, for tests of clients and of the cloud itself."`
	Scheduler      conductor.Scheduling      `section:"scheduler" help:"Choosing hosts."`
	Filter         scheduler.Config          `section:"filter_scheduler" help:"The filters and weighers that choose hosts."`
	NovaAPI        novaapi.Options           `section:"api" help:"The compute API."`
	NovaNetworks   proxies.Options           `section:"neutron" help:"Compute's use of networking."`
	VNC            consoles.VNC              `section:"vnc" help:"Screens of servers."`
	SPICE          consoles.SPICE            `section:"spice" help:"Screens of servers by SPICE."`
	Serial         consoles.Serial           `section:"serial_console" help:"Serial consoles of servers."`
	Console        consoles.Console          `section:"console" help:"The proxies of consoles."`
	ConsoleAuth    consoles.Auth             `section:"consoleauth" help:"The tokens of consoles."`
	Quota          novaquota.Options         `section:"quota" help:"What a project may have of compute unless its own quota says otherwise; -1 is unlimited."`
	Image          images.Options            `section:"image" help:"Bounds of images."`
	ImageFormat    images.FormatOptions      `section:"image_format" help:"How image data is compared with what is said of it."`
	ImageTask      glancetasks.Options       `section:"task" help:"The log of imports."`
	GlanceStore    images.DefaultStore       `section:"glance_store" help:"Where image data is kept."`
	ImportFilter   images.ImportFilter       `section:"import_filtering_opts" help:"Where images may be fetched from."`
	RegionDownload images.RegionDownload     `section:"glance_download_properties" help:"What comes with an image from another region."`
	NeutronQuotas  quota.Config              `section:"QUOTAS" help:"What a project may have of networking unless its own quota says otherwise; -1 is unlimited."`
	ML2            ml2.Drivers               `section:"ml2" help:"Network types and mechanisms."`
	VXLAN          ml2.VXLAN                 `section:"ml2_type_vxlan" help:"Overlay networks."`
	VLAN           ml2.VLAN                  `section:"ml2_type_vlan" help:"VLAN networks."`
	Flat           ml2.Flat                  `section:"ml2_type_flat" help:"Flat networks."`
	NetAgent       agent.Config              `section:"AGENT" help:"The network agent of a host."`
	LinuxBridge    agent.Physical            `section:"linux_bridge" help:"How hosts are connected to physical networks."`
	Seed           Seed                      `section:"bootstrap" help:"What the first start of a cloud creates. Everything is created once and left alone afterwards."`

	ownerIs uint32   // the mark of a cloud whose state folder had another name; 0: what follows from the folder
	files   []string // what was read, in order
	remarks []string // on options of OpenStack's in them

	ImageStores map[string]*images.StoreOptions `sections:"image.enabled_backends" help:"A store of image data, named in [image] enabled_backends."`
}

// Default is [DEFAULT].
type Default struct {
	Host         string        `conf:"host" help:"This host's name, unique in the cloud. Services are known by it; it must not change while servers live here."`
	MyIP         string        `conf:"my_ip" help:"The address by which other hosts reach this one."`
	StatePath    string        `conf:"state_path" default:"/var/lib/hypernova" help:"The folder that everything kept on this host goes below."`
	TransportURL string        `conf:"transport_url" default:"inproc:" is:"url" secret:"url" help:"The message bus. inproc: joins the services of one process; nats://user:password@host:port and rabbit://user:password@host:port/vhost join processes and hosts; of several hosts of a broker, separated by commas, one that answers is used."`
	EmbedBus     bool          `conf:"embed_bus" default:"false" help:"Serve the NATS bus of transport_url from this process, so that other hosts join with nothing else installed."`
	Debug        bool          `conf:"debug" default:"false" help:"Log what helps to find a fault, too."`
	LogFile      string        `conf:"log_file" help:"The file that log lines are appended to; empty for standard error."`
	UseJSON      bool          `conf:"use_json" default:"false" help:"Write log lines as JSON."`
	Report       time.Duration `conf:"report_interval" default:"10" min:"0.05" max:"3600" help:"How often a service says that it is alive."`
	Down         time.Duration `conf:"service_down_time" default:"60" min:"0.1" max:"86400" help:"A service not heard of for this long is down. At least twice report_interval."`
	Grace        time.Duration `conf:"graceful_shutdown_timeout" default:"60" min:"0" max:"3600" help:"How long a service that is told to end may take to finish what it is doing."`

	Pprof         string `conf:"pprof_listen" help:"Where this process serves profiles of itself (CPU, memory, goroutines) at /debug/pprof/, without authentication; empty: nowhere. unix is the socket pprof/PID.sock in state_path, which only root and the user of the process can use. host:port needs a loopback address, which all users of the host can use."`
	PprofAnywhere bool   `conf:"pprof_any_address" default:"false" help:"Let pprof_listen be an address that other hosts reach."`

	DisabledTasks []string `conf:"disabled_periodic_tasks" help:"Names of periodic tasks that shall not run, as the log and the state report name them. An unknown name is refused with the list of those that there are."`

	Compute
	Network
}

// Network are the options of networking in [DEFAULT].
type Network = ml2.Shared

// Keystone is [identity].
type Keystone struct {
	identity.Hashing
	ldapidentity.DomainOptions
}

// Database is [database].
type Database struct {
	Connection string `conf:"connection" default:"sqlite:///$state_path/{service}.db" secret:"url" help:"URL of the databases; {service} stands for keystone, placement, glance, nova or neutron. sqlite:///path/{service}.db keeps files, sqlite:// keeps memory only, postgresql://user:password@host/hypernova_{service} uses PostgreSQL, where \"hypernova db sync\" creates those that are missing if the role may."`
	Sync       bool   `conf:"sync_on_start" default:"true" help:"Bring the schema up to date when a service starts. With false, run \"hypernova db sync\" before an upgrade."`

	PurgeAfter int `conf:"purge_deleted_after" default:"90" min:"0" max:"36500" help:"Days after which the services delete from their databases what has ended: deleted servers with their actions, trusts that have expired. 0 leaves that to \"hypernova db purge\" and \"hypernova db archive\"."`

	Retries       int           `conf:"max_retries" default:"10" min:"-1" help:"How often a service that starts tries to reach its database before it gives up; -1 does not give up. The log says each time what is wrong and what cures it."`
	RetryInterval time.Duration `conf:"retry_interval" default:"10" min:"0.25" max:"3600" help:"The longest time between two tries; the first ones follow sooner."`
}

// Authtoken is [keystone_authtoken].
type Authtoken struct {
	AuthURL       string `conf:"auth_url" is:"url" help:"The identity API; empty for the one at [listen] public_host."`
	Username      string `conf:"username" default:"hypernova" help:"The user that services are. Bootstrap creates it."`
	Password      string `conf:"password" secret:"true" help:"Its password."`
	Project       string `conf:"project_name" default:"service" help:"Its project."`
	UserDomain    string `conf:"user_domain_name" default:"Default" help:"The domain of the user."`
	ProjectDomain string `conf:"project_domain_name" default:"Default" help:"The domain of the project."`
}

// Policy is [oslo_policy].
type Policy struct {
	File string `conf:"policy_file" help:"A YAML file with rules that replace the defaults; {service} stands for the service's name. A file that is not there is no error: the defaults hold. SIGHUP reads it again."`

	Dirs        []string `conf:"policy_dirs" multi:"true" help:"Folders whose files are read after policy_file, in the order of their names. A name that is not a full path is looked for beside the configuration files, as that of policy_file is."`
	Scope       bool     `conf:"enforce_scope" default:"true" help:"Refuse tokens of a scope (project, domain, system) that a rule is not for, whatever the rule's check says."`
	NewDefaults bool     `conf:"enforce_new_defaults" default:"true" help:"With false, rules that no file replaces also let pass what the defaults of OpenStack's older releases let pass."`
}

// Seed is [bootstrap].
type Seed struct {
	AdminPassword string `conf:"admin_password" secret:"true" help:"The password of the user admin at the first start; empty makes a random one, kept in state_path."`
	DemoPassword  string `conf:"demo_password" secret:"true" help:"The password of the user demo at the first start; empty makes a random one, kept in state_path."`
	Region        string `conf:"region" default:"RegionOne" help:"The region that the endpoints are in."`
	Image         string `conf:"image" default:"$state_path/guest.qcow2" help:"A disk image that the first start uploads as \"guest\", if the file is there."`
	DemoCIDR      string `conf:"demo_cidr" default:"10.0.0.0/24" help:"The addresses of the demo network."`
	ExternalCIDR  string `conf:"external_cidr" default:"172.24.4.0/24" help:"The addresses of the external network public, which hypernova up makes for floating addresses; its first address is this machine's. Empty makes none."`
	DemoDNS       string `conf:"demo_dns" help:"The name servers that the demo network announces, separated by commas."`
}

// Defaults is a configuration with the values that depend on this machine; everything else comes from the options'
// declarations.
func Defaults() Config {
	var c Config
	c.Default.Host = hostName()
	c.Default.MyIP = outwardAddress()
	return c
}

// Load reads the configuration from files, environment and single settings, and checks what no single option can know.
func Load(c *Config, files, env, sets []string) error { return c.LoadFor(nil, files, env, sets) }

// LoadFor is Load for a process with roles (none: any), whose files may be those of OpenStack's services. Remarks
// tells what was made of them.
func (c *Config) LoadFor(roles []string, files, env, sets []string) error {
	var role string
	if len(roles) == 1 {
		role = roles[0]
	}
	remarks, err := conf.LoadFrom(c, conf.Sources{Files: files, Env: env, Sets: sets,
		Foreign: openstack.NewReader(servicesOf(roles), role, conf.Options(new(Config)))})
	if err != nil {
		return err
	}
	c.remarks = remarks
	c.files = files
	return c.check()
}

// Remarks are what an operator shall know of the files that were read, a sentence for each option that has no effect,
// or another one.
func (c *Config) Remarks() []string { return c.remarks }

// servicesOf are OpenStack's services that roles are of.
func servicesOf(roles []string) []string {
	var out []string
	for _, r := range roles {
		s, _, _ := strings.Cut(r, "-")
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func hostName() string {
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "localhost"
}
