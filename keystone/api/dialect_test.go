package api

import (
	"testing"

	"hypernova/oslo/api/dialecttest"
)

func TestErrorsHaveTheServicesShape(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialect{}, nil,
		dialecttest.Row{Name: "missing", Path: "/missing", Status: 404,
			Body: `{"error":{"code":404,"message":"No thing.","title":"Not Found"}}`},
		dialecttest.Row{Name: "away", Path: "/away", Status: 503,
			Body: `{"error":{"code":503,"message":"Away.","title":"Service Unavailable"}}`},
	)
}
