package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"

	client "github.com/nats-io/nats.go"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// diagnose turns an error of the network or the broker into an error that tells an operator what to do. at is the
// broker's address without secrets.
func diagnose(at string, err error) *fault.Fault {
	switch {
	case fault.Of(err) != nil:
	case errors.Is(err, client.ErrAuthorization), errors.Is(err, client.ErrAuthExpired),
		errors.Is(err, client.ErrAuthRevoked), errors.Is(err, client.ErrAccountAuthExpired):
		return fault.New(fault.Unauthorized,
			"the message broker at %s refuses the credentials in transport_url, or the token in [nats]: correct them, or add them to the broker's users", at).Because(err)
	case errors.Is(err, client.ErrSecureConnWanted):
		return fault.Unavailablef(
			"the message broker at %s does not speak TLS: remove the files from [nats], or give the broker a certificate",
			at).Because(err)
	case errors.Is(err, client.ErrNoServers):
		return fault.Unavailablef("nothing listens at %s: start the message broker, or correct transport_url",
			at).Because(err)
	case err != nil && strings.Contains(err.Error(), "nats: tls error: connection closed by remote"):
		return fault.Unavailablef("the message broker at %s refuses this host's certificate: see [nats] ssl_cert_file",
			at).Because(err)
	case errors.Is(err, client.ErrTimeout):
		return fault.Unavailablef("the message broker at %s says nothing: see whether it is alive and the network between",
			at).Because(err)
	}
	return messaging.Cure(at, "[nats]", err)
}

// check rejects settings that cannot work. It returns the hosts of a URL without secrets.
func (c Config) check(address string) (at string, err error) {
	var hosts []string
	for part := range strings.SplitSeq(address, ",") {
		part = strings.TrimSpace(part)
		if !strings.Contains(part, "://") {
			part = "nats://" + part
		}
		u, err := url.Parse(part)
		if err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			// the parser's error would show the password
			return "", fault.Invalidf("transport_url is not of the form nats://user:password@host:port,host2:port")
		}
		hosts = append(hosts, u.Host)
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return "", fault.Invalidf("the message broker's authority cannot be read: see [nats] ssl_ca_file").Because(err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return "", fault.Invalidf("%s holds no certificate: see [nats] ssl_ca_file", c.CAFile)
		}
	}
	if c.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
			return "", fault.Invalidf(
				"the certificate for the message broker cannot be read: see [nats] ssl_cert_file and ssl_key_file").Because(err)
		}
	}
	return strings.Join(hosts, ","), nil
}
