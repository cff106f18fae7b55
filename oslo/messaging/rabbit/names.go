package rabbit

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// exchange is the name of the only exchange.
const exchange = "hypernova"

// keepFor bounds how long a cast waits for a receiver. The bus gives it up after the same time.
const keepFor = 10 * time.Minute

// place is one host of the broker with its credentials.
type place struct{ address, user, password string }

// parse reads rabbit://[user[:password]@]host[:port][,…][/vhost]. Hosts without credentials use those of the first
// host.
func parse(text string) ([]place, string, error) {
	rest, ok := strings.CutPrefix(text, "rabbit://")
	if !ok {
		return nil, "", fault.Invalidf("the message broker's URL is not of the form rabbit://user:password@host:port/vhost")
	}
	list, path, _ := strings.Cut(rest, "/")
	vhost, err := url.PathUnescape(path)
	if err != nil {
		return nil, "", fault.Invalidf(
			"the virtual host in the message broker's URL cannot be read: write %% as %%25").Because(err)
	}
	if vhost == "" {
		vhost = "/"
	}
	var all []place
	for _, one := range strings.Split(list, ",") {
		p := place{user: "guest", password: "guest"} // the broker's defaults
		if len(all) > 0 {
			p.user, p.password = all[0].user, all[0].password
		}
		if at := strings.LastIndexByte(one, '@'); at >= 0 {
			user, password, _ := strings.Cut(one[:at], ":")
			one = one[at+1:]
			if p.user, err = url.PathUnescape(user); err == nil {
				p.password, err = url.PathUnescape(password)
			}
			if err != nil { // the cause would hold the password
				return nil, "", fault.Invalidf(
					"the credentials in the message broker's URL cannot be read: write %% as %%25 and @ as %%40")
			}
		}
		host, port, err := net.SplitHostPort(one)
		if err != nil {
			host, port = strings.Trim(one, "[]"), ""
		}
		if host == "" {
			host = "localhost"
		}
		p.address = net.JoinHostPort(host, port)
		if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
			return nil, "", fault.Invalidf("the message broker's port %q is no port", port)
		}
		all = append(all, p)
	}
	return all, vhost, nil
}

// withPort returns the address, with the default port if it has none.
func (p place) withPort(tls bool) string {
	if host, port, err := net.SplitHostPort(p.address); err == nil && port == "" {
		if tls {
			return net.JoinHostPort(host, "5671")
		}
		return net.JoinHostPort(host, "5672")
	}
	return p.address
}

// routing returns the routing key of a message, and whether it goes to a queue that outlives its receiver.
func routing(to messaging.Address, k messaging.Kind) (key string, cast bool) {
	switch to.Mode {
	case messaging.All, messaging.Inbox:
		return key1(to), false
	}
	if k == messaging.KindCast {
		return "casts." + key1(to), true
	}
	return "calls." + key1(to), false
}

// key1 returns an address as text. Hosts may contain dots. The topic, which comes first, is escaped, so no two
// addresses share a key.
func key1(a messaging.Address) string {
	switch a.Mode {
	case messaging.One:
		return "one." + escape(a.Topic) + "." + a.Host
	case messaging.All:
		return "all." + a.Topic
	case messaging.Inbox:
		return "inbox." + a.Host
	default:
		return "any." + a.Topic
	}
}

func escape(topic string) string { return strings.NewReplacer("%", "%25", ".", "%2E").Replace(topic) }

// millis formats a duration for the broker, which accepts at most about 49 days.
func millis(d time.Duration) string { return strconv.FormatInt(int64(bounded(d)/time.Millisecond), 10) }

func bounded(d time.Duration) time.Duration { return min(max(d, time.Millisecond), 24*time.Hour) }
