package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/app"
	"hypernova/oslo/fault"
)

// openstackFile is a file as an installer of OpenStack's writes it.
func openstackFile(name string) string { return filepath.Join("testdata", "openstack", name) }

func TestFilesOfARunningOpenStack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		role    string
		files   []string
		sets    []string
		remarks int
		got     func(c *app.Config) map[string]any
		want    map[string]any
	}{
		{app.RoleNovaAPI, []string{"kolla/nova.conf"}, []string{"database.connection=sqlite://"}, 82,
			func(c *app.Config) map[string]any {
				return map[string]any{"ip": c.Default.MyIP, "log": c.Default.LogFile, "state": c.Default.StatePath,
					"disks": c.Default.InstancesPath,
					"bus":   c.Default.TransportURL, "host": c.Listen.Host, "port": c.Listen.NovaPort, "glance": c.Listen.Glance,
					"metadata": c.Default.MetadataSecret, "user": c.Authtoken.Username, "jobs": c.Conductor.Workers,
					"tries":   c.Scheduler.MaxAttempts,
					"machine": c.Libvirt.Machine, "quorum": c.Rabbit.Quorum, "cpu": c.Default.CPURatio, "driver": c.Default.Driver}
			}, map[string]any{"ip": "192.0.2.11", "log": "/var/log/kolla/nova/nova-api.log", "state": "/var/lib/nova",
				"disks": "/var/lib/nova/instances",
				"bus":   "rabbit://openstack:secret@192.0.2.11:5672,openstack:secret@192.0.2.12:5672//",
				"host":  "192.0.2.11", "port": 8774, "glance": "http://192.0.2.10:9292", "metadata": "sharedsecret", "user": "nova",
				"jobs":  128,
				"tries": 10, "machine": "q35", "quorum": true, "cpu": 8.0, "driver": "libvirt.LibvirtDriver"}},
		{app.RoleNeutron, []string{"debian/neutron.conf", "debian/ml2_conf.ini"}, nil, 29,
			func(c *app.Config) map[string]any {
				return map[string]any{"db": c.Database.Connection, "host": c.Listen.Host, "port": c.Listen.NeutronPort,
					"mech":  strings.Join(c.ML2.Mechanisms, ","),
					"types": strings.Join(c.ML2.Types, ","), "tenant": strings.Join(c.ML2.TenantTypes, ","),
					"vlan": strings.Join(c.VLAN.Ranges, ","),
					"vni":  strings.Join(c.VXLAN.Ranges, ","), "networks": c.NeutronQuotas.Network, "ports": c.NeutronQuotas.Port}
			}, map[string]any{"db": "postgresql://neutron:secret@controller/neutron", "host": "0.0.0.0", "port": 9696,
				"mech":  "bridge",
				"types": "flat,vlan,vxlan", "tenant": "vxlan", "vlan": "provider:100:200", "vni": "1:1000", "networks": 50,
				"ports": -1}},
		{app.RoleNetAgent, []string{"debian/linuxbridge_agent.ini", "debian/metadata_agent.ini"}, nil, 4,
			func(c *app.Config) map[string]any {
				return map[string]any{"ip": c.NetAgent.LocalIP.String(), "metadata": c.Listen.Metadata,
					"secret": c.Default.MetadataSecret}
			}, map[string]any{"ip": "192.0.2.31", "metadata": "http://controller:8775", "secret": "sharedsecret"}},
		{app.RoleGlance, []string{"devstack/glance-api.conf"}, nil, 14, func(c *app.Config) map[string]any {
			return map[string]any{"db": c.Database.Connection, "port": c.Listen.GlancePort, "debug": c.Default.Debug,
				"stores": c.Image.Backends,
				"dir":    c.ImageStores["fast"].Dir, "default": c.GlanceStore.Backend,
				"methods": strings.Join(c.Image.Methods, ","),
				"cap":     c.Image.SizeCap,
				"quota":   c.Image.ProjectCap, "formats": strings.Join(c.Image.DiskFormats,
					","), "cors": strings.Join(c.CORS.Origins, ","), "keystone": c.Authtoken.AuthURL}
		}, map[string]any{"db": "sqlite:////opt/stack/data/glance/{service}.sqlite", "port": 9292, "debug": true,
			"stores": map[string]string{"robust": "file", "fast": "file"}, "dir": "/opt/stack/data/glance/fast/",
			"default": "robust",
			"methods": "glance-direct,web-download", "cap": int64(5368709120), "quota": int64(10 << 30),
			"formats": "qcow2,raw,iso",
			"cors":    "http://192.0.2.5", "keystone": "http://192.0.2.5/identity"}},
		{app.RoleKeystone, []string{"ansible/keystone.conf"}, nil, 17, func(c *app.Config) map[string]any {
			return map[string]any{"db": c.Database.Connection, "log": c.Default.LogFile, "url": c.Listen.Keystone,
				"keys":   c.FernetTokens.Repository,
				"active": c.FernetTokens.MaxActive, "domains": c.Keystone.DomainDrivers, "life": c.Token.Lifetime.String(),
				"dashboards": strings.Join(c.Federation.Dashboards, " "), "policy": c.Policy.File, "lock": c.Security.Attempts}
		}, map[string]any{"db": "sqlite:////var/lib/keystone/{service}.db", "log": "/var/log/keystone/keystone.log",
			"url":  "https://cloud.example.org:5000",
			"keys": "/etc/keystone/fernet-keys", "active": 7, "domains": true, "life": "12h0m0s",
			"dashboards": "https://cloud.example.org/auth/websso/ https://other.example.org/auth/websso/",
			"policy":     "policy.yaml", "lock": 6}},
		{app.RolePlacement, []string{"ansible/placement.conf"}, nil, 6, func(c *app.Config) map[string]any {
			return map[string]any{"db": c.Database.Connection, "user": c.Authtoken.Username}
		}, map[string]any{"db": "postgresql://placement:secret@192.0.2.10:5432/placement", "user": "placement"}},
	} {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			var files []string
			for _, f := range tt.files {
				files = append(files, openstackFile(f))
			}
			c := app.Defaults()
			if err := c.LoadFor([]string{tt.role}, files, nil, tt.sets); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.got(&c), tt.want); diff != "" {
				t.Errorf("got, want:\n%s", diff)
			}
			if len(c.Remarks()) != tt.remarks {
				t.Errorf("got %d remarks, want %d:\n%s", len(c.Remarks()), tt.remarks, strings.Join(c.Remarks(), "\n"))
			}
		})
	}
}

func TestMistakesInFilesOfOpenStack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, text, want string }{
		{"a misspelt option of this cloud's", "nova.conf", "[DEFAULT]\nmy_ipp = 192.0.2.1\n",
			`[DEFAULT] has no option "my_ipp"; did you mean my_ip?`},
		{"a misspelt option of OpenStack's alone", "nova.conf", "[vnc]\nserver_lisen = ::\n",
			`[vnc] has no option "server_lisen"; did you mean server_listen?`},
		{"another service's option", "glance-api.conf", "[DEFAULT]\nosapi_compute_workers = 2\n",
			`[DEFAULT] has no option "osapi_compute_workers"`},
		{"MySQL", "nova.conf", "[database]\nconnection = mysql+pymysql://nova:secret@db/nova\n",
			"does not keep its data in mysql"},
		{"another way to log in", "neutron.conf", "[keystone_authtoken]\nauth_type = v3applicationcredential\n",
			"the only way in which services of this cloud log in is password"},
		{"a section that nobody has", "neutron.conf", "[databse]\nconnection = x\n", "there is no section [databse]; did " +
			"you mean [database]?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(f, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := app.Defaults()
			err := app.Load(&c, []string{f}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the message has a password: %v", err)
			}
		})
	}
}

func TestOneProcessWithFilesOfServicesThatDisagree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "nova.conf"), filepath.Join(dir, "neutron.conf"),
		filepath.Join(dir, "hypernova.conf")}
	for i, text := range []string{"[DEFAULT]\nmy_ip = 192.0.2.1\ndebug = true\n", "[DEFAULT]\nmy_ip = 192.0.2.2\ndebug " +
		"= true\n", "[DEFAULT]\nmy_ip = 192.0.2.3\n"} {
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := app.Defaults()
	if err := app.Load(&c, files[:2], nil, nil); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), files[0]+":2 says otherwise") {
		t.Errorf("got %v, want both places", err)
	}
	if err := app.Load(&c, files, nil, nil); err != nil || c.Default.MyIP != "192.0.2.3" || !c.Default.Debug {
		t.Errorf("got %v, %s, %v; a file of this cloud's own has the last word", err, c.Default.MyIP, c.Default.Debug)
	}
}

// Each service starts on its file, with the places of its data and its bus in this test's own folder.
func TestServicesStartOnTheirFiles(t *testing.T) {
	t.Parallel()
	for role, file := range map[string]string{app.RoleKeystone: "ansible/keystone.conf",
		app.RolePlacement: "ansible/placement.conf",
		app.RoleGlance:    "devstack/glance-api.conf", app.RoleNeutron: "debian/neutron.conf",
		app.RoleNovaAPI: "kolla/nova.conf"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sets := []string{"DEFAULT.state_path=" + dir, "DEFAULT.transport_url=inproc:", "DEFAULT.log_file=",
				"database.connection=sqlite://",
				"listen.bind_host=127.0.0.1", "listen.port_base=0", "listen.keystone_port=-1", "listen.glance_port=-1",
				"listen.neutron_port=-1",
				"listen.nova_port=-1", "listen.metadata_port=-1", "fernet_tokens.key_repository=", "credential.key_repository=",
				"identity.domain_specific_drivers_enabled=false", "image.image_cache_dir="}
			if role == app.RoleGlance {
				sets = append(sets, "robust.filesystem_store_datadir="+dir+"/robust", "fast.filesystem_store_datadir="+dir+"/fast")
			}
			c := app.Defaults()
			if err := c.LoadFor([]string{role}, []string{openstackFile(file)}, nil, sets); err != nil {
				t.Fatal(err)
			}
			p, err := app.New(t.Context(), c, app.Options{Roles: []string{role}})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
