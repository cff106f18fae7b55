package store

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

var update = flag.Bool("update", false, "write the golden file anew")

const documentsFile = "testdata/documents.golden"

// TestStoredDocuments writes a full value of each type with a JSON column, compares the stored texts with the golden
// file, and reads the values back: rows that have the committed texts stay readable.
func TestStoredDocuments(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		extra := keystone.Extra{"email": json.RawMessage(`"a@example.org"`), "n": json.RawMessage(`{"deep":[1,null]}`)}
		options := map[string]any{"immutable": true, "multi_factor_auth_rules": []any{[]any{"password", "totp"}}}
		expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		domain := keystone.Project{ID: "d", Name: "d", IsDomain: true, Enabled: true}
		project := keystone.Project{ID: "p", Name: "p", DomainID: "d", ParentID: "d", Enabled: true,
			Tags: []string{"blue", "a,b"}, Options: options, Extra: extra}
		user := keystone.User{ID: "u", Name: "u", DomainID: "d", Enabled: true, Options: options, Extra: extra,
			LastActive: expires}
		group := keystone.Group{ID: "g", Name: "g", DomainID: "d", Extra: extra}
		role := keystone.Role{ID: "r", Name: "r", Options: options, Extra: extra}
		region := keystone.Region{ID: "region", Extra: extra}
		service := keystone.Service{ID: "s", Type: "compute", Name: "nova", Enabled: true, Extra: extra}
		endpoint := keystone.Endpoint{ID: "e", ServiceID: "s", Interface: "public", RegionID: "region", URL: "http://x",
			Enabled: true, Extra: extra}
		endpointGroup := keystone.EndpointGroup{ID: "eg", Name: "eg",
			Filters: map[string]string{"interface": "public", "region_id": "region"}}
		policy := keystone.Policy{ID: "pol", Type: "application/json", Blob: "{}", Extra: extra}
		credential := SealedCredential{ID: "c", UserID: "u", ProjectID: "p", Type: "ec2", Blob: "sealed", Extra: extra}
		rule := keystone.AccessRule{ID: "ar", UserID: "u", Service: "compute", Method: "GET", Path: "/**"}
		app := keystone.AppCredential{ID: "ac", Name: "ac", UserID: "u", ProjectID: "p", RoleIDs: []string{"r", "q"},
			Ruled: true, AccessRules: []keystone.AccessRule{rule}, Expires: expires}
		trust := keystone.Trust{ID: "t", TrustorID: "u", TrusteeID: "u", ProjectID: "p", RoleIDs: []string{"r"},
			Expires: expires, RemainingUses: keystone.Unlimited, Extra: extra}
		idp := keystone.IdentityProvider{ID: "idp", DomainID: "d", Enabled: true, RemoteIDs: []string{"https://a", "b"}}

		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(d.Tx(ctx, func(tx *db.Tx) error {
			for _, err := range []error{
				InsertProject(ctx, tx, domain), InsertProject(ctx, tx, project), InsertUser(ctx, tx, user, "", expires),
				InsertGroup(ctx, tx, group), InsertRole(ctx, tx, role), InsertRegion(ctx, tx, region),
				InsertService(ctx, tx, service), InsertEndpoint(ctx, tx, endpoint),
				InsertEndpointGroup(ctx, tx, endpointGroup), InsertPolicy(ctx, tx, policy),
				InsertCredential(ctx, tx, credential), InsertAccessRule(ctx, tx, rule),
				InsertAppCredential(ctx, tx, app, "hash"), InsertTrust(ctx, tx, trust),
				InsertIdentityProvider(ctx, tx, idp),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		}))
		compareDocuments(t, d)

		same := func(name string, want, got any, err error) {
			t.Helper()
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-written +read):\n%s", name, err, diff)
			}
		}
		gotProject, err := Project(ctx, d, "p")
		same("project", project, gotProject, err)
		gotUser, _, err := User(ctx, d, "u")
		same("user", user, gotUser, err)
		gotGroup, err := Group(ctx, d, "g")
		same("group", group, gotGroup, err)
		gotRole, err := Role(ctx, d, "r")
		same("role", role, gotRole, err)
		gotRegion, err := Region(ctx, d, "region")
		same("region", region, gotRegion, err)
		gotService, err := Service(ctx, d, "s")
		same("service", service, gotService, err)
		gotEndpoint, err := Endpoint(ctx, d, "e")
		same("endpoint", endpoint, gotEndpoint, err)
		gotEndpointGroup, err := EndpointGroup(ctx, d, "eg")
		same("endpoint group", endpointGroup, gotEndpointGroup, err)
		gotPolicy, err := Policy(ctx, d, "pol")
		same("policy", policy, gotPolicy, err)
		gotCredential, err := Credential(ctx, d, "c")
		same("credential", credential, gotCredential, err)
		gotApp, _, err := AppCredential(ctx, d, "ac")
		same("application credential", app, gotApp, err)
		gotTrust, err := Trust(ctx, d, "t")
		same("trust", trust, gotTrust, err)
		gotIDP, err := IdentityProvider(ctx, d, "idp")
		same("identity provider", idp, gotIDP, err)
	}, dbtest.Migrations{Name: "keystone", FS: Migrations()})
}

// compareDocuments compares the JSON columns of all tables with the golden file.
func compareDocuments(t *testing.T, d *db.DB) {
	t.Helper()
	var lines []string
	err := d.View(t.Context(), func(tx *db.Tx) error {
		lines = nil
		for table, columns := range map[string]string{
			"projects": "tags,options,extra", "users": "options,extra", "user_groups": "extra", "roles": "options,extra",
			"regions": "extra", "services": "extra", "endpoints": "extra", "endpoint_groups": "filters",
			"policies": "extra", "credentials": "extra", "application_credentials": "roles,access_rules",
			"trusts": "roles,extra", "identity_providers": "remote_ids",
		} {
			rows, err := tx.Maps(t.Context(), "SELECT * FROM "+table+" WHERE id <> 'd'")
			if err != nil {
				return err
			}
			for _, r := range rows {
				for _, c := range strings.Split(columns, ",") {
					lines = append(lines, fmt.Sprintf("%s.%s: %s\n", table, c, r[c]))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	got := strings.Join(lines, "")
	if *update {
		if err := os.WriteFile(documentsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(documentsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("stored documents (-golden +stored):\n%s", diff)
	}
}
