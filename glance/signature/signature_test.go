package signature_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"testing"
	"testing/fstest"
	"time"

	"hypernova/glance/signature"
)

const id = "11111111-2222-3333-4444-555555555555"

var at = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func folder(t testing.TB, key crypto.Signer) fstest.MapFS {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "publisher"},
		NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{id + ".pem": {Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}}
}

func properties(sig []byte, method, kind string) map[string]string {
	return map[string]string{"img_signature": base64.StdEncoding.EncodeToString(sig), "img_signature_hash_method": method,
		"img_signature_key_type":         kind,
		"img_signature_certificate_uuid": id}
}

func TestSignedData(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("image"), 1000)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum256, sum384, sum512 := sha256.Sum256(data), sha512.Sum384(data), sha512.Sum512(data)
	// the longest salt, as OpenStack's tools make it
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}
	for _, c := range []struct {
		name, method, kind string
		key                crypto.Signer
		sum                []byte
		opts               crypto.SignerOpts
	}{
		{"RSA-PSS", "SHA-256", "RSA-PSS", rsaKey, sum256[:], pss},
		{"P-384", "SHA-384", "ECC_SECP384R1", p384, sum384[:], crypto.SHA384},
		{"P-521", "SHA-512", "ECC_SECP521R1", p521, sum512[:], crypto.SHA512},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sig, err := c.key.Sign(rand.Reader, c.sum, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			for _, tampered := range []bool{false, true} {
				v, err := signature.New(properties(sig, c.method, c.kind), folder(t, c.key), at)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = v.Write(data) // a hash never fails
				if tampered {
					_, _ = io.WriteString(v, "more")
				}
				if err := v.Verify(); errors.Is(err, signature.ErrSignature) != tampered {
					t.Errorf("tampered %v: %v", tampered, err)
				}
			}
		})
	}
}

func TestClaimsThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, certs := properties([]byte("sig"), "SHA-384", "ECC_SECP384R1"), folder(t, key)
	with := func(name, value string) map[string]string {
		p := maps.Clone(good)
		p[name] = value
		return p
	}
	for name, p := range map[string]map[string]string{
		"hash method":         with(signature.HashMethod, "MD5"),
		"key type":            with(signature.KeyType, "RSA"),
		"another key":         with(signature.KeyType, "RSA-PSS"),
		"another curve":       with(signature.KeyType, "ECC_SECP521R1"),
		"a curve of no use":   with(signature.KeyType, "ECC_SECT571K1"),
		"base64":              with(signature.Value, "%"),
		"unknown certificate": with(signature.Certificate, "99999999-2222-3333-4444-555555555555"),
		"path":                with(signature.Certificate, "../"+id),
	} {
		if _, err := signature.New(p, certs, at); !errors.Is(err, signature.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, when := range map[string]time.Time{"too early": at.Add(-2 * time.Hour), "too late": at.Add(2 * time.Hour)} {
		if _, err := signature.New(good, certs, when); !errors.Is(err, signature.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signature.New(good, nil, at); !errors.Is(err, signature.ErrSignature) {
		t.Errorf("without certificates: %v", err)
	}
	if _, err := signature.New(good, fstest.MapFS{id + ".pem": {Data: []byte("x")}}, at); !errors.Is(err,
		signature.ErrSignature) {
		t.Errorf("no certificate in the file: %v", err)
	}
	delete(good, signature.KeyType)
	if v, err := signature.New(good, certs, at); v != nil || err != nil {
		t.Errorf("an incomplete claim is none: %v, %v", v, err)
	}
}
