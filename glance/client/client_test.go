package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	glanceapi "hypernova/glance/api"
	"hypernova/glance/backend/mem"
	"hypernova/glance/client"
	"hypernova/glance/images"
	"hypernova/glance/store"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/policy"
)

func project(t *testing.T, id string) context.Context {
	return auth.With(t.Context(), &auth.Caller{UserID: "u", ProjectID: id, Roles: []string{"member", "reader"}})
}

// Both positions of the contract answer alike.
func TestLocalAndRemoteAreAlike(t *testing.T) {
	t.Parallel()
	rules, err := policy.New(glanceapi.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	local, err := images.New(images.Config{}, images.Deps{Rights: glanceapi.Rights{Policy: rules},
		DB:     dbtest.Memory(t, dbtest.Migrations{Name: "glance", FS: store.Migrations()}),
		Stores: []images.Store{{ID: "ram", Backend: &mem.Backend{}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(glanceapi.Handler(api.Config{Policy: rules,
		Validator: auth.ValidatorFunc(func(context.Context, string) (*auth.Caller, error) {
			return auth.Service("nova"), nil
		})}, glanceapi.Deps{Images: local}))
	t.Cleanup(s.Close)
	remote := client.New(httpc.New(httpc.Config{Base: s.URL + "/v2", Name: "glance", Tokens: httpc.Static("x"),
		Asker: true}))

	owner := project(t, "p")
	ids := map[string]string{"absent": "00000000-0000-0000-0000-000000000000"}
	for _, v := range []string{glance.Private, glance.Shared, glance.Community, glance.Public} {
		i, err := local.Records.Create(owner, images.Create{Name: v, Visibility: v, DiskFormat: "raw",
			ContainerFormat: "bare", Tags: []string{"t"}, Properties: map[string]string{"hw_disk_bus": "scsi"}})
		if err != nil {
			t.Fatal(err)
		}
		ids[v] = i.ID
		if err := local.Data.Upload(owner, i.ID, strings.NewReader("data of "+v), -1, ""); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := local.Records.Create(owner, images.Create{Name: "empty", Visibility: glance.Public})
	if err != nil {
		t.Fatal(err)
	}
	ids["empty"] = empty.ID
	if _, err := local.Members.Add(owner, ids[glance.Shared], "friend"); err != nil {
		t.Fatal(err)
	}
	callers := map[string]context.Context{"owner": owner, "friend": project(t, "friend"), "stranger": project(t, "x"),
		"nobody":  t.Context(),
		"service": auth.With(t.Context(), auth.Service("nova"))}
	for who, ctx := range callers {
		for name, id := range ids {
			want, wantErr := local.Image(ctx, id)
			got, err := remote.Image(ctx, id)
			if (err == nil) != (wantErr == nil) || err != nil && fault.KindOf(err) != fault.KindOf(wantErr) {
				t.Errorf("%s, %s: got %v, want %v", who, name, err, wantErr)
				continue
			}
			want.Created, want.Updated = want.Created.Truncate(time.Second), want.Updated.Truncate(time.Second) // as on the wire
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s", who, name, diff)
			}
			a, aErr := data(ctx, local, id)
			b, bErr := data(ctx, remote, id)
			if a != b || (aErr == nil) != (bErr == nil) || aErr != nil && fault.KindOf(aErr) != fault.KindOf(bErr) {
				t.Errorf("%s, %s: local %q, %v; remote %q, %v", who, name, a, aErr, b, bErr)
			}
		}
	}
}

func data(ctx context.Context, g glance.API, id string) (string, error) {
	_, r, err := g.Open(ctx, id)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestDamageOnTheWayIsNoticed(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/file") {
			io.WriteString(w, "other data")
			return
		}
		io.WriteString(w, `{"id":"i","status":"active","visibility":"public","os_hash_algo":"sha512","os_hash_value":"00","size":10}`)
	}))
	t.Cleanup(s.Close)
	c := client.New(httpc.New(httpc.Config{Base: s.URL}))
	if _, err := data(project(t, "p"), c, "i"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v", err)
	}
}
