package api_test

import (
	"strings"
	"testing"
)

// Requests of operators whose answers are not what one would guess. Each row names a part of the answer.
func TestOperatorsRequestsAreAnsweredAsByNova(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	server := w.server("s1")
	w.settle(server)
	w.server("s2")
	zone := w.want(200, "root", "2.1", "POST /os-aggregates", `{"aggregate":{"name":"east","availability_zone":"east"}}`)
	if zone.at("aggregate", "id") != 1.0 {
		t.Fatal(zone.text)
	}
	w.want(200, "root", "2.1", "POST /os-aggregates", `{"aggregate":{"name":"fast"}}`)
	w.want(200, "root", "2.1", "POST /os-aggregates/2/action", `{"add_host":{"host":"h1"}}`)
	event := func(name, tag string) string {
		return `{"events":[{"name":"` + name + `","server_uuid":"` + server + `"` + tag + `}]}`
	}
	for _, c := range []struct {
		name, who, version, line, body string
		status                         int
		part                           string
	}{
		{"another service than compute's is not changed", "root", "2.1", "PUT /os-services/disable",
			`{"host":"h1","binary":"nova-scheduler"}`, 400,
			"Updating a nova-scheduler service is not supported. Only nova-compute services can be updated."},
		{"of a host that is not there", "root", "2.1", "PUT /os-services/disable",
			`{"host":"h9","binary":"nova-compute"}`, 404, "Could not find binary nova-compute on host h9."},
		{"an action that is not there comes first", "root", "2.1", "PUT /os-services/paint",
			`{"host":"h9","binary":"other"}`, 404, "Unknown action"},
		{"hypervisors after one that is not there", "root", "2.53", "GET /os-hypervisors?marker=" + nobody, "", 400,
			"marker [" + nobody + "] not found"},

		{"a host with servers into a zone", "root", "2.1", "POST /os-aggregates/1/action", `{"add_host":{"host":"h1"}}`,
			409, "would change from 'None' to 'east' but the host already has 1 instance(s)."},
		{"a zone for hosts with servers", "root", "2.1", "PUT /os-aggregates/2", `{"aggregate":{"availability_zone":"b"}}`,
			400, "Cannot update aggregate 2. Reason: One or more hosts contain instances in this zone."},
		{"the same as metadata", "root", "2.1", "POST /os-aggregates/2/action",
			`{"set_metadata":{"metadata":{"availability_zone":"b"}}}`, 400, "Cannot update metadata of aggregate 2. Reason:"},
		{"a member again", "root", "2.1", "POST /os-aggregates/2/action", `{"add_host":{"host":"h1"}}`, 409,
			"Aggregate 2 already has host h1."},
		{"a host that is no member", "root", "2.1", "POST /os-aggregates/1/action", `{"remove_host":{"host":"h1"}}`, 404,
			"Cannot remove host h1 in aggregate 1"},
		{"an aggregate that has hosts", "root", "2.1", "DELETE /os-aggregates/2", "", 400, "Host aggregate is not empty."},
		{"images before 2.81", "root", "2.80", "POST /os-aggregates/2/images", `{"cache":[{"id":"` + image + `"}]}`, 404, ""},
		{"images", "root", "2.81", "POST /os-aggregates/2/images", `{"cache":[{"id":"` + image + `"}]}`, 202, ""},
		{"an image twice", "root", "2.81", "POST /os-aggregates/2/images",
			`{"cache":[{"id":"` + image + `"},{"id":"` + image + `"}]}`, 400, "Duplicate images in request"},
		{"no image", "root", "2.81", "POST /os-aggregates/2/images", `{"cache":[]}`, 400, ""},
		{"an image that is not there", "root", "2.81", "POST /os-aggregates/2/images", `{"cache":[{"id":"` + nobody + `"}]}`,
			400, "Image " + nobody + " could not be found."},
		{"images of no aggregate", "root", "2.81", "POST /os-aggregates/9/images", `{"cache":[{"id":"` + image + `"}]}`, 404,
			"Aggregate 9 could not be found."},

		{"a volume's event without a tag", "root", "2.51", "POST /os-server-external-events", event("volume-extended", ""),
			207, `"code":400`},
		{"with an empty tag", "root", "2.51", "POST /os-server-external-events", event("volume-extended", `,"tag":""`), 200,
			`"code":200`},
		{"a new image of a volume needs none", "root", "2.93", "POST /os-server-external-events",
			event("volume-reimaged", ""), 200, `"code":200`},
		{"a tag that is too long", "root", "2.1", "POST /os-server-external-events",
			event("network-changed", `,"tag":"`+strings.Repeat("x", 256)+`"`), 400, ""},

		{"a project's own limits by name", "alice", "2.1", "GET /limits?tenant_id=p1", "", 403, ""},
		{"a limit below the usage", "root", "2.1", "PUT /os-quota-sets/p1", `{"quota_set":{"instances":1}}`, 400,
			"Quota limit 1 for instances must be greater than or equal to already used and reserved 2."},
		{"a user's limit above the project's", "root", "2.1", "PUT /os-quota-sets/p1?user_id=alice",
			`{"quota_set":{"cores":21}}`, 400, "Quota limit 21 for cores must be less than or equal to 20."},
		{"the same by force", "root", "2.1", "PUT /os-quota-sets/p1?user_id=alice",
			`{"quota_set":{"cores":21,"force":true}}`, 200, `"cores":21`},

		{"usage of a day in another form", "alice", "2.1", "GET /os-simple-tenant-usage/p1?start=2020-01-01", "", 400,
			"Invalid datetime string: Datetime is in invalid format"},
		{"usage without times is that of an instant", "alice", "2.1", "GET /os-simple-tenant-usage/p1", "", 200,
			`"total_hours":`},
	} {
		r := w.want(c.status, c.who, c.version, c.line, c.body)
		if !strings.Contains(r.text, c.part) {
			t.Errorf("%s: got %s, want %s", c.name, r.text, c.part)
		}
	}
}
