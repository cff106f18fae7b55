package ldapidentity

// DomainOptions are those of section [identity] for domains that keep their users in directories.
type DomainOptions struct {
	DomainDrivers bool   `conf:"domain_specific_drivers_enabled" default:"false" help:"Whether domains may keep their users in directories of their own."`
	FromDatabase  bool   `conf:"domain_configurations_from_database" default:"false" help:"Whether those domains are configured through the API (openstack's /v3/domains/ID/config), and not by files."`
	DomainDir     string `conf:"domain_config_dir" default:"/etc/keystone/domains" help:"The folder of those files: keystone.NAME.conf configures domain NAME."`
}
