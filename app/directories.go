package app

import (
	"hypernova/keystone/ldap"
	"hypernova/keystone/ldapidentity"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// directoryDrivers are the readers of directories compiled in, by the name of [identity] driver.
func directoryDrivers() map[string]ldapidentity.Driver {
	return map[string]ldapidentity.Driver{"ldap": ldap.Open}
}

// directories are those of domains that have their own; nil where the operator lets no domain have one.
func (k *keystoneParts) directories(d *db.DB) (*ldapidentity.Service, error) {
	p := k.p
	if !p.c.Keystone.DomainDrivers {
		return nil, nil
	}
	if p.c.Keystone.FromDatabase {
		return ldapidentity.New(d, ldapidentity.FromDatabase(d, directoryDrivers(), p.now), p.now), nil
	}
	files, err := ldapidentity.FromFiles(p.c.Keystone.DomainDir, directoryDrivers(), p.now)
	if err != nil {
		return nil, fault.Invalidf("[identity] domain_config_dir: %s", fault.Message(err)).Because(err)
	}
	return ldapidentity.New(d, files, p.now), nil
}
