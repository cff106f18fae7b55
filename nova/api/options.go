package api

// Options are section [api].
type Options struct {
	MaxLimit int    `conf:"max_limit" default:"1000" min:"1" help:"The most items one page of a list has."`
	MaxMicro string `conf:"max_microversion" help:"The highest compute microversion that is offered, such as 2.90; empty for the newest."`
	// Passwords is OpenStack's enable_instance_password.
	Passwords bool `conf:"enable_instance_password" default:"true" help:"Whether answers to create, rebuild and rescue have the administrator's password of the server."`
	// DHCPDomain is also read by the hosts, whose config drives carry it.
	DHCPDomain string `conf:"dhcp_domain" default:"novalocal" help:"The domain that follows host names in what guests read about themselves; empty leaves them as they are."`
}
