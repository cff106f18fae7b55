package app

import (
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/messaging/nats"
	"hypernova/oslo/messaging/rabbit"
)

// Rabbit is [oslo_messaging_rabbit].
type Rabbit struct {
	TLS       bool          `conf:"ssl" default:"false" help:"Speak TLS to the broker."`
	CAFile    string        `conf:"ssl_ca_file" help:"The authority of the broker's certificate; empty for those that the system trusts. Implies ssl."`
	CertFile  string        `conf:"ssl_cert_file" help:"The certificate that this host shows to the broker. Implies ssl."`
	KeyFile   string        `conf:"ssl_key_file" help:"Its key."`
	Heartbeat time.Duration `conf:"heartbeat_timeout_threshold" default:"15" min:"3" max:"600" help:"A connection that carried nothing for this long is lost, and made anew."`
	Prefetch  int           `conf:"rabbit_qos_prefetch_count" default:"0" min:"0" max:"65535" help:"How many messages without an answer a listener may have and not have finished; 0 is what a service accepts at most."`
	Queue     int           `conf:"rabbit_queue_max_length" default:"10000" min:"1" help:"How many of them may wait for a listener; more are refused. All processes of a cloud need the same."`
	Quorum    bool          `conf:"rabbit_quorum_queue" default:"false" help:"Keep messages in replicated queues, for a broker of several nodes. All processes of a cloud need the same."`
}

// NATS is [nats].
type NATS struct {
	Token    string `conf:"token" secret:"true" help:"What this host shows to the broker instead of user and password."`
	CAFile   string `conf:"ssl_ca_file" help:"The authority of the broker's certificate; with it or a certificate the connection is TLS."`
	CertFile string `conf:"ssl_cert_file" help:"The certificate that this host shows to the broker."`
	KeyFile  string `conf:"ssl_key_file" help:"Its key."`
}

// schemes are the message buses compiled in.
func (c *Config) schemes() []messaging.Scheme {
	r, n := c.Rabbit, c.NATS
	return []messaging.Scheme{inproc.Scheme,
		nats.With(nats.Config{Token: n.Token, CAFile: n.CAFile, CertFile: n.CertFile, KeyFile: n.KeyFile}),
		rabbit.With(rabbit.Config{TLS: r.TLS, CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile,
			// The client library gives up after three silent intervals.
			Heartbeat: r.Heartbeat / 3, Prefetch: r.Prefetch, Queue: r.Queue, Quorum: r.Quorum})}
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
