package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watched is how long an idle cloud is watched.
const watched = 3 * time.Second

// idle measures a cloud that has just started on the databases of this one, without requests.
func (c *costs) idle() figure {
	c.start()
	c.restart()
	c.profileHeap()
	rest := time.NewTimer(watched) // until the start's garbage is gone
	<-rest.C
	before, _ := c.cpu()
	rest.Reset(watched)
	<-rest.C
	after, _ := c.cpu()
	return figure{"pss_mib": c.pss(), "idle_cores": (after - before).Seconds() / watched.Seconds()}
}

// restart ends the cloud and starts it again.
func (c *costs) restart() {
	c.Stop(c.t)
	c.rig = newRig(c.t, c.dir, c.flags...)
}

// pss returns the process's share of the memory that it uses, in MiB: pages that others use too count in part.
func (c *costs) pss() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", c.PID()))
	if err != nil {
		panic(err)
	}
	for l := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(l, "Pss:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(v)[0], 64)
			if err != nil {
				panic(err)
			}
			return kib / 1024
		}
	}
	panic("smaps_rollup has no Pss")
}
