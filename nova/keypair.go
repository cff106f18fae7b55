package nova

import (
	"time"

	"hypernova/oslo/policy"
)

// Types of key pairs.
const (
	KeySSH  = "ssh"
	KeyX509 = "x509"
)

// KeyPair is a public key of a user, by a name that is unique for the user. The private half is never kept.
type KeyPair struct {
	User, Name  string
	Number      int64 // the id that the API shows
	Type        string
	Fingerprint string
	PublicKey   string
	Created     time.Time
}

// PolicyTarget names the owner.
func (k *KeyPair) PolicyTarget() policy.Target { return policy.Target{"user_id": k.User} }
