package rabbit

import (
	"errors"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// diagnose turns an error of the network or the broker into an error that tells an operator what to do.
// fault.Unavailable may pass without one.
func diagnose(at string, err error) *fault.Fault {
	var said *amqp.Error
	switch {
	case fault.Of(err) != nil || !errors.As(err, &said):
	case refused(said):
		return fault.New(fault.Unauthorized,
			"the message broker at %s refuses the credentials in transport_url; rabbitmqctl list_users and list_permissions show who may", at).Because(err)
	case said.Code == amqp.NotAllowed || said.Code == amqp.AccessRefused:
		return fault.New(fault.Unauthorized,
			"the message broker at %s has no such virtual host, or the user may not use it; see the path of transport_url, and rabbitmqctl add_vhost and set_permissions", at).Because(err)
	case strings.Contains(said.Reason, "timeout"):
		return fault.Unavailablef("the message broker at %s says nothing: see whether it is alive and the network between",
			at).Because(err)
	case said.Code == amqp.FrameError || said.Code == amqp.SyntaxError:
		return fault.Unavailablef(
			"the message broker at %s hung up: is it starting, or does this port want TLS (ssl = true)?", at).Because(err)
	}
	return messaging.Cure(at, "[oslo_messaging_rabbit]", err)
}

// refused reports wrong credentials, in the forms of the client library and of the broker.
func refused(e *amqp.Error) bool {
	return e.Code == amqp.AccessRefused && !strings.Contains(e.Reason, "vhost")
}
