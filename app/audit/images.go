package audit

import (
	"hypernova/glance"
	"hypernova/nova"
)

// shelved finds shelved servers that cannot come back, because their image is gone or has no data.
func (j *judge) shelved() {
	for id, image := range j.Shelved {
		s := j.servers[id]
		if s == nil || j.busy[id] || image == "" {
			continue
		}
		what := "is gone"
		switch status, there := j.Images[image]; {
		case status == string(glance.Active):
			continue
		case there:
			what = "is " + status
		}
		e := j.say("image-missing", "server "+id, "is %s, but its image %s %s", s.Status(), image, what)
		if s.VM == nova.Shelved {
			e.person("its disk is still on its host: openstack server unshelve %s", id)
			continue
		}
		e.person("it cannot come back, unless the image does from a backup: openstack server delete %s", id)
	}
}

// leftovers finds what operations that have ended left on this host.
func (j *judge) leftovers() {
	for _, l := range j.Local.Leftovers {
		s := j.servers[l.ID]
		if s == nil || s.Host != j.Local.Host || j.busy[l.ID] || s.Task != nova.Idle {
			continue // a guest of no server is told of as such, and what a job has is in use
		}
		const agent = "nova-compute removes it when it starts, and every running_deleted_instance_poll_interval"
		if len(l.Snapshots) > 0 {
			j.say("snapshot-orphaned", "guest "+l.ID, "has a copy of its disk for image %s on this host, which nobody makes",
				l.Snapshots[0]).person(agent)
		}
		if l.NewDisks || l.OldDisks {
			j.say("rebuild-orphaned", "guest "+l.ID, "has disks of a rebuild on this host that has ended").person(agent)
		}
		switch {
		case !l.RescueDisk && !l.Rescued || s.VM == nova.Rescued:
		case l.Rescued:
			j.say("rescue-orphaned", "guest "+l.ID, "was started from its rescue disk, but its server is %s", s.Status()).
				person("openstack server reboot --hard %s starts it from its own disk", l.ID)
		default:
			j.say("rescue-orphaned", "guest "+l.ID, "has a rescue disk on this host, but its server is %s",
				s.Status()).person(agent)
		}
	}
}
