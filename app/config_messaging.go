package app

import (
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/rabbit"
)

// schemes are the message buses compiled in.
func (c *Config) schemes() []messaging.Scheme {
	return []messaging.Scheme{inproc.Scheme, nats.With(c.NATS), rabbit.With(c.Rabbit)}
}

// checkBus reports half a pair of files.
func (c *Config) checkBus() error {
	if (c.Rabbit.CertFile == "") != (c.Rabbit.KeyFile == "") {
		return fault.Invalidf("[oslo_messaging_rabbit] ssl_cert_file and ssl_key_file belong together")
	}
	if (c.NATS.CertFile == "") != (c.NATS.KeyFile == "") {
		return fault.Invalidf("[nats] ssl_cert_file and ssl_key_file belong together")
	}
	return nil
}
