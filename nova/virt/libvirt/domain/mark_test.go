package domain_test

import (
	"testing"

	"hypernova/nova/virt/libvirt/domain"
)

func TestBelongs(t *testing.T) {
	t.Parallel()
	s := spec(nil)
	folder := "/srv/instances/" + s.ID
	disks := []domain.Disk{{Path: folder + "/disk", Format: "qcow2", Base: "/srv/instances/_base/x.raw",
		BaseFormat: "raw"}}
	for _, owner := range []uint32{0, 4711} {
		text, err := domain.XML(domain.Host{Accel: "qemu", Owner: owner}, domain.Server{Spec: s, Disks: disks,
			Console: folder + "/console.log"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := domain.Belongs(s.ID, text)
		if want := (domain.Belonging{Owner: owner, Ours: true, Folder: folder}); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	got, err := domain.Belongs(s.ID,
		"<domain type='qemu'><name>mine</name><devices><disk type='file'><source file='/srv/mine'/></disk></devices></domain>")
	if err != nil || got != (domain.Belonging{}) {
		t.Errorf("of somebody else's: got %+v, %v, want nothing", got, err)
	}
}
