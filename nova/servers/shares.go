package servers

import (
	"hypernova/nova"
	"hypernova/oslo/fault"
)

// AttachShare refuses to attach a shared file system to a server: fault.Conflict for one that is not stopped, and
// otherwise because no host can pass a share on to its guests (COMPUTE_STORAGE_VIRTIO_FS).
func AttachShare(v *nova.Server) error {
	if v.VM != nova.Stopped {
		return (&nova.Refusal{Attr: "vm_state", State: string(v.VM)}).Fault("create share", v.ID)
	}
	return fault.Conflictf("Feature not supported because either compute or instance are not configured correctly.")
}

// DetachShare refuses to detach one: fault.Conflict for a server that neither is stopped nor failed, and otherwise
// fault.NotFound, because no server has a share.
func DetachShare(v *nova.Server, share string) error {
	if v.VM != nova.Stopped && v.VM != nova.Error {
		return (&nova.Refusal{Attr: "vm_state", State: string(v.VM)}).Fault("delete share", v.ID)
	}
	return fault.NotFoundf("Share %s could not be found.", share)
}
