package api

import (
	"testing"

	"hypernova/oslo/api/dialecttest"
)

func TestErrorsHaveTheServicesShape(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialect{}, nil,
		dialecttest.Row{Name: "missing", Path: "/missing", Status: 404,
			Body: `{"NeutronError":{"type":"HTTPNotFound","message":"No thing.","detail":""}}`},
		dialecttest.Row{Name: "quota", Path: "/quota", Status: 409,
			Body: `{"NeutronError":{"type":"OverQuota","message":"Too many.","detail":""}}`},
		dialecttest.Row{Name: "away", Path: "/away", Status: 503,
			Body: `{"NeutronError":{"type":"HTTPServiceUnavailable","message":"Away.","detail":""}}`},
	)
}
