package federation

import (
	"context"
	"slices"

	"hypernova/keystone/oidc"
	"hypernova/oslo/fault"
)

// Sender is the one enabled provider with this protocol that browsers can be sent to; fault.NotFound where there is
// none, fault.Invalid where there are several and the client must say which.
func (s *Service) Sender(ctx context.Context, protocol string) (provider string, err error) {
	all, err := s.IdentityProviders(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if !p.Enabled || len(issuers(p)) == 0 {
			continue
		}
		_, err := s.Protocol(ctx, p.ID, protocol)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return "", err
		case provider != "":
			return "", fault.Invalidf("Several identity providers have the protocol %s: the path must name one.", protocol)
		default:
			provider = p.ID
		}
	}
	if provider == "" {
		return "", fault.NotFoundf("Could not find federated protocol: %s.", protocol)
	}
	return provider, nil
}

// Issuer is whom browsers are sent to for a provider: its first remote id that is an address. fault.NotFound for an
// unknown provider or protocol, fault.Forbidden for a disabled one, fault.Invalid for one without such a remote id.
func (s *Service) Issuer(ctx context.Context, provider, protocol string) (string, error) {
	idp, err := s.Enabled(ctx, provider)
	if err != nil {
		return "", err
	}
	if _, err := s.Protocol(ctx, provider, protocol); err != nil {
		return "", err
	}
	for _, i := range issuers(idp) {
		return i, nil
	}
	return "", fault.Invalidf("Identity Provider %s has no remote id that a browser can be sent to.", provider)
}

// Ask is where a browser is to be sent for a login.
func (s *Service) Ask(ctx context.Context, q oidc.Question) (string, error) {
	return s.verifier.Ask(ctx, q)
}

// LoginByCode is Login with the code that a browser has brought back. The question must be one that an administrator's
// issuers still answer.
func (s *Service) LoginByCode(ctx context.Context, provider, protocol string, q oidc.Question, code string) (Person,
	error) {
	return s.admit(ctx, provider, protocol, func(issuers []string) (map[string][]string, error) {
		if !slices.Contains(issuers, q.Issuer) {
			return nil, fault.New(fault.Unauthorized, "The request you have made requires authentication.")
		}
		return s.verifier.Exchange(ctx, q, code)
	})
}
