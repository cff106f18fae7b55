package bench

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// contents is what the cloud of a table of costs has. Methods make it when a row first needs it.
type contents struct {
	flavor, image, network string
	listed                 struct{ wired, bare, oldest string } // servers; see page
	subjects               []string
	nova                   *db.DB

	mu     sync.Mutex
	booted map[int]string // server by the number of its request
	ports  map[int]string
	filled bool // there are 1,000 providers
}

var benched = db.NewSet("bench")

var (
	unfinished = db.NewQuery[int64](benched, "SELECT COUNT(*)\nFROM tasks\nWHERE state <> 'dead'")
	building   = db.NewQuery[int64](benched, `SELECT COUNT(*)
FROM servers
WHERE deleted = FALSE
  AND task_state <> ''`)
	broken = db.NewQuery[int64](benched, `SELECT COUNT(*)
FROM servers
WHERE deleted = FALSE
  AND vm_state = 'error'`)
)

// settle waits until compute has no work. It looks into the database, because a request would count as a cost.
func (c *costs) settle() {
	ctx := c.t.Context()
	if c.nova == nil {
		c.nova = dbtest.Open(c.t, c.database("nova"))
	}
	end := time.Now().Add(time.Minute)
	for {
		var left int64
		for _, q := range []*db.Query[int64]{unfinished, building} {
			n, err := q.One(ctx, c.nova)
			if err != nil {
				panic(err)
			}
			left += n
		}
		if left == 0 {
			break
		}
		if time.Now().After(end) {
			panic(fmt.Sprintf("%d tasks and servers are not finished after a minute", left))
		}
		time.Sleep(2 * time.Millisecond)
	}
	if n, err := broken.One(ctx, c.nova); err != nil || n > 0 {
		panic(fmt.Sprintf("%d servers are in error (%v)", n, err))
	}
}

// names looks up what servers are made of, and makes a network with room for many.
func (c *costs) names() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flavor != "" {
		return
	}
	c.flavor, c.image = c.first("compute", "/flavors#name=m1.nano", "flavors"),
		c.first("image", "/v2/images#name=guest", "images")
	var made struct{ Network struct{ ID string } }
	c.call(http.MethodPost, c.url("network", "/v2.0/networks"), `{"network":{"name":"bench"}}`, http.StatusCreated, &made)
	c.network = made.Network.ID
	c.call(http.MethodPost, c.url("network", "/v2.0/subnets"), fmt.Sprintf(
		`{"subnet":{"network_id":%q,"ip_version":4,"cidr":"10.64.0.0/16"}}`, c.network), http.StatusCreated, nil)
	c.booted, c.ports = map[int]string{}, map[int]string{}
}

func (c *costs) boot(networks string, count int) string {
	c.names()
	var s status
	c.call(http.MethodPost, c.url("compute", "/servers"), fmt.Sprintf(
		`{"server":{"name":"bench","flavorRef":%q,"imageRef":%q,"networks":%s,"min_count":%d,"max_count":%[4]d}}`,
		c.flavor, c.image, networks, count), http.StatusAccepted, &s)
	return s.Server.ID
}

func (c *costs) serversToList() {
	if c.listed.wired != "" {
		return
	}
	c.names()
	c.listed.wired = c.boot(c.wired(), 100)
	c.settle()
	c.listed.bare = c.boot(`"none"`, 100)
	c.settle()
	var doc struct{ Servers []struct{ ID string } }
	c.call(http.MethodGet, c.url("compute", "/servers?limit=100"), "", http.StatusOK, &doc)
	c.listed.oldest = doc.Servers[len(doc.Servers)-1].ID
}

func (c *costs) wired() string {
	c.names()
	return fmt.Sprintf(`[{"uuid":%q}]`, c.network)
}

func (c *costs) bootBare(i int)  { c.keep(i, c.boot(`"none"`, 1)) }
func (c *costs) bootWired(i int) { c.keep(i, c.boot(c.wired(), 1)) }

func (c *costs) keep(i int, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.booted[i] = id
}

// remove deletes the server of request i.
func (c *costs) remove(i int) {
	c.mu.Lock()
	id := c.booted[i]
	c.mu.Unlock()
	c.call(http.MethodDelete, c.url("compute", "/servers/"+id), "", http.StatusNoContent, nil)
}

func (c *costs) portCreate(i int) {
	c.names()
	var made struct{ Port struct{ ID string } }
	c.call(http.MethodPost, c.url("network", "/v2.0/ports"), fmt.Sprintf(`{"port":{"network_id":%q}}`, c.network),
		http.StatusCreated, &made)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ports[i] = made.Port.ID
}

func (c *costs) portDelete(i int) {
	c.mu.Lock()
	id := c.ports[i]
	c.mu.Unlock()
	c.call(http.MethodDelete, c.url("network", "/v2.0/ports/"+id), "", http.StatusNoContent, nil)
}

// check validates one of 200 tokens with another token, as a service does.
func (c *costs) check(i int) {
	for len(c.subjects) < 200 {
		c.subjects = append(c.subjects, c.login(nil))
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.identity+"/auth/tokens", nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Auth-Token", c.token)
	req.Header.Set("X-Subject-Token", c.subjects[i%len(c.subjects)])
	c.exchange(req, http.StatusOK)
}

// The providers of the rows with 1,000 of them are numbered from 1, those that a row makes and deletes from many on.
const many = 1_000_000

func (c *costs) providerCreate(i int) { c.provider(many+i, 64) }

func (c *costs) providerDelete(i int) {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", many+i)
	if status, b := c.placement(http.MethodDelete, "/resource_providers/"+id, ""); status != http.StatusNoContent {
		panic(fmt.Sprintf("%d %s", status, b))
	}
}

// candidates asks a placement with 1,000 providers more than the hosts.
func candidates(limit int) func(c *costs, _ int) {
	path := fmt.Sprintf("/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1&limit=%d", limit)
	return func(c *costs, _ int) {
		if !c.filled {
			made := 0
			c.providers(&made, 1000)
			c.filled = true
		}
		if status, b := c.placement(http.MethodGet, path, ""); status != http.StatusOK {
			panic(fmt.Sprintf("%d %s", status, b))
		}
	}
}
