package federation

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/federation/mapping"
	"hypernova/keystone/oidc"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Verifier proves who presents a bearer token that one of the issuers has made, and answers what the issuer says of
// them. fault.Unauthorized for a token that proves nothing, fault.Unavailable when the issuer does not answer.
type Verifier interface {
	Vouch(ctx context.Context, issuers []string, token string) (map[string][]string, error)
	Ask(ctx context.Context, q oidc.Question) (url string, err error)
	Exchange(ctx context.Context, q oidc.Question, code string) (map[string][]string, error)
}

// Person is somebody whom a provider has vouched for, as a user of this cloud.
type Person struct {
	UserID               string
	Local                bool // a user of this cloud's own: the provider only proved who it is
	ProviderID, Protocol string
	GroupIDs             []string // that the provider's word puts the user in, for as long as a token lasts
}

// Login takes a provider's token for who somebody is: the mapping of the protocol makes a user of what it says, with
// groups, and with projects that are made where they are not there. fault.NotFound for an unknown provider or
// protocol, fault.Forbidden for a disabled one.
func (s *Service) Login(ctx context.Context, provider, protocol, token string) (Person, error) {
	return s.admit(ctx, provider, protocol, func(issuers []string) (map[string][]string, error) {
		return s.verifier.Vouch(ctx, issuers, token)
	})
}

// admit is Login with any way to ask the provider's issuers who somebody is.
func (s *Service) admit(ctx context.Context, provider, protocol string, ask func(issuers []string) (map[string][]string,
	error)) (Person, error) {
	idp, err := s.Enabled(ctx, provider)
	if err != nil {
		return Person{}, err
	}
	p, err := s.Protocol(ctx, provider, protocol)
	if err != nil {
		return Person{}, err
	}
	attributes, err := ask(issuers(idp))
	if err != nil {
		return Person{}, err
	}
	if err := remoteID(idp, p, attributes); err != nil {
		return Person{}, err
	}
	m, err := s.Mapping(ctx, p.MappingID)
	if err != nil {
		return Person{}, fault.New(fault.Internal, "protocol %s of %s has no mapping", protocol, provider).Because(err)
	}
	rules, err := mapping.Parse(m.Schema, m.Rules)
	if err != nil {
		return Person{}, fault.New(fault.Internal, "mapping %s", m.ID).Because(err)
	}
	who, err := mapping.Apply(m.Schema, m.ID, rules, attributes)
	if fault.Is(err, fault.Invalid) {
		return Person{}, fault.New(fault.Internal, "mapping %s", m.ID).Because(err)
	}
	if err != nil {
		return Person{}, err
	}
	if who.User.Type == mapping.Resident {
		return s.resident(ctx, who.User)
	}
	return s.writeVisit(ctx, visit{idp, p, m, who}, first(attributes["REMOTE_USER"]))
}

// Enabled finds a provider that may vouch; fault.Forbidden for a disabled one.
func (s *Service) Enabled(ctx context.Context, provider string) (keystone.IdentityProvider, error) {
	idp, err := s.IdentityProvider(ctx, provider)
	if err == nil && !idp.Enabled {
		err = fault.Forbiddenf("Identity Provider %s is disabled.", provider)
	}
	return idp, err
}

// issuers are the remote ids that can be spoken to.
func issuers(p keystone.IdentityProvider) []string {
	return slices.DeleteFunc(slices.Clone(p.RemoteIDs), func(id string) bool {
		return !strings.HasPrefix(id, "https://") && !strings.HasPrefix(id, "http://")
	})
}

// remoteID holds the attribute that a protocol names against the provider's remote ids.
func remoteID(idp keystone.IdentityProvider, p keystone.Protocol, attributes map[string][]string) error {
	if p.RemoteIDAttribute == "" || len(idp.RemoteIDs) == 0 {
		return nil
	}
	said := attributes[p.RemoteIDAttribute]
	if len(said) == 0 {
		return fault.New(fault.Unauthorized, "Could not find Identity Provider identifier in environment.")
	}
	if !slices.Contains(idp.RemoteIDs, said[0]) {
		return fault.Forbiddenf("Incoming identity provider identifier not included among the accepted identifiers.")
	}
	return nil
}

func first(vs []string) string {
	if len(vs) == 0 {
		return ""
	}
	return vs[0]
}

// resident finds the user of this cloud that a mapping names.
func (s *Service) resident(ctx context.Context, u mapping.User) (Person, error) {
	refused := fault.New(fault.Unauthorized, "The request you have made requires authentication.")
	if u.ID != "" {
		_, _, err := store.User(ctx, s.db, u.ID)
		if fault.Is(err, fault.NotFound) {
			err = refused.Because(err)
		}
		return Person{UserID: u.ID, Local: true}, err
	}
	if u.Name == "" || u.Domain == nil {
		return Person{}, refused
	}
	domain, err := domainID(ctx, s.db, u.Domain)
	if err != nil {
		return Person{}, err
	}
	found, _, err := store.UserNamed(ctx, s.db, domain, u.Name)
	if fault.Is(err, fault.NotFound) {
		err = refused.Because(err)
	}
	return Person{UserID: found.ID, Local: true}, err
}

// domainID finds the domain that a mapping names; fault.NotFound.
func domainID(ctx context.Context, q db.Querier, d *mapping.Domain) (string, error) {
	if d.ID != "" {
		found, err := store.Project(ctx, q, d.ID)
		if err == nil && !found.IsDomain {
			err = fault.NotFoundf("Could not find domain: %s.", d.ID)
		}
		return d.ID, store.Missing(err, "domain", d.ID)
	}
	found, err := store.ProjectNamed(ctx, q, "", d.Name)
	return found.ID, store.Missing(err, "domain", d.Name)
}

// visit is one login and all that decides what becomes of it.
type visit struct {
	provider keystone.IdentityProvider
	protocol keystone.Protocol
	mapping  keystone.Mapping
	who      mapping.Identity
}

// writeVisit writes the user, the groups and the projects of a visit in one transaction: a visit that fails leaves
// nothing behind.
func (s *Service) writeVisit(ctx context.Context, v visit, remoteUser string) (Person, error) {
	unique, name := v.who.User.ID, v.who.User.Name
	if name == "" && unique == "" {
		name = remoteUser
	}
	if name == "" {
		name = unique
	}
	if unique == "" {
		unique = name
	}
	if name == "" || len(name) > 255 || len(unique) > 255 {
		return Person{}, fault.New(fault.Unauthorized,
			"Could not map user while setting ephemeral user identity. Either mapping rules must specify user id/name or REMOTE_USER environment variable must be set.")
	}
	out := Person{ProviderID: v.provider.ID, Protocol: v.protocol.ID}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		w := writer{Service: s, tx: tx, visit: v}
		var err error
		if out.GroupIDs, err = w.groups(ctx); err != nil {
			return err
		}
		if out.UserID, err = w.user(ctx, keystone.User{Name: name, Enabled: true}, quote(unique)); err != nil {
			return err
		}
		if err := w.expiring(ctx, out.UserID, out.GroupIDs); err != nil {
			return err
		}
		if err := w.projects(ctx, out.UserID); err != nil || !w.changed {
			return err
		}
		return s.epochs.Move(ctx, tx)
	})
	return out, err
}

// quote makes the id that a provider uses fit for a path, as keystone keeps it.
func quote(id string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(id))
}

// writer writes what a visit needs.
type writer struct {
	*Service
	tx      *db.Tx
	visit   visit
	changed bool // something that cached tokens may rest on
}

// groups are the ids of the groups that the mapping named. One named by id must be there; one named by name that is
// not there is passed over.
func (w *writer) groups(ctx context.Context) ([]string, error) {
	var out []string
	for _, id := range w.visit.who.GroupIDs {
		if _, err := store.Group(ctx, w.tx, id); err != nil {
			if fault.Is(err, fault.NotFound) {
				err = fault.New(fault.Internal, "Group %s returned by mapping %s was not found in the backend.", id,
					w.visit.mapping.ID)
			}
			return nil, err
		}
		out = append(out, id)
	}
	for _, g := range w.visit.who.Groups {
		domain, err := domainID(ctx, w.tx, g.Domain)
		if err != nil {
			return nil, err
		}
		found, err := store.GroupNamed(ctx, w.tx, domain, g.Name)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, found.ID)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > keystone.MaxTokenGroups {
		return nil, fault.Forbiddenf("The mapping puts the user into %d groups; a token carries at most %d.", len(out),
			keystone.MaxTokenGroups)
	}
	return out, nil
}

// user finds or makes the user that a provider knows by a unique id. Two providers that share a domain cannot speak
// for each other's users.
func (w *writer) user(ctx context.Context, u keystone.User, unique string) (string, error) {
	known := keystone.FederatedID{ProviderID: w.visit.provider.ID, ProtocolID: w.visit.protocol.ID, UniqueID: unique}
	have, err := store.FederatedUser(ctx, w.tx, known)
	if err == nil {
		return have.UserID, w.refresh(ctx, have.UserID, u.Name)
	}
	if !fault.Is(err, fault.NotFound) {
		return "", err
	}
	u.DomainID = w.visit.provider.DomainID
	if d := w.visit.who.User.Domain; d != nil {
		if u.DomainID, err = domainID(ctx, w.tx, d); err != nil {
			return "", err
		}
	}
	u.ID = store.PublicID(u.DomainID, keystone.OfUser, unique)
	known.UserID = u.ID
	_, _, err = store.User(ctx, w.tx, u.ID)
	switch {
	case fault.Is(err, fault.NotFound):
		if u.Name, err = w.free(ctx, u); err != nil {
			return "", err
		}
		if err := store.InsertUser(ctx, w.tx, w.withEmail(u), "", w.now()); err != nil {
			return "", err
		}
	case err != nil:
		return "", err
	default:
		ids, err := store.FederatedIDs(ctx, w.tx, u.ID)
		if err != nil {
			return "", err
		}
		if !slices.ContainsFunc(ids, func(f keystone.FederatedID) bool { return f.ProviderID == known.ProviderID }) {
			return "", fault.Conflictf(
				"Conflict occurred attempting to store federated_user - another identity provider of domain %s has this user already.", u.DomainID)
		}
	}
	return u.ID, store.InsertFederatedID(ctx, w.tx, known)
}

// free is the user's name, or where somebody else of the domain has it, one that nobody has.
func (w *writer) free(ctx context.Context, u keystone.User) (string, error) {
	taken, _, err := store.UserNamed(ctx, w.tx, u.DomainID, u.Name)
	if fault.Is(err, fault.NotFound) || err == nil && taken.ID == u.ID {
		return u.Name, nil
	}
	return u.Name + "-" + u.ID[:8], err
}

func (w *writer) withEmail(u keystone.User) keystone.User {
	if mail := w.visit.who.User.Email; mail != "" {
		u.Extra = withText(u.Extra, "email", mail)
	}
	return u
}

// refresh keeps a known user's name and address as the provider has them, and notes the visit.
func (w *writer) refresh(ctx context.Context, id, name string) error {
	u, _, err := store.User(ctx, w.tx, id)
	if err != nil {
		return err
	}
	if w.now().Sub(u.LastActive) > 24*time.Hour {
		if err := store.Seen(ctx, w.tx, id, w.now()); err != nil {
			return err
		}
	}
	if len(id) != keystone.PublicIDLength {
		return nil // an administrator made this user, and names it
	}
	n := u
	n.Name = name
	if n.Name, err = w.free(ctx, n); err != nil {
		return err
	}
	n = w.withEmail(n)
	if n.Name == u.Name && string(n.Extra["email"]) == string(u.Extra["email"]) {
		return nil
	}
	return store.UpdateUser(ctx, w.tx, n)
}
