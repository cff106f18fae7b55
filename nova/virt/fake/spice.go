package fake

import (
	"encoding/binary"
	"errors"
	"io"
)

// What the first messages of SPICE have: the magic word, the length of the header, the longest message of a client, and
// the parts of the server's answer.
const (
	spiceMagic          = "REDQ"
	spiceHeader         = 16
	spiceLongest        = 4096
	spiceKey            = 162 // bytes of the public key
	spiceReply          = 4 + spiceKey + 3*4
	spiceNoSuchChannel  = 9
	spiceMajor          = 2
	spiceMinor          = 2
	spiceOffsetOfLength = 12
)

var errSPICE = errors.New("the client does not speak SPICE")

// serveSPICE is a SPICE server without a password and without channels: it refuses each that a client asks for.
func serveSPICE(c io.ReadWriter) error {
	head := make([]byte, spiceHeader)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[spiceOffsetOfLength:])
	if string(head[:len(spiceMagic)]) != spiceMagic || n > spiceLongest {
		return errSPICE
	}
	if _, err := io.CopyN(io.Discard, c, int64(n)); err != nil {
		return err
	}
	out := binary.LittleEndian.AppendUint32([]byte(spiceMagic), spiceMajor)
	out = binary.LittleEndian.AppendUint32(out, spiceMinor)
	out = binary.LittleEndian.AppendUint32(out, spiceReply)
	out = binary.LittleEndian.AppendUint32(out, spiceNoSuchChannel)
	out = append(out, make([]byte, spiceReply-4)...)
	_, err := c.Write(out)
	return err
}
