package app

import (
	"hypernova/keystone/directory"
	"hypernova/keystone/ldap"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// directoryDrivers are the readers of directories compiled in, by the name of [identity] driver.
func directoryDrivers() map[string]directory.Driver {
	return map[string]directory.Driver{"ldap": ldap.Open}
}

// directories are those of domains that have their own; nil where the operator lets no domain have one.
func (k *keystoneParts) directories(d *db.DB) (*directory.Service, error) {
	p := k.p
	if !p.c.Keystone.DomainDrivers {
		return nil, nil
	}
	if p.c.Keystone.FromDatabase {
		return directory.New(d, directory.FromDatabase(d, directoryDrivers(), p.now), p.now), nil
	}
	files, err := directory.FromFiles(p.c.Keystone.DomainDir, directoryDrivers(), p.now)
	if err != nil {
		return nil, fault.Invalidf("[identity] domain_config_dir: %s", fault.Message(err)).Because(err)
	}
	return directory.New(d, files, p.now), nil
}
