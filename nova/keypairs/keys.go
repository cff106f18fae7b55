package keypairs

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

const keyBits = 2048

// fingerprint reads a public key of the type; fault.Invalid for one that it cannot read.
func fingerprint(kind, public string) (string, error) {
	if kind == nova.KeyX509 {
		block, _ := pem.Decode([]byte(public))
		if block == nil {
			return "", fault.Invalidf("Keypair data is invalid: the certificate is not PEM.")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", fault.Invalidf("Keypair data is invalid: the certificate cannot be read.").Because(err)
		}
		sum := sha1.Sum(cert.Raw)
		return colons(sum[:]), nil
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil || len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
		return "", fault.Invalidf("Keypair data is invalid: failed to generate fingerprint")
	}
	sum := md5.Sum(key.Marshal())
	return colons(sum[:]), nil
}

func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}

// generate makes an RSA key in PEM, and its public part: an authorized_keys line, or for x509 a self-signed client
// certificate of the user.
func generate(kind, user string) (public, private string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", "", err
	}
	if kind == nova.KeyX509 {
		return certificate(key, user)
	}
	pub, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " Generated-by-Nova"
	return line, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
		Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
}

// upn is the type of the subjectAltName that Windows maps to a local user.
var upn = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}

func certificate(key *rsa.PrivateKey, user string) (public, private string, err error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return "", "", err
	}
	san, err := userName(user + "@localhost")
	if err != nil {
		return "", "", err
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: user}, NotBefore: now.Add(-time.Hour),
		NotAfter:    now.AddDate(10, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, ExtraExtensions: []pkix.Extension{san}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), nil
}

// userName is a subjectAltName with a user principal name.
func userName(name string) (pkix.Extension, error) {
	text, err := asn1.MarshalWithParams(name, "utf8")
	if err != nil {
		return pkix.Extension{}, err
	}
	oid, err := asn1.Marshal(upn)
	if err != nil {
		return pkix.Extension{}, err
	}
	value, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: text})
	if err != nil {
		return pkix.Extension{}, err
	}
	other, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true,
		Bytes: append(oid, value...)})
	if err != nil {
		return pkix.Extension{}, err
	}
	seq, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true,
		Bytes: other})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: seq}, err
}
