package images

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

// ErrContent means rejected data: of another format than declared, or with references to other files.
var ErrContent = errors.New("refused image content")

// Inspection configures how strictly data is compared with its image's attributes.
type Inspection struct {
	Lax        bool // accept data of another format than disk_format
	Partitions bool // accept a disk with an invalid partition table
}

// inspected is data that is inspected while it is read: its beginning before anything is stored, its end after all was
// read.
type inspected struct {
	r      io.Reader
	image  glance.Image
	how    Inspection
	head   []byte
	tail   []byte // the last bytes that were read, at most twice as many as are needed
	passed int64  // bytes that were read
	found  diskformat.Info
}

// inspect inspects the beginning of the data. The result reads all of the data.
func (s *intake) inspect(r io.Reader, i glance.Image) (*inspected, error) {
	w := &inspected{image: i, how: s.inspection}
	b := bufio.NewReaderSize(r, diskformat.Head)
	if i.ContainerFormat == "compressed" {
		w.r = b
		return w, nil
	}
	head, err := b.Peek(diskformat.Head)
	if err == nil && bytes.HasPrefix(head, []byte("vhdxfile")) {
		b = bufio.NewReaderSize(b, diskformat.HeadVHDX)
		head, err = b.Peek(diskformat.HeadVHDX)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	size := int64(-1)
	if err != nil { // the head is all of the data
		size = int64(len(head))
	}
	w.r, w.head = b, bytes.Clone(head)
	err = w.examine(size)
	if err == nil && !w.matches() {
		s.log.Warn("accepting image data of another format than disk_format",
			"image", i.ID, "disk_format", i.DiskFormat, "found", w.found.Format)
	}
	return w, err
}

// Read counts the bytes and keeps the last ones.
func (w *inspected) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.passed += int64(n)
	if n >= diskformat.Tail {
		w.tail = append(w.tail[:0], p[n-diskformat.Tail:n]...)
		return n, err
	}
	if w.tail = append(w.tail, p[:n]...); len(w.tail) > 2*diskformat.Tail {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-diskformat.Tail:]...)
	}
	return n, err
}

// complete inspects the data again after all of it was read.
func (w *inspected) complete() error {
	if w.image.ContainerFormat == "compressed" {
		return nil
	}
	return w.examine(w.passed)
}

// ReadAt reads from the known parts of the data: its beginning and its end.
func (w *inspected) ReadAt(p []byte, off int64) (int, error) {
	from, b := int64(0), w.head
	if start := w.passed - int64(len(w.tail)); len(w.tail) > 0 && off >= start && off+int64(len(p)) > int64(len(w.head)) {
		from, b = start, w.tail
	}
	if off < from || off-from >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off-from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (w *inspected) examine(size int64) (err error) {
	if w.found, err = diskformat.Inspect(w, size); err != nil {
		return err
	}
	i, f := w.image, w.found
	switch {
	case f.Danger != "":
		return refuse("The image data is refused: %s.", f.Danger)
	case i.DiskFormat == diskformat.VMDK && f.Format != diskformat.VMDK && diskformat.Descriptor(w.head):
		return refuse("The image data is not VMDK, which is the image's disk_format.")
	case i.ContainerFormat != "bare" || i.DiskFormat == "":
		return nil // the format is not declared
	case f.Format == "" && !w.how.Lax:
		return refuse("The image data is refused: it is of several formats at once: %s.", strings.Join(f.Formats, ", "))
	case !w.matches() && !w.how.Lax:
		return refuse("Image disk_format %s does not match stream data %s", i.DiskFormat, f.Format)
	case f.Partitions != "" && !w.how.Partitions:
		return refuse("The image data is refused: %s.", f.Partitions)
	}
	return nil
}

func refuse(format string, args ...any) error {
	return fault.Invalidf(format, args...).Because(ErrContent)
}

// inspectable are the disk formats that the inspection recognises.
var inspectable = []string{diskformat.Raw, diskformat.QCOW2, diskformat.VHD, diskformat.VHDX, diskformat.VMDK,
	diskformat.VDI,
	diskformat.QED,
	diskformat.ISO, diskformat.GPT, diskformat.LUKS}

// matches reports whether data has its image's format. A raw image may be anything, because its bytes are the disk.
// Data of a format that the inspection does not recognise, such as ami or ploop, must be unrecognised.
func (w *inspected) matches() bool {
	declared, found := w.image.DiskFormat, w.found.Format
	return w.image.ContainerFormat != "bare" || declared == "" || declared == found || declared == diskformat.Raw ||
		found == diskformat.Raw && !slices.Contains(inspectable, declared)
}

// virtual returns the size of the disk in n bytes of data; -1 if unknown.
func (w *inspected) virtual(n int64) int64 {
	switch declared := w.image.DiskFormat; {
	case w.image.ContainerFormat != "bare":
		return -1
	case declared == diskformat.Raw:
		return n
	case declared != w.found.Format:
		return -1
	case w.found.Virtual < 0 && (declared == diskformat.GPT || declared == diskformat.LUKS):
		return n
	}
	return w.found.Virtual
}
