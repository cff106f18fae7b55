package rabbit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/fault"
)

// diagnose turns what the network or the broker said into what an operator can do. Unavailable may pass by itself.
func diagnose(at string, err error) *fault.Fault {
	if f := fault.Of(err); f != nil {
		return f
	}
	var (
		expired x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		said    *amqp.Error
		dns     *net.DNSError
		network net.Error
	)
	switch {
	case errors.As(err, &said) && refused(said):
		return fault.New(fault.Unauthorized, "the message broker at %s refuses the credentials in transport_url; rabbitmqctl list_users and list_permissions show who may", at).Because(err)
	case errors.As(err, &said) && (said.Code == amqp.NotAllowed || said.Code == amqp.AccessRefused):
		return fault.New(fault.Unauthorized, "the message broker at %s has no such virtual host, or the user may not use it; see the path of transport_url, and rabbitmqctl add_vhost and set_permissions", at).Because(err)
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return fault.Unavailablef("the certificate of the message broker at %s is valid from %s to %s only: renew it, or set this machine's clock right", at,
			expired.Cert.NotBefore.Format(time.RFC3339), expired.Cert.NotAfter.Format(time.RFC3339)).Because(err)
	case errors.As(err, &unknown):
		return fault.Unavailablef("the certificate of the message broker at %s is of an authority that is not trusted: set ssl_ca_file", at).Because(err)
	case errors.As(err, &name):
		return fault.Unavailablef("the certificate of the message broker at %s is for other names: use one of them in transport_url", at).Because(err)
	case errors.As(err, &record):
		return fault.Unavailablef("the message broker at %s does not speak TLS at this port: its TLS port is usually 5671", at).Because(err)
	case errors.As(err, &alert):
		return fault.Unavailablef("the message broker at %s refuses this host's certificate: see ssl_cert_file", at).Because(err)
	case errors.As(err, &dns):
		return fault.Unavailablef("the message broker's host %s has no address: see transport_url", at).Because(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Unavailablef("nothing listens at %s: start the message broker, or correct transport_url", at).Because(err)
	case errors.As(err, &network) && network.Timeout(), errors.As(err, &said) && strings.Contains(said.Reason, "timeout"):
		return fault.Unavailablef("the message broker at %s says nothing: see whether it is alive and the network between", at).Because(err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.As(err, &said) && (said.Code == amqp.FrameError || said.Code == amqp.SyntaxError):
		return fault.Unavailablef("the message broker at %s hung up: is it starting, or does this port want TLS (ssl = true)?", at).Because(err)
	}
	return fault.Unavailablef("the message broker at %s cannot be reached: check transport_url, the network and that the broker runs", at).Because(err)
}

// refused is wrong credentials as the client library and the broker say it.
func refused(e *amqp.Error) bool {
	return e.Code == amqp.AccessRefused && !strings.Contains(e.Reason, "vhost")
}
