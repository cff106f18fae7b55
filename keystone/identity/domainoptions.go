package identity

import (
	"context"
	"encoding/json"
	"slices"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// DomainOptions is the operations on the configuration of domains.
type DomainOptions struct {
	base
	passwords *Passwords
}

// Options is the configuration of a domain: section, name, value. If the operator allows it, it selects the directory
// of the domain's users.
type Options map[string]map[string]json.RawMessage

// PasswordSection is the section that every user may read. It cannot be set for a domain.
const PasswordSection = "security_compliance"

// domainOptionNames returns the options that a domain can have, by section. A password is stored and never returned.
func domainOptionNames() map[string][]string {
	return map[string][]string{
		"identity": {"driver", "list_limit"},
		"ldap": {
			"url",
			"user",
			"password",
			"suffix",
			"query_scope",
			"page_size",
			"alias_dereferencing",
			"debug_level",
			"chase_referrals",
			"connection_timeout",
			"group_ad_nesting",
			"user_tree_dn",
			"user_filter",
			"user_objectclass",
			"user_id_attribute",
			"user_name_attribute",
			"user_mail_attribute",
			"user_description_attribute",
			"user_pass_attribute",
			"user_enabled_attribute",
			"user_enabled_invert",
			"user_enabled_mask",
			"user_enabled_default",
			"user_attribute_ignore",
			"user_default_project_id_attribute",
			"user_enabled_emulation",
			"user_enabled_emulation_dn",
			"user_enabled_emulation_use_group_config",
			"user_additional_attribute_mapping",
			"group_tree_dn",
			"group_filter",
			"group_objectclass",
			"group_id_attribute",
			"group_name_attribute",
			"group_members_are_ids",
			"group_member_attribute",
			"group_desc_attribute",
			"group_attribute_ignore",
			"group_additional_attribute_mapping",
			"tls_cacertfile",
			"tls_cacertdir",
			"use_tls",
			"tls_req_cert",
			"use_pool",
			"pool_size",
			"pool_retry_max",
			"pool_retry_delay",
			"pool_connection_timeout",
			"pool_connection_lifetime",
			"use_auth_pool",
			"auth_pool_size",
			"auth_pool_connection_lifetime",
		},
	}
}

const hiddenOption = "password"

// defaultOptions returns the defaults; options that are not among them have none.
func defaultOptions() Options {
	return Options{"identity": {"driver": json.RawMessage(`"sql"`), "list_limit": json.RawMessage("null")},
		"ldap": {
			"url":          json.RawMessage(`"ldap://localhost"`),
			"user":         json.RawMessage("null"),
			"suffix":       json.RawMessage(`"cn=example,cn=com"`),
			"query_scope":  json.RawMessage(`"one"`),
			"page_size":    json.RawMessage("0"),
			"user_tree_dn": json.RawMessage("null"),
			"use_tls": json.RawMessage(
				"false",
			),
			"tls_req_cert": json.RawMessage(`"demand"`),
			"use_pool":     json.RawMessage("true"),
			"pool_size":    json.RawMessage("10"),
		}}
}

// checkOption is fault.Forbidden for a section or option that a domain cannot have.
func checkOption(section, name string) error {
	names, ok := domainOptionNames()[section]
	if !ok || name != "" && !slices.Contains(names, name) {
		return fault.Forbiddenf(
			"Invalid domain specific configuration: option %s in group %s is not supported for domain specific configurations.",
			name,
			section,
		)
	}
	return nil
}

// Get returns the options of a domain, of one section or one option if they are named. fault.NotFound if none is set,
// fault.Forbidden for an option that a domain cannot have.
func (d *DomainOptions) Get(ctx context.Context, domain, section, name string) (Options, error) {
	if section != "" {
		if err := checkOption(section, name); err != nil {
			return nil, err
		}
	}
	rows, err := store.DomainOptions(ctx, d.db, domain)
	if err != nil {
		return nil, err
	}
	out := Options{}
	for _, o := range rows {
		if section != "" && o.Section != section || name != "" && o.Name != name || o.Name == hiddenOption {
			continue
		}
		if out[o.Section] == nil {
			out[o.Section] = map[string]json.RawMessage{}
		}
		out[o.Section][o.Name] = json.RawMessage(o.Value)
	}
	if len(out) == 0 {
		return nil, fault.NotFoundf("Could not find domain configuration for domain %s.", domain)
	}
	return out, nil
}

// Defaults returns the defaults, of one section or one option if they are named; fault.Forbidden for an option that a
// domain cannot have.
func (d *DomainOptions) Defaults(section, name string) (Options, error) {
	if section == "" {
		return defaultOptions(), nil
	}
	if err := checkOption(section, name); err != nil {
		return nil, err
	}
	all := defaultOptions()[section]
	if name == "" {
		return Options{section: all}, nil
	}
	v, ok := all[name]
	if !ok {
		v = json.RawMessage("null")
	}
	return Options{section: {name: v}}, nil
}

// Password returns the rules of passwords that every user may read: the pattern and its description.
func (d *DomainOptions) Password(name string) (Options, error) {
	text := func(v string) json.RawMessage {
		if v == "" {
			return json.RawMessage("null")
		}
		b, err := json.Marshal(v)
		if err != nil {
			return json.RawMessage("null")
		}
		return b
	}
	all := map[string]json.RawMessage{
		"password_regex":             text(d.passwords.rules.Pattern),
		"password_regex_description": text(d.passwords.rules.Advice),
	}
	if name == "" {
		return Options{PasswordSection: all}, nil
	}
	v, ok := all[name]
	if !ok {
		return nil, fault.Forbiddenf("Reading option %s of group %s is not supported.", name, PasswordSection)
	}
	return Options{PasswordSection: {name: v}}, nil
}

// Set writes options of a domain; with whole it removes all others. fault.Forbidden for an option that a domain cannot
// have.
func (d *DomainOptions) Set(ctx context.Context, domain string, changes Options, whole bool) error {
	if len(changes) == 0 {
		return fault.Forbiddenf("Invalid domain specific configuration: No options specified.")
	}
	return d.write(ctx, func(tx *db.Tx) error {
		if whole {
			if _, err := clearOptions(ctx, tx, domain, "", ""); err != nil {
				return err
			}
		}
		for section, options := range changes {
			if len(options) == 0 {
				return fault.Forbiddenf(
					"Invalid domain specific configuration: The value of group %s specified in the config should be a dictionary of options.",
					section,
				)
			}
			for name, v := range options {
				if err := checkOption(section, name); err != nil {
					return err
				}
				if err := store.PutDomainOption(ctx, tx, store.DomainOption{Domain: domain, Section: section, Name: name,
					Value: string(v)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Delete removes options, of one section or one option if they are named; fault.NotFound if none is set.
func (d *DomainOptions) Delete(ctx context.Context, domain, section, name string) error {
	if section != "" {
		if _, err := d.Get(ctx, domain, section, name); err != nil {
			return err
		}
	}
	return d.write(ctx, func(tx *db.Tx) error {
		n, err := clearOptions(ctx, tx, domain, section, name)
		if err == nil && n == 0 && section != "" { // a concurrent request removed it
			err = fault.NotFoundf("Could not find domain configuration for domain %s.", domain)
		}
		return err
	})
}

func clearOptions(ctx context.Context, tx *db.Tx, domain, section, name string) (n int, err error) {
	rows, err := store.DomainOptions(ctx, tx, domain)
	for _, o := range rows {
		if section != "" && o.Section != section || name != "" && o.Name != name {
			continue
		}
		if err := store.DeleteDomainOption(ctx, tx, o); err != nil {
			return n, err
		}
		n++
	}
	return n, err
}
