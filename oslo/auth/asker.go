package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// AskerHeader carries the user for whom one service calls another one; see EncodeAsker. It is accepted only beside a
// token with the role service, and only by APIs that allow it (oslo/api.Config.Askers).
const AskerHeader = "X-Hypernova-Asker"

// CheckOnlyHeader, sent with AskerHeader, asks for the policy check only: the request is authorized and not executed.
const CheckOnlyHeader = "X-Hypernova-Judge-Only"

// ownProject is the project of a service's own requests. It differs from every id that Keystone makes.
const ownProject = "service"

// Own reports whether the request is a service's own: the caller is nil or was made by Service. All other requests are
// subject to the rights of the user.
func (c *Caller) Own() bool { return c == nil || c.ProjectID == ownProject }

// EncodeAsker returns the value of AskerHeader: identity, scope and roles. It contains no token and no secret.
func EncodeAsker(c *Caller) string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // strings and a time always encode; the receiver rejects an empty value
	}
	return base64.StdEncoding.EncodeToString(b)
}

// DecodeAsker parses a value of AskerHeader. It returns an error if the value names no user, claims to be a service's
// own request, or contains a NUL character, which no database stores.
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
	for _, text := range []string{c.UserID, c.UserName, c.ProjectID, c.ProjectName, c.DomainID} {
		if strings.IndexByte(text, 0) >= 0 {
			return nil, errors.New("it has a NUL character")
		}
	}
	return &c, nil
}
