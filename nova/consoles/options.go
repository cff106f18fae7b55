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

// SPICE is [spice].
type SPICE struct {
	Enabled     bool   `conf:"enabled" default:"false" help:"Give guests that are started from now on a screen that their users reach by SPICE, beside that by VNC or in its place."`
	Agent       bool   `conf:"agent_enabled" default:"true" help:"Give these guests a channel to the SPICE agent in them, for the pointer, the clipboard and the size of the screen."`
	Listen      string `conf:"server_listen" default:"127.0.0.1" help:"The address that the SPICE servers of this host's guests listen on. They have no password: an address that others than the proxies reach gives the screens away."`
	ProxyClient string `conf:"server_proxyclient_address" default:"127.0.0.1" help:"The address at which proxies reach the SPICE servers of this host."`
	BaseURL     string `conf:"html5proxy_base_url" is:"url" help:"The URL of the page that users are sent to; empty for /spice_auto.html at the public address of nova-spicehtml5proxy."`
	Web         string `conf:"html5proxy_web" default:"/usr/share/spice-html5" help:"The folder with the files of spice-html5, which nova-spicehtml5proxy serves. Debian's package spice-html5 has them."`
	DirectURL   string `conf:"spice_direct_proxy_base_url" default:"http://127.0.0.1:13002/nova" is:"url" help:"The URL that users of spice-direct consoles are sent to: a proxy of the operator's own for clients of SPICE."`
	Image       string `conf:"image_compression" enum:"|auto_glz|auto_lz|quic|glz|lz|off" help:"How images are compressed without loss; empty for the choice of SPICE."`
	JPEG        string `conf:"jpeg_compression" enum:"|auto|never|always" help:"Whether images are compressed with loss for slow links; empty for the choice of SPICE."`
	ZLib        string `conf:"zlib_compression" enum:"|auto|never|always" help:"Whether images are compressed without loss for slow links; empty for the choice of SPICE."`
	Playback    string `conf:"playback_compression" enum:"|true|false" help:"Whether sound is compressed; empty for the choice of SPICE."`
	Streaming   string `conf:"streaming_mode" enum:"|filter|all|off" help:"Which moving parts of the screen are sent as video; empty for the choice of SPICE."`
	Secure      bool   `conf:"require_secure" default:"false" help:"Refuse connections without TLS. Only clients of spice-direct consoles can have TLS; spice_tls of libvirt's qemu.conf turns it on."`
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
