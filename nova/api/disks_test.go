package api_test

import "testing"

// Of the boot disk's members those that cannot be honoured are refused.
func TestBootDisks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for more, status := range map[string]int{
		``: 202, `,"device_type":"disk"`: 202, `,"disk_bus":"virtio"`: 202, `,"device_name":"/dev/vda"`: 202,
		`,"delete_on_termination":true`: 202,
		`,"device_type":"cdrom"`:        400, `,"disk_bus":"sata"`: 400, `,"disk_bus":"bogus"`: 400,
		`,"device_name":"/dev/vdb"`:      400,
		`,"delete_on_termination":false`: 400, `,"volume_size":5`: 400, `,"guest_format":"ext4"`: 400, `,"tag":"root"`: 400,
		`,"no_device":true`: 400,
	} {
		body := `{"server":{"name":"s","flavorRef":"1","imageRef":"` + image +
			`","networks":"none","block_device_mapping_v2":[{"boot_index":0,` +
			`"source_type":"image","destination_type":"local","uuid":"` + image + `"` + more + `}]}}`
		w.want(status, "alice", "2.42", "POST /servers", body)
	}
	two := `{"boot_index":0,"source_type":"image","destination_type":"local","uuid":"` + image + `"}`
	w.want(400, "alice", "2.42", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
		`","networks":"none","block_device_mapping_v2":[`+two+`,`+two+`]}}`)
}
