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
	"hypernova/oslo/messaging/rabbit/rabbittest"
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

// startBroker starts the broker of a cloud that has one of its own, or starts it again.
func (c *Cloud) startBroker() error {
	if c.shape.rabbit != nil {
		return c.shape.rabbit.Run(context.WithoutCancel(c.t.Context())) // it outlives the test: others use it too
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d", brokerAt, c.address, c.base+busPort()))
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

// RestartBroker ends the broker as a crash does, waits until meanwhile returns, and starts it again.
func (c *Cloud) RestartBroker(meanwhile func()) error {
	if c.shape.rabbit != nil {
		c.shape.rabbit.Kill()
		meanwhile()
		return c.startBroker()
	}
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

// Rabbit starts a RabbitMQ server for the clouds of a test; it ends with the test. The test is skipped where it is
// not installed.
func Rabbit(t testing.TB) *rabbittest.Server {
	t.Helper()
	if why := rabbittest.Missing(); why != "" {
		t.Skip(why)
	}
	ctx := context.WithoutCancel(t.Context()) // it ends by its cleanup, after the clouds
	s, err := rabbittest.New(ctx, t.TempDir(), nil)
	if err == nil {
		t.Cleanup(s.Close)
		err = s.Run(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
