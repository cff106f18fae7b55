package api

import (
	"testing"

	"hypernova/oslo/api/dialecttest"
)

func TestErrorsHaveTheServicesShape(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialect{}, nil,
		dialecttest.Row{Name: "missing", Path: "/missing", Status: 404,
			Body: `{"itemNotFound":{"code":404,"message":"No thing."}}`},
		dialecttest.Row{Name: "quota", Path: "/quota", Status: 403, Body: `{"forbidden":{"code":403,"message":"Too many."}}`},
		dialecttest.Row{Name: "bug", Path: "/bug", Status: 500,
			Body: `{"computeFault":{"code":500,"message":"Unexpected API Error. An unexpected error prevented the server from fulfilling your request."}}`},
		dialecttest.Row{Name: "odd", Path: "/odd", Status: 422, Body: `{"computeFault":{"code":422,"message":"Odd."}}`},
		dialecttest.Row{Name: "away", Path: "/away", Status: 503,
			Body: `{"serviceUnavailable":{"code":503,"message":"Away."}}`},
	)
}
