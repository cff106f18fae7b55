package servers

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// Guests implements the operations on what runs in a server.
type Guests struct{ *Servers }

// MaxPassword is the most bytes that a guest may write as its password.
const MaxPassword = 1020

// passwordWait is when a change of the password is given up whose process has ended. It is longer than the call to the
// host may take.
const passwordWait = 5 * time.Minute

// ChangePassword sets the password of the administrator in a server's guest and waits for the result. Nothing stores
// the password, so the request itself does the work. If its process ends, a task gives the server back. Faults:
// Conflict if the state or the lock of the server forbids it or the guest refuses, NotImplemented if no agent answers.
func (s Guests) ChangePassword(ctx context.Context, id, password string) error {
	var v nova.Server
	var guard tasks.ID
	action := nova.ChangePasswordServer
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		guard, err = jobs.Password.EnqueueAfter(ctx, tx, s.Queue, "password:"+id, passwordWait, jobs.DeleteArgs{Server: id})
		return err
	})
	if err != nil {
		return err
	}
	failed := s.setPassword(ctx, &v, password)
	ctx = context.WithoutCancel(ctx) // the result is written also for a caller that has gone
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		move, o := action.Done, store.Outcome{Host: v.Host, Last: true}
		if failed != nil {
			move, o.Details, o.Traceback = action.Failed, fault.Message(failed), failed.Error()
		}
		if _, _, err := store.Move(ctx, tx, id, move, noChange, s.Now()); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := store.FinishEvent(ctx, tx, id, auth.RequestID(ctx), action.Event, o, s.Now()); err != nil {
			return err
		}
		if sealed := sealedFor(v.PublicKey, password); failed == nil && sealed != "" {
			if err := store.SavePassword(ctx, tx, id, sealed); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		return s.Queue.Withdraw(ctx, tx, guard)
	})
	if failed != nil {
		return failed
	}
	return err
}

// setPassword has the host set the password, with the texts that clients know for what may go wrong.
func (s Guests) setPassword(ctx context.Context, v *nova.Server, password string) error {
	_, err := rpcapi.SetPassword.Do(ctx, s.Bus, v.Host, rpcapi.PasswordArgs{Spec: v.Spec(nil), Password: password})
	f := fault.Of(err)
	switch {
	case err == nil || f != nil && (f.Code == nova.CodeNoAgent || f.Kind == fault.Unavailable):
		return err
	case fault.Is(err, fault.NotImplemented):
		return fault.New(fault.NotImplemented, "Unable to set password on instance").Because(err)
	case fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound):
		return fault.Conflictf("Failed to set admin password on %s because instance %s is not running", v.ID, v.ID).Because(
			err)
	}
	return fault.Conflictf("Failed to set admin password on %s because error setting admin password", v.ID).Because(err)
}

// sealedFor encrypts a password with an SSH key as nova does: RSA with the padding of PKCS #1 1.5, in base64. It is
// empty for keys of other kinds.
func sealedFor(publicKey, password string) string {
	if !strings.HasPrefix(publicKey, ssh.KeyAlgoRSA) {
		return ""
	}
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(publicKey))
	if err != nil {
		return ""
	}
	key, ok := parsed.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return ""
	}
	sealed, err := rsa.EncryptPKCS1v15(rand.Reader, key, []byte(password))
	if err != nil { // it is too long for the key
		return ""
	}
	return base64.StdEncoding.EncodeToString(sealed)
}

// Password returns the encrypted password that a server's guest has written, or that ChangePassword has; empty for
// none.
func (s Guests) Password(ctx context.Context, id string) (string, error) {
	return store.Password(ctx, s.DB, id)
}

// ForgetPassword removes that password. The guest's own does not change.
func (s Guests) ForgetPassword(ctx context.Context, id string) error {
	return store.SavePassword(ctx, s.DB, id, "")
}

// SetPassword writes the password that the guest itself tells, by the metadata service. fault.Conflict if there is one,
// fault.Invalid for one that is too long.
func (s Guests) SetPassword(ctx context.Context, id, password string) error {
	if len(password) > MaxPassword {
		return fault.Invalidf("Request is too large.")
	}
	if !utf8.ValidString(password) || strings.Contains(password, "\x00") {
		return fault.Invalidf("The password is not text.")
	}
	first, err := store.SaveFirstPassword(ctx, s.DB, id, password)
	if err == nil && !first {
		err = fault.Conflictf("Server %s has a password.", id)
	}
	return err
}

// InjectNetworkInfo has a conductor read the server's ports again, as nova does; the message may be lost. No hypervisor
// of this cloud puts them into the guest.
func (s Guests) InjectNetworkInfo(ctx context.Context, v *nova.Server) error {
	if err := unlocked(ctx, v); err != nil {
		return err
	}
	_ = rpcapi.RefreshNetwork.Do(ctx, s.Bus, "", rpcapi.ServerArgs{Server: v.ID})
	return nil
}

// Diagnose asks the server's host for the figures of its guest, and its power state. fault.Conflict for a server
// without a host.
func (s Guests) Diagnose(ctx context.Context, v *nova.Server) (nova.Diagnostics, nova.PowerState, error) {
	if err := placed(v); err != nil {
		return nova.Diagnostics{}, nova.NoState, err
	}
	ports, err := store.Ports(ctx, s.DB, v.ID)
	if err != nil {
		return nova.Diagnostics{}, nova.NoState, err
	}
	r, err := rpcapi.Diagnose.Do(ctx, s.Bus, v.Host, rpcapi.SpecArgs{Spec: v.Spec(ports)})
	return r.Diagnostics, r.Power, err
}
