package app

import (
	"net"
	"net/netip"
	"strings"

	"hypernova/oslo/fault"
)

// check reports settings that contradict each other.
func (c *Config) check() error {
	if c.Default.Host == "" || strings.ContainsAny(c.Default.Host, " /\t*>") {
		return fault.Invalidf("[DEFAULT] host: %q is no name for a host", c.Default.Host)
	}
	if c.Default.Down < 2*c.Default.Report {
		return fault.Invalidf("[DEFAULT] service_down_time (%s) must be at least twice report_interval (%s), or living "+
			"services are taken for dead", c.Default.Down, c.Default.Report)
	}
	if c.Default.MyIP != "" {
		if _, err := netip.ParseAddr(c.Default.MyIP); err != nil {
			return fault.Invalidf("[DEFAULT] my_ip: %q is no address", c.Default.MyIP)
		}
	}
	if strings.HasPrefix(c.Database.Connection, "sqlite:///") && !strings.Contains(c.Database.Connection, "{service}") {
		return fault.Invalidf("[database] connection: {service} must stand in the path, because each service has a " +
			"database of its own")
	}
	if err := c.checkTasks(); err != nil {
		return err
	}
	if err := c.checkProfiles(); err != nil {
		return err
	}
	return c.checkBus()
}

// outwardAddress is the address this machine would send from, found without sending anything; loopback where there is
// no way out.
func outwardAddress() string {
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return a.IP.String()
	}
	return "127.0.0.1"
}
