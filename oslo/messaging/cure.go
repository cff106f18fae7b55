package messaging

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"hypernova/oslo/fault"
)

// Cure turns a network error of a broker into an error that tells an operator what to do. at is the broker's address
// without secrets; section is the configuration section with its TLS options. Transports handle their own error types
// first.
func Cure(at, section string, err error) *fault.Fault {
	if f := fault.Of(err); f != nil {
		return f
	}
	var (
		expired x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		dns     *net.DNSError
		network net.Error
	)
	f := fault.Unavailablef(
		"the message broker at %s cannot be reached: check transport_url, the network and that the broker runs", at)
	switch {
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		f = fault.Unavailablef("the certificate of the message broker at %s is valid from %s to %s only: renew it, or set this machine's clock right", at,
			expired.Cert.NotBefore.Format(time.RFC3339), expired.Cert.NotAfter.Format(time.RFC3339))
	case errors.As(err, &unknown):
		f = fault.Unavailablef("the certificate of the message broker at %s is of an authority that is not trusted: set %s ssl_ca_file", at, section)
	case errors.As(err, &name):
		f = fault.Unavailablef("the certificate of the message broker at %s is for other names: use one of them in transport_url", at)
	case errors.As(err, &record):
		f = fault.Unavailablef("the message broker at %s does not speak TLS: see %s, or give the broker a certificate", at,
			section)
	case errors.As(err, &alert), err != nil && strings.Contains(err.Error(), "remote error: tls"):
		f = fault.Unavailablef("the message broker at %s refuses this host's certificate: see %s ssl_cert_file", at, section)
	case errors.As(err, &dns):
		f = fault.Unavailablef("the message broker's host %s has no address: see transport_url", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		f = fault.Unavailablef("nothing listens at %s: start the message broker, or correct transport_url", at)
	case errors.As(err, &network) && network.Timeout():
		f = fault.Unavailablef("the message broker at %s says nothing: see whether it is alive and the network between", at)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		f = fault.Unavailablef("the message broker at %s hung up: is it starting, does its port want TLS, or is it something else?", at)
	}
	return f.Because(err)
}
