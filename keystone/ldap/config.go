package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"time"

	"hypernova/keystone/ldapidentity"
	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
)

// Config is [ldap] of a domain, in keystone's names.
type Config struct {
	URL           string        `conf:"url" default:"ldap://localhost" help:"The servers, ldap:// or ldaps://, separated by commas; the next one is asked where one does not answer."`
	User          string        `conf:"user" help:"The DN as which the directory is read. Empty: nobody in particular."`
	Password      string        `conf:"password" secret:"true" help:"Its password."`
	Suffix        string        `conf:"suffix" default:"cn=example,cn=com" help:"The top of the tree."`
	Scope         string        `conf:"query_scope" default:"one" enum:"one|sub" help:"Whether users and groups are right below their trees, or anywhere in them."`
	PageSize      uint32        `conf:"page_size" default:"0" help:"How many entries to ask for at once; 0 asks for all, and the server's own limit may cut a list short, which is an error here."`
	Aliases       string        `conf:"alias_dereferencing" default:"default" enum:"never|searching|always|finding|default" help:"Which aliases the server follows."`
	Referrals     bool          `conf:"chase_referrals" default:"false" help:"Must be false: referrals are not followed."`
	UserTree      string        `conf:"user_tree_dn" help:"Where users are; empty: ou=Users below the suffix."`
	UserFilter    string        `conf:"user_filter" help:"What users must fulfil besides."`
	UserClass     string        `conf:"user_objectclass" default:"inetOrgPerson" help:"The class of users."`
	UserID        string        `conf:"user_id_attribute" default:"cn" help:"What a user is known by for ever."`
	UserName      string        `conf:"user_name_attribute" default:"sn" help:"What a user logs in as."`
	UserMail      string        `conf:"user_mail_attribute" default:"mail" help:"A user's address."`
	UserText      string        `conf:"user_description_attribute" default:"description" help:"A user's description."`
	UserProject   string        `conf:"user_default_project_id_attribute" help:"A user's default project."`
	Enabled       string        `conf:"user_enabled_attribute" default:"enabled" help:"What tells whether a user may log in."`
	EnabledInvert bool          `conf:"user_enabled_invert" default:"false" help:"Whether the attribute tells who may not."`
	EnabledMask   int64         `conf:"user_enabled_mask" default:"0" help:"The bit of the attribute that tells who may not; 0: the attribute is TRUE or FALSE. 2 for Active Directory."`
	EnabledElse   string        `conf:"user_enabled_default" default:"True" help:"What holds for a user without the attribute."`
	Ignore        []string      `conf:"user_attribute_ignore" default:"default_project_id" help:"What is not read of users, of email, description, enabled and default_project_id."`
	GroupTree     string        `conf:"group_tree_dn" help:"Where groups are; empty: ou=UserGroups below the suffix."`
	GroupFilter   string        `conf:"group_filter" help:"What groups must fulfil besides."`
	GroupClass    string        `conf:"group_objectclass" default:"groupOfNames" help:"The class of groups."`
	GroupID       string        `conf:"group_id_attribute" default:"cn" help:"What a group is known by for ever."`
	GroupName     string        `conf:"group_name_attribute" default:"ou" help:"A group's name."`
	GroupText     string        `conf:"group_desc_attribute" default:"description" help:"A group's description."`
	Member        string        `conf:"group_member_attribute" default:"member" help:"Who is in a group."`
	MembersAreIDs bool          `conf:"group_members_are_ids" default:"false" help:"Whether members are ids of users and not DNs, as in posixGroup."`
	Nesting       bool          `conf:"group_ad_nesting" default:"false" help:"Whether groups are in groups, where the server resolves them: Active Directory."`
	CAFile        string        `conf:"tls_cacertfile" help:"Certificates to trust the server by, in place of the system's."`
	StartTLS      bool          `conf:"use_tls" default:"false" help:"Whether to encrypt ldap:// connections."`
	Certificate   string        `conf:"tls_req_cert" default:"demand" enum:"demand|never|allow" help:"Whether the server's certificate must be right: demand, or never and allow, which protect from nobody."`
	PoolSize      int           `conf:"pool_size" default:"10" min:"1" max:"100" help:"How many connections there are at most, besides those that check passwords."`
	Lifetime      time.Duration `conf:"pool_connection_lifetime" default:"600" min:"1" help:"How long a connection is used."`
	Timeout       time.Duration `conf:"connection_timeout" default:"10" min:"1" help:"How long the server may take to answer."`
}

// document is a domain's file or its options in the database.
type document struct {
	Identity struct {
		Driver string `conf:"driver" default:"sql" enum:"sql|ldap" help:"Where the domain's users are."`
		Limit  int    `conf:"list_limit" default:"0" min:"0" help:"How long lists may be; read by others."`
	} `section:"identity" help:"The domain."`
	LDAP Config `section:"ldap" help:"The directory."`
}

// moot are options of the original that mean nothing to a reader of directories.
func moot() []string {
	return []string{"debug_level", "user_pass_attribute", "group_attribute_ignore", "use_pool", "pool_retry_max",
		"pool_retry_delay",
		"pool_connection_timeout", "use_auth_pool", "auth_pool_size", "auth_pool_connection_lifetime",
		"group_additional_attribute_mapping"}
}

// Open makes the directory of a domain from its options. It speaks to nobody yet. fault.Invalid for options that
// cannot be.
func Open(o ldapidentity.Options) (ldapidentity.Source, error) {
	ignored := map[string]bool{}
	for _, name := range moot() {
		ignored[name] = true
	}
	var sets []string
	for section, options := range o {
		for name, v := range options {
			if section == "ldap" && (ignored[name] || strings.HasPrefix(name, "user_enabled_emulation") &&
				strings.EqualFold(v, "false")) {
				continue
			}
			if name != "password" { // secrets are taken as they are
				v = strings.ReplaceAll(v, "$", "$$")
			}
			sets = append(sets, section+"."+name+"="+v)
		}
	}
	var d document
	if err := conf.Load(&d, nil, nil, sets); err != nil {
		return nil, err
	}
	return New(d.LDAP)
}

// New makes a directory; fault.Invalid for certificates that cannot be read and options that exclude each other.
func New(c Config) (*Directory, error) {
	if c.Referrals {
		return nil, fault.Invalidf(
			"[ldap] chase_referrals: referrals are not followed; name the server that has the entries in url")
	}
	d := &Directory{c: c, slots: make(chan struct{}, c.PoolSize), tls: &tls.Config{MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: c.Certificate != "demand"}}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		d.tls.RootCAs = x509.NewCertPool()
		if err != nil || !d.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("[ldap] tls_cacertfile: %s has no certificates", c.CAFile).Because(err)
		}
	}
	for u := range strings.SplitSeq(c.URL, ",") {
		if u = strings.TrimSpace(u); !strings.HasPrefix(u, "ldap://") && !strings.HasPrefix(u, "ldaps://") &&
			!strings.HasPrefix(u, "ldapi://") {
			return nil, fault.Invalidf("[ldap] url: %q is neither ldap:// nor ldaps://", u)
		}
		d.urls = append(d.urls, u)
	}
	if d.c.UserTree == "" {
		d.c.UserTree = "ou=Users," + c.Suffix
	}
	if d.c.GroupTree == "" {
		d.c.GroupTree = "ou=UserGroups," + c.Suffix
	}
	return d, nil
}
