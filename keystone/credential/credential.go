// Package credential implements the operations on credentials (EC2, TOTP and others), encrypted in the database, and
// the check of EC2 and S3 signatures.
package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
)

// Sealer encrypts what the database keeps. token.Keys is one, over a key repository of its own.
type Sealer interface {
	Seal(payload []byte) (string, error)
	Open(text string) ([]byte, error)
	Primary(text string) bool // the key that seals now has sealed it
}

// Service is the operations. All are safe for concurrent use.
type Service struct {
	db   *db.DB
	keys Sealer
	now  clock.Now
}

// New returns the operations over the identity database.
func New(d *db.DB, keys Sealer, now clock.Now) *Service { return &Service{d, keys, now} }

// The types that mean something here; any other is kept as it is.
const (
	TypeEC2  = "ec2"
	TypeTOTP = "totp"
)

// EC2 is the blob of an EC2 credential. Trust and AppCredential say what it was made by, and what its tokens are
// delegated by.
type EC2 struct {
	Access        string `json:"access"`
	Secret        string `json:"secret"`
	Trust         string `json:"trust_id,omitempty"`
	AppCredential string `json:"app_cred_id,omitempty"`
}

// IsEC2 tells an EC2 key by its type; keystone takes the type in any case.
func IsEC2(kind string) bool { return strings.EqualFold(kind, TypeEC2) }

// MadeBy tells whether a credential was made by a token that stood on the trust or application credential of that id.
func MadeBy(c keystone.Credential, id string) bool {
	if c.MadeBy != "" || !IsEC2(c.Type) {
		return id != "" && c.MadeBy == id
	}
	e, _, err := ParseEC2(c.Blob)
	return err == nil && id != "" && (e.Trust == id || e.AppCredential == id)
}

// EC2ID is the id of the credential with an access key.
func EC2ID(access string) string {
	sum := sha256.Sum256([]byte(access))
	return hex.EncodeToString(sum[:])
}

func missing(err error, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Could not find credential: %s.", id).Because(err)
	}
	return err
}

// ParseEC2 reads a blob; fault.Invalid for one that is none.
func ParseEC2(blob string) (EC2, map[string]json.RawMessage, error) {
	var e EC2
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(blob), &all) != nil || json.Unmarshal([]byte(blob), &e) != nil {
		return e, nil, fault.Invalidf("Invalid blob in credential")
	}
	if e.Access == "" {
		return e, nil, fault.Invalidf(
			"Expecting to find access in credential. The server could not comply with the request since it is either malformed or otherwise incorrect.")
	}
	return e, all, nil
}

func (s *Service) open(c store.SealedCredential) (keystone.Credential, error) {
	blob, err := s.keys.Open(c.Blob)
	c.Blob = string(blob)
	if err != nil {
		err = fault.New(fault.Internal, "credential %s is sealed with a key that is not in the repository", c.ID)
	}
	return keystone.Credential(c), err
}

func (s *Service) seal(c keystone.Credential) (store.SealedCredential, error) {
	text, err := s.keys.Seal([]byte(c.Blob))
	c.Blob = text
	return store.SealedCredential(c), err
}

// Credential finds a credential; fault.NotFound.
func (s *Service) Credential(ctx context.Context, id string) (keystone.Credential, error) {
	c, err := store.Credential(ctx, s.db, id)
	if err != nil {
		return keystone.Credential{}, missing(err, id)
	}
	return s.open(c)
}

// Held finds a credential of which only who has it matters: its blob is empty where no key of the repository opens
// it. fault.NotFound.
func (s *Service) Held(ctx context.Context, id string) (keystone.Credential, error) {
	c, err := store.Credential(ctx, s.db, id)
	if err != nil {
		return keystone.Credential{}, missing(err, id)
	}
	if opened, err := s.open(c); err == nil {
		return opened, nil
	}
	c.Blob = ""
	return keystone.Credential(c), nil
}

// Credentials lists one page.
func (s *Service) Credentials(ctx context.Context, a db.ListArgs) ([]keystone.Credential, error) {
	rows, err := store.Credentials(ctx, s.db, a)
	var out []keystone.Credential
	var lost []string
	for _, r := range rows {
		c, err := s.open(r)
		if err != nil {
			lost = append(lost, r.ID)
			continue
		}
		out = append(out, c)
	}
	if lost != nil {
		log.From(ctx).ErrorContext(ctx, "credentials are left out of a list: no key of the repository opens them",
			"credentials", lost)
	}
	return out, err
}

// Create makes a credential. One of type ec2 has its id from its access key; fault.Conflict where that is taken.
func (s *Service) Create(ctx context.Context, c keystone.Credential) (keystone.Credential, error) {
	c.ID = ids.Hex()
	if IsEC2(c.Type) {
		e, _, err := ParseEC2(c.Blob)
		if err != nil {
			return c, err
		}
		c.ID = EC2ID(e.Access)
	}
	sealed, err := s.seal(c)
	if err != nil {
		return c, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error { return store.InsertCredential(ctx, tx, sealed) })
	if errors.Is(err, db.ErrDuplicate) {
		err = fault.Conflictf("Conflict occurred attempting to store credential - Duplicate ID, %s.", c.ID).Because(err)
	}
	return c, err
}

// CreateEC2 makes a key pair for a user on a project.
func (s *Service) CreateEC2(ctx context.Context, user, project string, by EC2) (keystone.Credential, EC2, error) {
	by.Access, by.Secret = ids.Hex(), ids.Hex()
	blob, err := json.Marshal(by)
	if err != nil {
		return keystone.Credential{}, by, err
	}
	c, err := s.Create(ctx, keystone.Credential{UserID: user, ProjectID: project, Type: TypeEC2, Blob: string(blob),
		MadeBy: by.Trust + by.AppCredential})
	return c, by, err
}

// Update writes a credential anew.
func (s *Service) Update(ctx context.Context, c keystone.Credential) error {
	sealed, err := s.seal(c)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { return store.UpdateCredential(ctx, tx, sealed) })
}

// Delete removes a credential.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return missing(store.DeleteCredential(ctx, tx, id), id) })
}

// Seeds are the TOTP secrets of a user; it is token.Seeds.
func (s *Service) Seeds(ctx context.Context, user string) ([]string, error) {
	cs, err := s.Credentials(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("user_id", user), db.EqTo("type", TypeTOTP)}})
	var out []string
	for _, c := range cs {
		out = append(out, c.Blob)
	}
	return out, err
}
