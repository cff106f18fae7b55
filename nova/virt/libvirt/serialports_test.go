package libvirt

import (
	"net"
	"strconv"
	"testing"

	"hypernova/oslo/fault"
)

func TestSerialPortsAreGivenInTurnAndNotTwice(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	p := serialPorts{address: "127.0.0.1"}
	if err := p.setRange(strconv.Itoa(taken) + ":" + strconv.Itoa(taken)); err != nil {
		t.Fatal(err)
	}
	if got, err := p.take(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Errorf("the only port is taken: got %d, %v, want a Conflict fault", got, err)
	}
	none := serialPorts{}
	if got, err := none.take(t.Context()); got != 0 || err != nil {
		t.Errorf("without a range: got %d, %v, want no port", got, err)
	}
	free := serialPorts{address: "127.0.0.1"}
	if err := free.setRange("20000:30000"); err != nil {
		t.Fatal(err)
	}
	a, err := free.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := free.take(t.Context())
	if err != nil || a == b || a < 20000 || b > 30000 {
		t.Errorf("got ports %d and %d, %v, want two different ones of the range", a, b, err)
	}
	for _, bad := range []string{"x", "5", "0:5", "9:5", "1:70000", "-1:5"} {
		if err := new(serialPorts).setRange(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("range %q: got %v, want an Invalid fault", bad, err)
		}
	}
}
