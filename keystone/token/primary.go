package token

import (
	"strings"

	"github.com/fernet/fernet-go"
)

// Primary reports whether the current signing key has encrypted a text, so that no other key is needed to read it.
func (k *Keys) Primary(text string) bool {
	if n := len(text) % 4; n != 0 {
		text += strings.Repeat("=", 4-n)
	}
	return fernet.VerifyAndDecrypt([]byte(text), -1, k.all()[:1]) != nil
}
