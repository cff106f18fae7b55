// Package dialecttest asks a service's error dialect for one answer of each sort, through the kit's own handler.
package dialecttest

import (
	"context"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// Row is one answer: of the error that is named by the path (see Run), asked for with these headers.
type Row struct {
	Name    string
	Path    string
	Headers map[string]string
	Status  int
	Body    string // with ID in place of the request's id
}

var anyID = regexp.MustCompile(`req-[0-9a-f-]{36}`)

// Run asks for each row. The paths are /missing (NotFound), /quota (OverQuota), /coded (a Conflict with a code), /bug
// (an error that nobody classified), /odd (a status of its own, 422) and /away (Unavailable).
func Run(t *testing.T, d api.Dialect, v *api.Versions, rows ...Row) {
	t.Helper()
	errs := map[string]error{
		"missing": fault.NotFoundf("No thing."),
		"quota":   fault.OverQuotaf("Too many."),
		"coded":   fault.Conflictf("Moved on.").Coded("placement.concurrent_update"),
		"bug":     context.DeadlineExceeded,
		"odd":     api.WithStatus(422, fault.Invalidf("Odd.")),
		"away":    fault.Unavailablef("Away."),
	}
	failing := api.Resource[map[string]error]{Name: "x", Plural: "xs", Ops: api.Ops[map[string]error]{
		api.Do("GET /{which}", nil, 200, func(errs map[string]error, _ context.Context, r *api.Request,
			_ *api.None) (api.None, error) {
			return api.None{}, errs[r.Param("which")]
		}, api.NoAuth()),
	}}
	h := api.New(api.Config{Name: "x", Dialect: d, Versions: v}, errs, failing)
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", row.Path, nil)
			for name, value := range row.Headers {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != row.Status {
				t.Errorf("status %d, want %d", w.Code, row.Status)
			}
			if diff := cmp.Diff(row.Body, anyID.ReplaceAllString(w.Body.String(), "ID")); diff != "" {
				t.Error(diff)
			}
			if retry := w.Header().Get("Retry-After"); row.Status == 503 && retry == "" {
				t.Error("a 503 says when to ask again, this one does not")
			}
		})
	}
}
