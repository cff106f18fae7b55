package token

import (
	"context"
	"encoding/json"
	"time"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
)

// Dialogue is the state of a browser's login at an OpenID Connect provider between the redirect to the provider and
// the redirect back. The browser has it in a cookie, encrypted.
type Dialogue struct {
	Provider string    `json:"p"`
	Protocol string    `json:"q"`
	Issuer   string    `json:"i"`
	Origin   string    `json:"o"` // where the token is sent
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of RFC 7636
	Expires  time.Time `json:"e"`
}

// dialogue is the version of the payload; tokens have other ones.
const dialogue = 5

// SealDialogue encrypts a dialogue with the current Fernet key.
func (s *Service) SealDialogue(d Dialogue) (string, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	return s.keys.Seal(append([]byte{dialogue}, b...))
}

// OpenDialogue decrypts a dialogue. fault.Unauthorized if it is not from SealDialogue or has expired.
func (s *Service) OpenDialogue(text string) (Dialogue, error) {
	var d Dialogue
	b, err := s.keys.Open(text)
	if err != nil || len(b) == 0 || b[0] != dialogue || json.Unmarshal(b[1:], &d) != nil {
		return Dialogue{}, refused("the dialogue is malformed")
	}
	if !s.now().Before(d.Expires) {
		return Dialogue{}, refused("the dialogue is over")
	}
	return d, nil
}

// EndDialogue marks a dialogue as used, so that it can be used once among all processes. fault.Unauthorized if it was
// used before. The mark is kept until the dialogue expires.
func (s *Service) EndDialogue(ctx context.Context, d Dialogue) error {
	first := false
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		first, err = store.UsePasscode(ctx, tx, dialogues, d.Expires.Unix()/int64(step/time.Second), d.State)
		return err
	})
	if err == nil && !first {
		err = refused("the dialogue was answered before")
	}
	return err
}

// dialogues replaces the user's id in the rows of used passcodes. No user's id has a blank.
const dialogues = "browser dialogues"
