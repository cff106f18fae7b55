package api

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type named string

type viewOfAll struct {
	Text   named             `wire:"text"`
	Int    int               `wire:"int"`
	Float  float64           `wire:"float"`
	Nil    *int              `wire:"nil"`
	Absent opt.Of[int]       `wire:"absent"`
	Null   opt.Of[int]       `wire:"null"`
	Empty  []string          `wire:"empty" omit:"empty"`
	List   []int             `wire:"list"`
	Map    map[string]any    `wire:"map"`
	Any    any               `wire:"any"`
	Raw    json.RawMessage   `wire:"raw"`
	Day    time.Time         `wire:"day"`
	Micro  time.Time         `wire:"micro" time:"zmicro"`
	Never  time.Time         `wire:"never"`
	IP     netip.Addr        `wire:"ip"`
	Rest   map[string]string `wire:"*"`
}

func TestViewKinds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 67000, time.FixedZone("x", 3600))
	v := viewOfAll{Text: "a<\"\n\x01\xff", Int: -1, Float: 1, Null: opt.Null[int](),
		Map: map[string]any{"b": nil, "a": []any{true, 1.5}},
		Any: map[string]string{"k": "v"}, Day: at, Micro: at, IP: netip.MustParseAddr("::1"),
		Rest: map[string]string{"z": "1", "y": "2"}}
	ws := writers{}
	e := &view{w: &ws}
	ws.of(reflect.TypeOf(v), Version{})(e, reflect.ValueOf(&v).Elem())
	want := `{"text":"a<\"\n\u0001` + "\uFFFD" +
		`","int":-1,"float":1.0,"nil":null,"null":null,"list":[],"map":{"a":[true,1.5],"b":null},"any":{"k":"v"},"raw":null,` +
		`"day":"2026-01-02T02:04:05Z","micro":"2026-01-02T02:04:05.000067Z","never":null,"ip":"::1","y":"2","z":"1"}`
	if diff := cmp.Diff(want, string(e.buf)); diff != "" {
		t.Error(diff)
	}
}

// detail is about as wide as a server in a detailed list.
type detail struct {
	ID        string             `wire:"id"`
	Project   string             `wire:"tenant_id"`
	User      string             `wire:"user_id"`
	Name      string             `wire:"name"`
	Status    string             `wire:"status"`
	Created   time.Time          `wire:"created"`
	Updated   time.Time          `wire:"updated"`
	Flavor    map[string]any     `wire:"flavor" mv:"-2.46"`
	Size      flavorPart         `wire:"flavor" mv:"2.47-"`
	Metadata  map[string]string  `wire:"metadata"`
	Addresses map[string][]addr  `wire:"addresses"`
	Links     []map[string]any   `wire:"links" omit:"empty"`
	Host      string             `wire:"OS-EXT-SRV-ATTR:host" policy:"thing:admin"`
	Node      string             `wire:"OS-EXT-SRV-ATTR:hypervisor_hostname" policy:"thing:admin"`
	Power     int                `wire:"OS-EXT-STS:power_state"`
	Task      *string            `wire:"OS-EXT-STS:task_state"`
	VM        string             `wire:"OS-EXT-STS:vm_state"`
	Locked    bool               `wire:"locked" mv:"2.9-"`
	Desc      opt.Of[string]     `wire:"description" mv:"2.19-"`
	Tags      []string           `wire:"tags" mv:"2.26-"`
	Launched  time.Time          `wire:"OS-SRV-USG:launched_at" time:"micro"`
	Groups    []named            `wire:"groups"`
	Extra     [3]int             `wire:"extra"`
	Zone      string             `wire:"OS-EXT-AZ:availability_zone"`
	Key       *string            `wire:"key_name"`
	Drive     string             `wire:"config_drive"`
	Progress  int                `wire:"progress"`
	Floats    map[string]float64 `wire:"floats"`
}

type flavorPart struct {
	Name string            `wire:"original_name"`
	RAM  int               `wire:"ram"`
	CPU  int               `wire:"vcpus"`
	Disk int               `wire:"disk"`
	Spec map[string]string `wire:"extra_specs" mv:"2.61-"`
}

type addr struct {
	IP      string `wire:"addr"`
	Version int    `wire:"version"`
	MAC     string `wire:"OS-EXT-IPS-MAC:mac_addr"`
	Type    string `wire:"OS-EXT-IPS:type"`
}

func BenchmarkDetailOf1000(b *testing.B) {
	items := make([]detail, 1000)
	for i := range items {
		items[i] = detail{ID: "6f70656e-7374-4163-8b00-000000000001", Project: "p1", User: "alice", Name: "server",
			Status: "ACTIVE", Created: time.Now(), Updated: time.Now(),
			Size:      flavorPart{"m1.nano", 64, 1, 1, map[string]string{"hw:cpu_policy": "shared"}},
			Metadata:  map[string]string{"a": "b"},
			Addresses: map[string][]addr{"demo": {{"10.0.0.5", 4, "fa:16:3e:00:00:01", "fixed"}}}, Host: "h1", Node: "h1",
			Power: 1, VM: "active", Tags: []string{"x"},
			Launched: time.Now(), Groups: []named{"default"}, Zone: "nova"}
	}
	ws := writers{}
	w := ws.of(reflect.TypeFor[[]detail](), Version{2, 96})
	v := reflect.ValueOf(&items).Elem()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		e := &view{buf: buf[:0], w: &ws, v: Version{2, 96}, known: map[verdictKey][]bool{},
			allow: func(string, policy.Target) bool { return true }}
		w(e, v)
		buf = e.buf
	}
	b.SetBytes(int64(len(buf)))
}
