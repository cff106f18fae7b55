package rabbit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, url string
		want      []place
		vhost     string
	}{
		{"all given", "rabbit://u:p@h:1234/v", []place{{"h:1234", "u", "p"}}, "v"},
		{"nothing given", "rabbit://", []place{{"localhost:", "guest", "guest"}}, "/"},
		{"no port", "rabbit://u:p@h/", []place{{"h:", "u", "p"}}, "/"},
		{"OpenStack's way to say /", "rabbit://u:p@h:1//", []place{{"h:1", "u", "p"}}, "/"},
		{"escaped", "rabbit://u%40x:p%2F%3A@h:1/a%2Fb", []place{{"h:1", "u@x", "p/:"}}, "a/b"},
		{"credentials of the first hold for others", "rabbit://u:p@h1:1,h2:2,x:y@h3:3/v",
			[]place{{"h1:1", "u", "p"}, {"h2:2", "u", "p"}, {"h3:3", "x", "y"}}, "v"},
		{"IPv6", "rabbit://u:p@[::1]:5672,[fe80::1]/", []place{{"[::1]:5672", "u", "p"}, {"[fe80::1]:", "u", "p"}}, "/"},
	} {
		got, vhost, err := parse(c.url)
		if err != nil || vhost != c.vhost {
			t.Errorf("%s: vhost %q, %v", c.name, vhost, err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	for _, bad := range []string{"amqp://u:p@h/", "rabbit://u:secret@h:port/", "rabbit://u:secret%zz@h/",
		"rabbit://u:secret@h/%zz", "rabbit://u:secret@h:70000/"} {
		if _, _, err := parse(bad); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func TestUsualPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, plain, tls string
	}{{"h:", "h:5672", "h:5671"}, {"h:1", "h:1", "h:1"}, {"[::1]:", "[::1]:5672", "[::1]:5671"}} {
		if got := (place{address: c.in}).withPort(false); got != c.plain {
			t.Errorf("%s: got %s", c.in, got)
		}
		if got := (place{address: c.in}).withPort(true); got != c.tls {
			t.Errorf("%s with TLS: got %s", c.in, got)
		}
	}
}

func TestAddressesHaveDifferentKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]messaging.Address{}
	for _, mode := range []messaging.Mode{messaging.Any, messaging.One, messaging.All, messaging.Inbox} {
		for _, topic := range []string{"a", "a.b", "a%2Eb", "b"} {
			for _, host := range []string{"h", "b.h", "a.b"} {
				a := messaging.Address{Mode: mode, Topic: topic, Host: host}
				switch mode {
				case messaging.Any, messaging.All:
					a.Host = ""
				case messaging.Inbox:
					a.Topic = ""
				}
				if old, ok := seen[key1(a)]; ok && old != a {
					t.Errorf("%v and %v share %s", old, a, key1(a))
				}
				seen[key1(a)] = a
			}
		}
	}
}
