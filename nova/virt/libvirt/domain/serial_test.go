package domain_test

import (
	"strings"
	"testing"

	"hypernova/nova/virt/libvirt/domain"
)

func TestASerialConsoleListensAndIsLogged(t *testing.T) {
	t.Parallel()
	s := domain.Server{Spec: spec(nil), Disks: disks, Console: "/srv/i/x/console.log", SerialHost: "127.0.0.1",
		SerialPort: 10007}
	got, err := domain.XML(domain.Host{Accel: "qemu", NoVNC: true}, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<serial type="tcp">`,
		`<source mode="bind" host="127.0.0.1" service="10007"></source>`, `<protocol type="raw"></protocol>`,
		`<log file="/srv/i/x/console.log" append="on"></log>`} {
		if !strings.Contains(got, want) {
			t.Errorf("the definition lacks %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "<graphics") {
		t.Errorf("a host without VNC gives its guests a screen:\n%s", got)
	}
}
