package wire

import (
	"crypto/rand"

	"hypernova/oslo/opt"
)

// passwordLetters are the characters of generated passwords, without those that look alike.
const passwordLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// PasswordOr returns the password that a request gave, or a generated one where it gave none.
func PasswordOr(given opt.Of[string]) string {
	if given.Has() {
		return given.Value
	}
	b := make([]byte, 12)
	rand.Read(b)
	for i := range b {
		b[i] = passwordLetters[int(b[i])%len(passwordLetters)]
	}
	return string(b)
}

// AdminPass is the member adminPass of an answer, which is left out where the operator wants that.
func (l *ServerLoader) AdminPass(password string) opt.Of[string] {
	if l.Servers.HidePasswords {
		return opt.Of[string]{}
	}
	return opt.Some(password)
}
