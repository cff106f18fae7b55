package signature_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
	"testing/fstest"

	"hypernova/glance/signature"
)

// FuzzClaims: a claim is refused as one or no data fulfils it, whatever stands in the properties and in the folder of
// certificates.
func FuzzClaims(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	pss, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	for _, pem := range [][]byte{folder(f, key)[id+".pem"].Data, folder(f, pss)[id+".pem"].Data,
		[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), nil} {
		for _, kind := range []string{"ECC_SECP384R1", "RSA-PSS", "DSA", "x"} {
			f.Add("c2lnbmF0dXJl", "SHA-256", kind, id, pem)
		}
	}
	f.Add("!", "SHA-1", "", "../../etc/passwd", []byte{})
	f.Add("", "SHA-512", "RSA-PSS", "", []byte{})
	f.Fuzz(func(t *testing.T, value, method, kind, cert string, pem []byte) {
		p := map[string]string{signature.Value: value, signature.HashMethod: method, signature.KeyType: kind,
			signature.Certificate: cert}
		v, err := signature.New(p, fstest.MapFS{id + ".pem": {Data: pem}, "etc/passwd.pem": {Data: pem}}, at)
		if err != nil {
			if !errors.Is(err, signature.ErrSignature) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		if cert != id {
			t.Errorf("the certificate %q was found", cert)
		}
		v.Write([]byte("data"))
		if err := v.Verify(); !errors.Is(err, signature.ErrSignature) {
			t.Errorf("verified: %v", err)
		}
	})
}
