package images

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"hypernova/glance"
	"hypernova/oslo/fault"
)

// ErrContent is data that an image must not have: of another format than declared, or referring to files outside itself.
var ErrContent = errors.New("refused image content")

// peeked is how much of the data is looked at: beyond an ISO's volume descriptor.
const peeked = 64 << 10

// content is what data says of itself.
type content struct {
	format  string // raw where nothing is recognised
	virtual int64  // -1: not known
	danger  string // why it must be refused
}

// look inspects the beginning of the data and returns a reader of all of it.
func look(r io.Reader, i glance.Image) (io.Reader, content, error) {
	b := bufio.NewReaderSize(r, peeked)
	head, err := b.Peek(peeked)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, content{}, err
	}
	if i.ContainerFormat == "compressed" {
		return b, content{virtual: -1}, nil
	}
	c := inspect(head)
	if c.danger != "" {
		return nil, c, refuse("The image data is refused: %s.", c.danger)
	}
	if i.DiskFormat == "vmdk" && c.format != "vmdk" && bare(head) {
		return nil, c, refuse("The image data is not VMDK, which is the image's disk_format.")
	}
	if !matches(i.DiskFormat, c.format) {
		return nil, c, refuse("The image data is %s, but the image's disk_format is %s.", c.format, i.DiskFormat)
	}
	if c.format != i.DiskFormat && c.format == "raw" && i.DiskFormat != "" && !plain(i.DiskFormat) {
		c.format = "" // declared as something that was not recognised: its size says nothing
	}
	return b, c, nil
}

func refuse(format string, args ...any) error {
	return fault.Invalidf(format, args...).Because(ErrContent)
}

func plain(format string) bool {
	return format == "raw" || format == "iso" || format == "ami" || format == "ari" || format == "aki"
}

// matches lets unrecognised data be anything, as hypervisors refuse to read it as something it is not; data that is
// recognised must be declared as what it is, or else a raw image could be probed into one with a backing file.
func matches(declared, found string) bool {
	return declared == "" || found == "raw" || declared == found || found == "iso" && declared == "raw" || declared == "ploop"
}

// inspect recognises a format by its signature.
func inspect(b []byte) content {
	switch {
	case bytes.HasPrefix(b, []byte("QFI\xfb")):
		return qcow2(b)
	case bytes.HasPrefix(b, []byte("QED\x00")):
		return content{format: "qed", virtual: -1, danger: "the QED format is not supported"}
	case bytes.HasPrefix(b, []byte("KDMV")):
		return vmdk(b)
	case bytes.HasPrefix(b, []byte("# Disk DescriptorFile")):
		return content{format: "vmdk", virtual: -1, danger: "a VMDK descriptor refers to files outside the image"}
	case bytes.HasPrefix(b, []byte("COWD")):
		return content{format: "vmdk", virtual: -1, danger: "the first version of VMDK is not supported"}
	case bytes.HasPrefix(b, []byte("vhdxfile")):
		return content{format: "vhdx", virtual: -1}
	case bytes.HasPrefix(b, []byte("conectix")) && len(b) >= 56:
		return content{format: "vhd", virtual: size(binary.BigEndian.Uint64(b[48:]))}
	case len(b) >= 0x178 && binary.LittleEndian.Uint32(b[0x40:]) == 0xbeda107f:
		return content{format: "vdi", virtual: size(binary.LittleEndian.Uint64(b[0x170:]))}
	case len(b) >= 32774 && string(b[32769:32774]) == "CD001":
		return content{format: "iso", virtual: -1}
	}
	return content{format: "raw", virtual: -1}
}

// size keeps nonsense of a forged header out of the record.
func size(n uint64) int64 {
	if n > 1<<60 {
		return -1
	}
	return int64(n)
}

const (
	qcow2HeaderV2 = 72
	qcow2HeaderV3 = 104
	// incompatible feature bits of version 3
	qcow2DataFile = 1 << 2
	qcow2Known    = 1<<5 - 1
)

// qcow2 reads the header: nothing may point outside the file.
func qcow2(b []byte) content {
	c := content{format: "qcow2", virtual: -1}
	if len(b) < qcow2HeaderV2 {
		c.danger = "the qcow2 header is cut off"
		return c
	}
	version := binary.BigEndian.Uint32(b[4:])
	backing := binary.BigEndian.Uint64(b[8:])
	c.virtual = size(binary.BigEndian.Uint64(b[24:]))
	switch {
	case version != 2 && version != 3:
		c.danger = "the qcow2 version is not known"
	case backing != 0:
		c.danger = "a qcow2 image with a backing file could read files of the host"
	case version == 3 && len(b) < qcow2HeaderV3:
		c.danger = "the qcow2 header is cut off"
	case version == 3:
		features := binary.BigEndian.Uint64(b[72:])
		if features&qcow2DataFile != 0 {
			c.danger = "a qcow2 image with an external data file could read files of the host"
		} else if features&^qcow2Known != 0 {
			c.danger = "the qcow2 image has features that are not known"
		}
	}
	return c
}
