package token

import (
	"context"
	"encoding/json"
	"time"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
)

// Dialogue is what a browser carries from the first half of a login to the second: who is asked, what for, and the
// secrets that bind the answer to the question.
type Dialogue struct {
	Provider string    `json:"p"`
	Protocol string    `json:"q"`
	Issuer   string    `json:"i"`
	Origin   string    `json:"o"` // where the token goes
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of RFC 7636
	Expires  time.Time `json:"e"`
}

// dialogue is the version of its payload, which no token has.
const dialogue = 5

// SealDialogue makes a text of it that only this cloud can read or make.
func (s *Service) SealDialogue(d Dialogue) (string, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	return s.keys.Seal(append([]byte{dialogue}, b...))
}

// OpenDialogue reads it again; fault.Unauthorized for what this cloud has not made, and for what is too old.
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

// EndDialogue takes a dialogue for answered, whatever comes of the answer; fault.Unauthorized when it was before, by
// whomever. What is kept of it stays until it would have been too old.
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

// dialogues stands where used passcodes have their user; no user's id has a blank.
const dialogues = "browser dialogues"
