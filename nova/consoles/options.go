package consoles

// VNC is [vnc].
type VNC struct {
	Enabled     bool   `conf:"enabled" default:"true" help:"Give guests a screen that their users reach by VNC."`
	Listen      string `conf:"server_listen" default:"127.0.0.1" help:"The address that the VNC servers of this host's guests listen on. They have no password: an address that others than the proxies reach gives the screens away."`
	ProxyClient string `conf:"server_proxyclient_address" default:"127.0.0.1" help:"The address at which nova-novncproxy reaches the VNC servers of this host."`
	BaseURL     string `conf:"novncproxy_base_url" is:"url" help:"The URL of the page that users are sent to; empty for /vnc_auto.html at the public address of nova-novncproxy."`
	Web         string `conf:"novncproxy_web" default:"/usr/share/novnc" help:"The folder with the files of noVNC, which nova-novncproxy serves. Debian's package novnc has them."`
}

// Serial is [serial_console].
type Serial struct {
	Enabled   bool   `conf:"enabled" default:"false" help:"Give guests that are started from now on a serial console that their users reach, beside its log."`
	PortRange string `conf:"port_range" default:"10000:20000" help:"The ports of this host that serial consoles may have, as first:last."`
	Bind      string `conf:"proxyclient_address" default:"127.0.0.1" help:"The address that serial consoles listen on, and at which nova-serialproxy reaches them. They have no password: an address that others than the proxies reach gives the consoles away."`
	BaseURL   string `conf:"base_url" is:"url" help:"The URL that users' clients connect to; empty for the public address of nova-serialproxy."`
}

// Console is [console].
type Console struct {
	Origins   []string `conf:"allowed_origins" help:"Hosts whose pages may open consoles, beside the host of the proxy itself."`
	Sessions  int      `conf:"max_sessions" default:"1000" min:"1" help:"How many consoles a proxy shows at once."`
	PerServer int      `conf:"max_sessions_per_server" default:"10" min:"1" help:"How many of them are of one server."`
}

// Auth is [consoleauth].
type Auth struct {
	TTL     int  `conf:"token_ttl" default:"600" min:"0" help:"How many seconds a console may be opened with a URL."`
	Enforce bool `conf:"enforce_session_timeout" default:"false" help:"End consoles when their URL expires."`
}
