package service_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/oslo/service"
)

func TestAListenerIsHandedOverHoweverLongTheFoldersNameIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	if got, pid, err := service.TakeOver(t.Context(), dir, "api", address); got != nil || pid != 0 || err != nil {
		t.Fatalf("before anybody offers: %v %d %v", got, pid, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	up, end := make(chan struct{}), make(chan error)
	go func() { end <- service.Offer(dir, "api", l.(*net.TCPListener)).Run(ctx, func() { close(up) }) }()
	select {
	case <-up:
	case err := <-end:
		t.Fatal(err)
	}
	got, pid, err := service.TakeOver(t.Context(), dir, "api", address)
	if err != nil || pid == 0 || got == nil || got.Addr().String() != address {
		t.Errorf("got %v of process %d, %v; want the listener at %s", got, pid, err, address)
	}
	if got != nil {
		got.Close()
	}
	stop()
	if err := <-end; err != nil {
		t.Error(err)
	}
}
