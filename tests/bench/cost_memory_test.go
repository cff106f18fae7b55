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
	c.rested() // until the start's garbage is gone
	before, _ := c.cpu()
	pss := c.rested()
	after, _ := c.cpu()
	return figure{"pss_mib": pss, "idle_cores": (after - before).Seconds() / watched.Seconds()}
}

// rested returns the memory of the cloud after it had nothing to do for a while.
func (c *costs) rested() float64 {
	rest := time.NewTimer(watched)
	<-rest.C
	return c.pss()
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
