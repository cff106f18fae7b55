// Package signature verifies image signatures (img_signature properties).
//
// Certificates are in a folder that the operator fills: <identifier>.pem, one certificate each. They replace the key
// manager: a certificate in that folder is trusted while it is valid.
package signature

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 publishers' keys may be of this kind; nothing is signed here
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"hash"
	"io/fs"
	"math/big"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// The properties of a signature. It needs all four.
const (
	Value       = "img_signature"
	HashMethod  = "img_signature_hash_method"
	KeyType     = "img_signature_key_type"
	Certificate = "img_signature_certificate_uuid"
)

// ErrSignature means that data or its signature cannot be trusted.
var ErrSignature = errors.New("image signature verification failed")

func refuse(format string, args ...any) error {
	return fault.Invalidf("Signature verification for the image failed: "+format, args...).Because(ErrSignature)
}

// Verifier hashes the data that is written to it and verifies the signature of the hash.
type Verifier struct {
	hash.Hash
	check func(sum []byte) bool
}

// Claimed reports whether an image with these properties has a signature.
func Claimed(properties map[string]string) bool {
	for _, name := range []string{Value, HashMethod, KeyType, Certificate} {
		if _, there := properties[name]; !there {
			return false
		}
	}
	return true
}

// New returns the verifier for an image with these properties; nil without a signature. trusted has the certificates;
// nil means none. ErrSignature for a signature that cannot be verified: the image must not be treated as unsigned.
func New(properties map[string]string, trusted fs.FS, now time.Time) (*Verifier, error) {
	if !Claimed(properties) {
		return nil, nil
	}
	h, fn, err := method(properties[HashMethod])
	if err != nil {
		return nil, err
	}
	sig, err := base64.StdEncoding.DecodeString(properties[Value])
	if err != nil {
		return nil, refuse("The signature data was not properly encoded using base64")
	}
	cert, err := certificate(trusted, properties[Certificate], now)
	if err != nil {
		return nil, err
	}
	check, err := checker(properties[KeyType], cert.PublicKey, fn, sig)
	if err != nil {
		return nil, err
	}
	return &Verifier{h, check}, nil
}

// Verify returns ErrSignature if the signature does not match the data.
func (v *Verifier) Verify() error {
	if !v.check(v.Sum(nil)) {
		return refuse("the data is not what was signed.")
	}
	return nil
}

func method(name string) (hash.Hash, crypto.Hash, error) {
	switch name {
	case "SHA-224":
		return sha256.New224(), crypto.SHA224, nil
	case "SHA-256":
		return sha256.New(), crypto.SHA256, nil
	case "SHA-384":
		return sha512.New384(), crypto.SHA384, nil
	case "SHA-512":
		return sha512.New(), crypto.SHA512, nil
	}
	return nil, 0, refuse("Invalid signature hash method: %s", name)
}

func certificate(trusted fs.FS, id string, now time.Time) (*x509.Certificate, error) {
	if trusted == nil {
		return nil, refuse("no certificates are trusted here.")
	}
	if !ids.IsUUID(id) { // also keeps the name within the folder
		return nil, refuse("Invalid certificate identifier: %s", id)
	}
	b, err := fs.ReadFile(trusted, id+".pem")
	if err != nil {
		return nil, refuse("Unable to retrieve certificate with ID: %s", id)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, refuse("Unable to load certificate with ID: %s", id)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return nil, refuse("Unable to load certificate with ID: %s", id)
	case now.Before(c.NotBefore):
		return nil, refuse("The certificate %s is not valid before %s.", id, c.NotBefore.UTC().Format(time.RFC3339))
	case now.After(c.NotAfter):
		return nil, refuse("The certificate %s is not valid after %s.", id, c.NotAfter.UTC().Format(time.RFC3339))
	}
	return c, nil
}

// checker supports the key types of Go's library. The binary curves that OpenStack supports are not among them.
func checker(kind string, key any, fn crypto.Hash, sig []byte) (func([]byte) bool, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if kind == "RSA-PSS" {
			return func(sum []byte) bool {
				return rsa.VerifyPSS(k, fn, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: fn}) == nil
			}, nil
		}
	case *ecdsa.PublicKey:
		if kind == "ECC_SECP384R1" && k.Curve == elliptic.P384() || kind == "ECC_SECP521R1" && k.Curve == elliptic.P521() {
			return func(sum []byte) bool { return ecdsa.VerifyASN1(k, sum, sig) }, nil
		}
	case *dsa.PublicKey:
		if kind == "DSA" {
			return func(sum []byte) bool { return verifyDSA(k, sum, sig) }, nil
		}
	}
	switch kind {
	case "RSA-PSS", "DSA", "ECC_SECP384R1", "ECC_SECP521R1":
		return nil, refuse("Invalid public key type for signature key type: %s", kind)
	}
	return nil, refuse("Invalid signature key type: %s", kind)
}

func verifyDSA(k *dsa.PublicKey, sum, sig []byte) bool {
	var s struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &s); err != nil || len(rest) > 0 {
		return false
	}
	if n := (k.Q.BitLen() + 7) / 8; len(sum) > n {
		sum = sum[:n]
	}
	return dsa.Verify(k, sum, s.R, s.S)
}
