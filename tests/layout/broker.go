package layout

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hypernova/oslo/messaging/nats"
)

// brokerAt is set in the environment of a test's program that shall be a NATS server and nothing else.
const brokerAt = "HYPERNOVA_TEST_BROKER"

// Main is TestMain for tests whose clouds have a broker of their own: that is the test's program again.
func Main(m *testing.M) {
	at := os.Getenv(brokerAt)
	if at == "" {
		os.Exit(m.Run())
	}
	if err := serveNATS(at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveNATS(at string) error {
	host, port, _ := strings.Cut(at, ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	_, end, err := nats.Serve(ctx, nats.ServeOptions{Host: host, Port: n, User: "bus", Password: "secret"})
	if err != nil {
		return err
	}
	defer end()
	fmt.Println("broker is ready")
	<-ctx.Done()
	return nil
}

// broker is the message broker of a cloud whose bus is a process of its own.
type broker struct{ url string }

// startBroker starts the broker, or starts it again.
func (c *Cloud) startBroker() error {
	if c.shape.bus != "nats" {
		return fmt.Errorf("this test knows no broker for %s", c.shape.bus)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d", brokerAt, c.address, c.base+ports-1))
	p, err := c.run(Broker, cmd, "broker is ready")
	if err != nil {
		return err
	}
	select {
	case <-p.log.ready:
		return nil
	case <-p.end:
		return fmt.Errorf("the broker ended while it started:\n%s", p.log)
	}
}

// RestartBroker ends the broker as a crash does, waits until meanwhile returns, and starts it again on nothing.
func (c *Cloud) RestartBroker(meanwhile func()) error {
	p, err := c.Part(Broker)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	meanwhile()
	return c.startBroker()
}
