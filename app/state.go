package app

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// State is the folder of one cloud on one host, locked by the process that runs it.
//
//	hypernova.pid       the process that holds the lock
//	passwords.json      the passwords of the first start
//	seeded              there once the first content is complete
//	openrc clouds.yaml  for clients
//	listening.json      the ports of that process
//	identity-url        where the identity API is, for commands that ask the running cloud
type State struct {
	dir  string
	lock *os.File
}

// OpenState makes the folder where it is missing, closes it and what is in it to other users, and takes its lock. A
// folder that another process holds is fault.Conflict. passage lets the hypervisor's user pass through to the disks
// of its guests below; it sees no names.
func OpenState(dir string, passage bool) (*State, error) {
	make := private.Dir
	if passage {
		make = private.Passage
	}
	if err := make(dir); err != nil {
		return nil, unwritable(dir, err)
	}
	if err := private.Owned(dir); err != nil {
		return nil, unwritable(dir, err)
	}
	f, err := private.File(filepath.Join(dir, "hypernova.pid"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid := "another process"
		if n, perr := Running(dir); perr == nil && n > 0 {
			pid = fmt.Sprintf("process %d", n)
		}
		return nil, errors.Join(fault.Conflictf("a cloud already runs on %s (%s). Stop it with \"hypernova down --state "+
			"%s\", or give this one its own --state and --port-base", dir, pid, dir), f.Close())
	}
	s := &State{dir: dir, lock: f}
	if err := s.writePID(); err != nil {
		return nil, errors.Join(unwritable(dir, err), s.Close())
	}
	if err := private.CloseAll(dir, guarded); err != nil {
		return nil, errors.Join(unwritable(dir, err), s.Close())
	}
	return s, nil
}

// guarded are the files of the state folder that others have no business with. What else lies there an operator has
// put there.
func guarded(name string) bool {
	switch name {
	case "passwords.json", "openrc", "clouds.yaml", "identity-url", listeningFile, madeFile, "seeded", "hypernova.log":
		return true
	}
	return strings.Contains(name, ".db") // databases with their logs and indexes
}

// unwritable says why a state folder cannot be used, and what cures that.
func unwritable(dir string, err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, private.ErrStrange) && errors.As(err, &at):
		return fault.Invalidf("the state folder %s cannot be trusted: %s belongs to another user, who could replace what "+
			"the cloud keeps; run as that user, give the folder to this one (\"chown -hR %d %s\", after a look at what is in "+
			"it), or choose another with --state", dir, at.Path, os.Geteuid(), dir).Because(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Unavailablef("the disk of the state folder %s is full; make room on it (see \"df %s\"), or choose "+
			"another folder with --state", dir, dir).Because(err)
	case errors.Is(err, syscall.EROFS):
		return fault.Unavailablef("the state folder %s is on a file system that is mounted read-only; see the kernel's "+
			"log (dmesg) for why, mount it writable (\"mount -o remount,rw\" on its mount point), or choose another folder "+
			"with --state", dir).Because(err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.Unavailablef("no more files can be opened; raise the limit (\"ulimit -n\", LimitNOFILE= in a " +
			"unit)").Because(err)
	case errors.Is(err, syscall.ENOTDIR):
		return fault.Invalidf("the state folder %s cannot be made: something in its path is a file; choose another with "+
			"--state", dir).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return fault.Invalidf("the state folder %s cannot be written; run as its owner, or choose another with --state",
			dir).Because(err)
	}
	return fault.Invalidf("the state folder %s cannot be used; choose another with --state", dir).Because(err)
}

func (s *State) writePID() error {
	if err := s.lock.Truncate(0); err != nil {
		return err
	}
	_, err := s.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// Close gives the folder free. The file stays: removing it would let two processes lock two files of one name. The
// lock is given up by itself, because a child that is just being started shares the open file until it is its own
// program.
func (s *State) Close() error {
	return errors.Join(s.lock.Truncate(0), syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN), s.lock.Close())
}

// Running is the process that holds the folder's lock; 0 where none does.
func Running(dir string) (int, error) {
	f, err := os.Open(filepath.Join(dir, "hypernova.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0, nil // nobody holds it; closing gives it back
	}
	text := make([]byte, 32)
	n, _ := f.Read(text) // an empty file is somebody who is just starting
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0, fault.Unavailablef("%s is locked by a process that has not said its number yet", dir)
	}
	return pid, nil
}

// Passwords are made or given at the first start and kept from then on.
type Passwords struct {
	Admin   string `json:"admin"`
	Demo    string `json:"demo"`
	Service string `json:"service"`
}

// Passwords reads the folder's passwords, or makes them: those given in want, random ones for the rest. first reports
// that they were made now. A password given later does not replace the kept one; fault.Conflict says so instead of
// leaving somebody to wonder.
func (s *State) Passwords(want Passwords) (p Passwords, first bool, err error) {
	name := filepath.Join(s.dir, "passwords.json")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		p = Passwords{or(want.Admin), or(want.Demo), or(want.Service)}
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			return p, true, err
		}
		return p, true, s.keep(name, append(text, '\n'))
	}
	if err != nil {
		return p, false, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, false, fault.Invalidf("%s is damaged", name).Because(err)
	}
	if want.Admin != "" && want.Admin != p.Admin {
		return p, false, fault.Conflictf("the password of admin was set at the first start and is in %s; change it with "+
			"\"openstack user password set\", then there", name)
	}
	return p, false, nil
}

func or(password string) string {
	if password != "" {
		return password
	}
	b := make([]byte, 18)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// made is the file that lists what a cloud has created outside its state folder, so that it can be removed later.
const madeFile = "made.json"

// Made is what a cloud has made on its host outside its state folder.
type Made struct {
	Driver    string   `json:"driver"`    // the hypervisor
	Instances []string `json:"instances"` // the folders that servers' disks were in
	Owners    []uint32 `json:"owners"`    // the marks on devices, namespaces, tables and domains
}

// Remember adds to what the cloud is known to have made what it makes by this configuration.
func (s *State) Remember(c *Config) error {
	m, err := MadeBy(s.dir)
	if err != nil {
		return err
	}
	if name := driverName(c.Default.Driver); m.Driver != "libvirt" { // one that ran real servers once may have left some
		m.Driver = name
	}
	if !slices.Contains(m.Owners, c.owner()) {
		m.Owners = append(m.Owners, c.owner())
	}
	if dir, err := filepath.Abs(c.Default.InstancesPath); err == nil && !c.fakeDriver() &&
		!slices.Contains(m.Instances, dir) {
		m.Instances = append(m.Instances, dir)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.keep(filepath.Join(s.dir, madeFile), append(text, '\n'))
}

// MadeBy reads what the cloud of a folder has made; nothing is known of one that an earlier release ran.
func MadeBy(dir string) (Made, error) {
	var m Made
	text, err := os.ReadFile(filepath.Join(dir, madeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fault.Invalidf("%s is damaged", filepath.Join(dir, madeFile)).Because(err)
	}
	return m, nil
}

// Seeded reports that the first content is complete; MarkSeeded says so.
func (s *State) Seeded() bool {
	_, err := os.Stat(filepath.Join(s.dir, "seeded"))
	return err == nil
}

// MarkSeeded records that the first content is complete.
func (s *State) MarkSeeded() error {
	return s.keep(filepath.Join(s.dir, "seeded"), []byte("1\n"))
}

// WriteClients writes openrc and clouds.yaml for the identity API at url.
func (s *State) WriteClients(url, region string, p Passwords) error {
	rc := fmt.Sprintf(`# For the openstack client: ". openrc" is the administrator, ". openrc demo" an ordinary user.
unset OS_CLOUD OS_TOKEN OS_SYSTEM_SCOPE OS_DOMAIN_NAME OS_DOMAIN_ID OS_PROJECT_ID OS_TENANT_NAME OS_COMPUTE_API_VERSION
export OS_AUTH_URL=%s/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=%s
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
if [ "${1:-admin}" = demo ]; then
  export OS_USERNAME=demo OS_PROJECT_NAME=demo OS_PASSWORD=%s
else
  export OS_USERNAME=admin OS_PROJECT_NAME=admin OS_PASSWORD=%s
fi
`, url, region, shell(p.Demo), shell(p.Admin))
	var y strings.Builder
	y.WriteString("clouds:\n")
	for _, c := range []struct{ cloud, user, password string }{{"hypernova", "admin", p.Admin},
		{"hypernova-demo", "demo", p.Demo}} {
		// JSON strings are YAML strings.
		fmt.Fprintf(&y, "  %s:\n    auth:\n      auth_url: %s/v3\n      username: %s\n      password: %s\n      "+
			"project_name: %s\n      user_domain_name: Default\n      project_domain_name: Default\n    region_name: %s\n    "+
			"identity_api_version: 3\n",
			c.cloud, url, c.user, quoted(c.password), c.user, region)
	}
	return errors.Join(s.keep(filepath.Join(s.dir, "openrc"), []byte(rc)),
		s.keep(filepath.Join(s.dir, "clouds.yaml"), []byte(y.String())),
		s.keep(filepath.Join(s.dir, "identity-url"), []byte(url+"\n")))
}

// Known is how to log in to the cloud of a state folder: the identity API's URL, and the passwords.
func Known(dir string) (url string, p Passwords, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "identity-url"))
	if err != nil {
		return "", p, fault.Unavailablef("the cloud on %s is not ready yet, or this user may not read its folder",
			dir).Because(err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "passwords.json"))
	if err != nil {
		return "", p, fault.Forbiddenf("this user may not read the passwords in %s", dir).Because(err)
	}
	err = json.Unmarshal(secret, &p)
	return strings.TrimSpace(string(text)), p, err
}

func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always encodes
	}
	return string(b)
}

// keep writes a file of the folder, and says what keeps it from that.
func (s *State) keep(name string, text []byte) error {
	if err := private.Replace(name, text); err != nil {
		return unwritable(s.dir, err)
	}
	return nil
}

// Lost refuses to go on where the databases of some services are gone although the cloud's first content was made: an
// empty one beside what the others know of it would make a cloud that contradicts itself.
func (s *State) Lost(c *Config) error {
	if !s.Seeded() {
		return nil
	}
	var lost, there []string
	for _, s := range services() {
		path, ok := strings.CutPrefix(forService(c.Database.Connection, s.name), "sqlite:///")
		if !ok {
			return nil
		}
		path, _, _ = strings.Cut(path, "?")
		if path == "" || path == ":memory:" {
			return nil
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			lost = append(lost, path)
		} else {
			there = append(there, path)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	name := strings.Join(lost, " and ")
	if len(there) == 0 {
		return fault.Conflictf("the databases of this cloud are gone (%s). Put back a backup of all of them, or begin a "+
			"new cloud: remove %s and start again",
			name, filepath.Join(s.dir, "seeded"))
	}
	return fault.Conflictf("%s is gone, while the other databases of this cloud are there. Put back a backup of it and "+
		"start again; "+
		"\"hypernova check\" then says what does not agree with the others. Without one, begin a new cloud with another "+
		"--state", name)
}
