package metric_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"hypernova/oslo/metric"
)

func TestOperationsShow(t *testing.T) {
	t.Parallel()
	m := metric.New()
	open := m.Start("call", "compute.build")
	m.Start("call", "compute.stop")("conflict")
	m.Panic("task", "server.build")
	m.Gauge("hypernova_servers", "Servers here.", func() float64 { return 7 })
	w := httptest.NewRecorder()
	metric.Handler(m.Gatherer()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	open("ok")
	for _, want := range []string{
		`hypernova_operation_seconds_count{name="compute.stop",outcome="conflict",sort="call"} 1`,
		`hypernova_in_flight{sort="call"} 1`,
		`hypernova_panics_total{name="server.build",sort="task"} 1`,
		`hypernova_servers 7`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("missing %s", want)
		}
	}
}

func TestNilRegistryTakesEverything(t *testing.T) {
	t.Parallel()
	m := metric.From(t.Context())
	m.Start("call", "x")("ok")
	m.Panic("call", "x")
	m.Gauge("g", "h", func() float64 { return 0 })
	if fs, err := m.Gatherer().Gather(); len(fs) != 0 || err != nil {
		t.Errorf("got %v, %v", fs, err)
	}
}
