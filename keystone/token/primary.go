package token

import (
	"strings"

	"github.com/fernet/fernet-go"
)

// Primary reports that the key which seals now has sealed a text: the others are not needed for it.
func (k *Keys) Primary(text string) bool {
	if n := len(text) % 4; n != 0 {
		text += strings.Repeat("=", 4-n)
	}
	return fernet.VerifyAndDecrypt([]byte(text), -1, k.all()[:1]) != nil
}
