package bench

import (
	"bytes"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// guestFigures measures what the cloud does with one running guest: suspend and resume, beside virsh on the same guest,
// an image of its disk with the time for which QEMU stopped the guest, and a rebuild.
func (b *booting) guestFigures(say func(figure, format string, args ...any)) {
	b.t.Helper()
	var doc struct{ Server struct{ ID string } }
	b.api.Do(b.t, "POST", "compute", "/servers", b.body, http.StatusAccepted, &doc)
	id := doc.Server.ID
	b.until(id, "ACTIVE")
	act := func(body, status string) time.Duration {
		b.t.Helper()
		began := time.Now()
		b.api.Do(b.t, "POST", "compute", "/servers/"+id+"/action", body, http.StatusAccepted, nil)
		b.until(id, status)
		return time.Since(began)
	}
	virsh := func(args ...string) time.Duration {
		b.t.Helper()
		began := time.Now()
		b.run("virsh", append([]string{"-q", "-c", "qemu:///system"}, args...)...)
		return time.Since(began)
	}
	const runs = 5
	var suspend, resume, save, start []time.Duration
	for range runs {
		suspend = append(suspend, act(`{"suspend":null}`, "SUSPENDED"))
		resume = append(resume, act(`{"resume":null}`, "ACTIVE"))
	}
	stopped := b.stops(id)
	for range 3 { // which shows that the events come
		act(`{"pause":null}`, "PAUSED")
		act(`{"unpause":null}`, "ACTIVE")
	}
	began := time.Now()
	image := act(`{"createImage":{"name":"figure"}}`, "ACTIVE")
	pause, times := stopped(began)
	rebuild := act(`{"rebuild":{"imageRef":"`+b.api.Find(b.t, "image", "/v2/images", "images", "guest")+`"}}`, "ACTIVE")
	for range runs { // at last, because the cloud takes the guest for stopped
		save = append(save, virsh("managedsave", id))
		start = append(start, virsh("start", id))
	}
	say("suspend, request to SUSPENDED", "%s (%s)", seconds(suspend), b.accel)
	say("the same guest, virsh managedsave", "%s", seconds(save))
	say("resume, request to ACTIVE", "%s", seconds(resume))
	say("the same guest, virsh start", "%s", seconds(start))
	say("image of a running server, to the end", "%.2f s", image.Seconds())
	say("guest stopped meanwhile by QEMU", "%.1f ms in %d stops", float64(pause.Microseconds())/1000, times)
	say("rebuild, request to ACTIVE", "%.2f s", rebuild.Seconds())
	b.api.Do(b.t, "DELETE", "compute", "/servers/"+id, "", http.StatusNoContent, nil)
}

// until waits until a server has the status and no task state.
func (b *booting) until(id, status string) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var s struct {
			Server struct {
				Status string
				Task   *string `json:"OS-EXT-STS:task_state"`
			}
		}
		b.api.Do(b.t, "GET", "compute", "/servers/"+id, "", http.StatusOK, &s)
		if s.Server.Status == status && s.Server.Task == nil {
			return
		}
		if s.Server.Status == "ERROR" {
			b.t.Fatalf("server %s is in ERROR, not %s", id, status)
		}
		select {
		case <-tick.C:
		case <-b.t.Context().Done():
			b.t.Fatalf("server %s is %s, not %s", id, s.Server.Status, status)
		}
	}
}

// stops follows the events of a guest's QEMU. The returned function ends that, and returns for how long QEMU stopped
// the guest since a time, and how often. There must have been stops before that.
func (b *booting) stops(id string) func(since time.Time) (time.Duration, int) {
	b.t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(b.t.Context(), "virsh", "-q", "-c", "qemu:///system", "qemu-monitor-event", id, "--loop",
		"--timestamp", "--timeout", "600")
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return func(since time.Time) (whole time.Duration, times int) {
		b.t.Helper()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // an error, because it was killed
		var stop time.Time
		before := 0
		for line := range strings.Lines(out.String()) {
			stamp, event, _ := strings.Cut(line, ": ")
			at, err := time.Parse("2006-01-02 15:04:05.000-0700", stamp)
			switch {
			case err != nil:
			case strings.HasPrefix(event, "event STOP") && at.Before(since):
				before++
			case strings.HasPrefix(event, "event STOP"):
				stop, times = at, times+1
			case strings.HasPrefix(event, "event RESUME") && !stop.IsZero():
				whole += at.Sub(stop)
			}
		}
		if before == 0 {
			b.t.Fatalf("no stops of the guest are seen:\n%s", &out)
		}
		return whole, times
	}
}
