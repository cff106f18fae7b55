package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
)

// AskerHeader carries who asked a service for what the service now asks of another one: see EncodeAsker. It counts
// only beside the token of a caller with the role service, and only at APIs that say so (oslo/api.Config.Askers).
const AskerHeader = "X-Hypernova-Asker"

// JudgeHeader beside AskerHeader asks what would be refused, without doing it.
const JudgeHeader = "X-Hypernova-Judge-Only"

// ownProject is the project of services' own work. Keystone's ids never look like this.
const ownProject = "service"

// Own reports a service's own work: a caller that Service made, or none. Everything else is a user's wish and is
// judged by the user's rights.
func (c *Caller) Own() bool { return c == nil || c.ProjectID == ownProject }

// EncodeAsker is the value of AskerHeader: identity, scope and roles. There is no token or secret in it.
func EncodeAsker(c *Caller) string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // strings and a time always encode; an empty value is refused by who reads it
	}
	return base64.StdEncoding.EncodeToString(b)
}

// DecodeAsker reads it. A value that names no user, or that claims to be a service's own work, is an error.
func DecodeAsker(v string) (*Caller, error) {
	b, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return nil, err
	}
	var c Caller
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	if c.UserID == "" || c.Own() {
		return nil, errors.New("it names no user")
	}
	return &c, nil
}
