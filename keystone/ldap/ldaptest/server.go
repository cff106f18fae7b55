// Package ldaptest starts an OpenLDAP server for tests.
package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Of the server: who may read all of it, and where things are.
const (
	Suffix   = "dc=example,dc=org"
	Admin    = "cn=admin,dc=example,dc=org"
	Password = "admin secret"
)

// People are alice (in ops), bob (in dev and ops), carol (disabled), and 'o(ther)* \n' whose name wants to be
// escaped. Passwords are "<id> secret".
const People = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: ou=Users,dc=example,dc=org
objectClass: organizationalUnit
ou: Users

dn: ou=UserGroups,dc=example,dc=org
objectClass: organizationalUnit
ou: UserGroups

dn: uid=alice,ou=Users,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice Liddell
sn: Liddell
mail: alice@example.org
description: a girl
employeeType: TRUE
departmentNumber: 512
userPassword: alice secret

dn: uid=bob,ou=Users,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Builder
employeeType: TRUE
departmentNumber: 512
userPassword: bob secret

dn: uid=carol,ou=Users,dc=example,dc=org
objectClass: inetOrgPerson
uid: carol
cn: Carol
sn: Gone
employeeType: FALSE
departmentNumber: 514
userPassword: carol secret

dn: uid=o(ther)\2A,ou=Users,dc=example,dc=org
objectClass: inetOrgPerson
uid: o(ther)*
cn: Other
sn: Other
employeeType: TRUE
departmentNumber: 512
userPassword: other secret

dn: cn=ops,ou=UserGroups,dc=example,dc=org
objectClass: groupOfNames
cn: ops
ou: operators
description: who operate
member: uid=alice,ou=Users,dc=example,dc=org
member: uid=bob,ou=Users,dc=example,dc=org
member: uid=left,ou=Users,dc=example,dc=org

dn: cn=dev,ou=UserGroups,dc=example,dc=org
objectClass: groupOfNames
cn: dev
ou: developers
member: uid=bob,ou=Users,dc=example,dc=org

dn: cn=posix,ou=UserGroups,dc=example,dc=org
objectClass: posixGroup
cn: posix
gidNumber: 1000
memberUid: alice
memberUid: nobody
`

// Server is a running server.
type Server struct {
	URL, Secure string // ldap:// and ldaps://
	CAFile      string
	dir         string
	t           testing.TB
	cmd         *exec.Cmd
	ended       <-chan struct{}
}

// New starts a server with these entries (LDIF); it ends with the test. The test is skipped where OpenLDAP is not
// installed.
func New(t testing.TB, entries string) *Server {
	t.Helper()
	bin, err := exec.LookPath("/usr/sbin/slapd")
	if err != nil {
		t.Skip("OpenLDAP's server (slapd) is not installed")
	}
	s := &Server{dir: t.TempDir(), t: t}
	// A copy: security modules confine the installed program to the installed folders.
	program, err := os.ReadFile(bin)
	s.must(err)
	s.must(os.WriteFile(s.file("slapd"), program, 0o700))
	s.certificate()
	s.must(os.Mkdir(s.file("data"), 0o700))
	s.must(os.WriteFile(s.file("slapd.conf"), []byte(fmt.Sprintf(`modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile %[1]s/pid
sizelimit 500
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
database mdb
directory %[1]s/data
suffix "%[2]s"
rootdn "%[3]s"
rootpw "%[4]s"
dbnosync
index objectClass,uid,cn,sn,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,%[2]s" read by users read by * none
limits users size.soft=500 size.pr=unlimited size.prtotal=unlimited
`, s.dir, Suffix, Admin, Password)), 0o600))
	s.must(os.WriteFile(s.file("entries.ldif"), []byte(entries+Reader), 0o600))
	if out, err := exec.CommandContext(t.Context(), s.file("slapd"), "-Tadd", "-q", "-f", s.file("slapd.conf"), "-l",
		s.file("entries.ldif")).CombinedOutput(); err != nil {
		t.Fatalf("load entries: %v\n%s", err, out)
	}
	s.CAFile = s.file("cert.pem")
	t.Cleanup(s.Stop)
	// Between the choice of a port and its use somebody else may take it.
	for range 5 {
		s.URL, s.Secure = "ldap://127.0.0.1:"+port(t), "ldaps://127.0.0.1:"+port(t)
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// Reader is who the service reads as; limits hold for it, and not for the administrator.
const Reader = `
dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: reader secret
`

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func port(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// Start starts a server that was stopped, on its ports and entries.
func (s *Server) Start() {
	s.t.Helper()
	s.must(s.start())
}

func (s *Server) start() error {
	s.cmd = exec.Command(s.file("slapd"), "-d", "none", "-f", s.file("slapd.conf"), "-h", s.URL+" "+s.Secure)
	var out strings.Builder
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		s.cmd.Wait()
		close(ended)
	}()
	s.ended = ended
	for _, u := range []string{s.URL, s.Secure} {
		_, address, _ := strings.Cut(u, "://")
		if !answers(address, ended) {
			s.Stop()
			return fmt.Errorf("slapd does not answer at %s: %s", u, out.String())
		}
	}
	return nil
}

// answers waits until something accepts at the address, or the server ends.
func answers(address string, ended <-chan struct{}) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-tick.C:
		}
	}
	return false
}

// Stop ends the server at once.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// certificate makes one for 127.0.0.1 that signs itself.
func (s *Server) certificate() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ldap of a test"},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	s.must(err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	s.must(os.WriteFile(s.file("cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	s.must(os.WriteFile(s.file("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
}
