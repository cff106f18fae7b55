package servers

import (
	"context"
	"net/url"
	"time"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Consoles implements the operations on remote consoles.
type Consoles struct {
	*Servers
	TTL time.Duration // of tokens; 0: 10 minutes
}

// consoleTTL is how long a token holds where nothing else is set.
const consoleTTL = 10 * time.Minute

// Open returns a URL with a new token for a console of a server. Faults: Conflict for a server without a host, without
// a running guest, or that is being deleted or moved; Invalid for a type that its host does not offer.
func (s Consoles) Open(ctx context.Context, v *nova.Server, t nova.ConsoleType) (string, error) {
	return s.open(ctx, v, t, "")
}

// Refuse returns why a server has no console of a type that does not fit the protocol of t: fault.Invalid, unless Open
// would fail for another reason.
func (s Consoles) Refuse(ctx context.Context, v *nova.Server, t nova.ConsoleType, other string) error {
	_, err := s.open(ctx, v, t, other)
	return err
}

func (s Consoles) open(ctx context.Context, v *nova.Server, t nova.ConsoleType, other string) (string, error) {
	if err := placed(v); err != nil {
		return "", err
	}
	if v.Task == nova.Deleting || v.Task == nova.Migrating {
		return "", fault.Conflictf("Cannot 'get_console' instance %s while it is in task_state %s", v.ID, v.Task)
	}
	asked := t
	if other != "" {
		asked = nova.ConsoleType(other)
	}
	switch t {
	case nova.ConsoleNoVNC, nova.ConsoleSerial, nova.ConsoleSPICE, nova.ConsoleSPICEDirect:
	case nova.ConsoleMKS: // disabled, as by the defaults of [mks]
		return "", unavailable(asked)
	default:
		return "", fault.Invalidf("Invalid console type %s", t)
	}
	r, err := rpcapi.Console.Do(ctx, s.Bus, v.Host, rpcapi.ConsoleArgs{Server: v.ID, Type: t, Other: other})
	if err == nil && other != "" { // a host of the previous release does not know Other
		err = fault.Invalidf("Invalid console type %s", other)
	}
	if err != nil {
		return "", consoleFault(v, asked, err)
	}
	token, ttl := ids.UUID(), s.TTL
	if ttl <= 0 {
		ttl = consoleTTL
	}
	g := nova.ConsoleGrant{Hash: nova.HashConsoleToken(token), Server: v.ID, Type: t, ConsoleAddress: r.Address,
		URL: r.URL, Expires: s.Now().Add(ttl)}
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		// One that was deleted meanwhile has no tokens.
		if _, err := store.Server(ctx, tx, v.ID); err != nil {
			return err
		}
		return store.AddConsole(ctx, tx, &g, s.Now())
	})
	if err != nil {
		return "", err
	}
	return consoleURL(r.URL, t, token), nil
}

func unavailable(t nova.ConsoleType) error {
	return fault.Invalidf("Unavailable console type %s.", t)
}

// consoleFault has nova's texts for what the host answers.
func consoleFault(v *nova.Server, t nova.ConsoleType, err error) error {
	f := fault.Of(err)
	switch {
	case f != nil && f.Code == nova.CodeNoConsole || fault.Is(err, fault.NotImplemented):
		return unavailable(t)
	case fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) && v.VM == nova.Building:
		return fault.Conflictf("Instance %s is not ready", v.ID).Because(err)
	}
	return err
}

// consoleURL puts a token into the URL of a proxy. noVNC passes on its parameter "path".
func consoleURL(base string, t nova.ConsoleType, token string) string {
	if t != nova.ConsoleNoVNC {
		return base + "?token=" + token
	}
	u, err := url.Parse(base)
	if err != nil {
		return base // the configuration was checked
	}
	q := u.Query()
	q.Set("path", q.Get("path")+"?token="+token)
	u.RawQuery = q.Encode()
	return u.String()
}

// Grant returns what a token stands for; fault.NotFound for one that does not hold or not any more.
func (s Consoles) Grant(ctx context.Context, token string) (nova.ConsoleGrant, error) {
	g, err := store.Console(ctx, s.DB, nova.HashConsoleToken(token), s.Now())
	if fault.Is(err, fault.NotFound) {
		return g, fault.NotFoundf("Token not found")
	}
	return g, err
}
