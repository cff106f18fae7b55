package api

import (
	"testing"

	"hypernova/oslo/api"
	"hypernova/oslo/api/dialecttest"
)

func TestErrorsHaveTheServicesShape(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialect{}, &api.Versions{Service: "placement", Min: api.Version{Major: 1},
		Max: api.Version{Major: 1, Minor: 39}},
		dialecttest.Row{Name: "old", Path: "/coded", Status: 409,
			Body: `{"errors":[{"status":409,"title":"Conflict","detail":"Moved on.","request_id":"ID"}]}`},
		dialecttest.Row{Name: "coded", Path: "/coded", Headers: map[string]string{"OpenStack-API-Version": "placement 1.23"},
			Status: 409,
			Body:   `{"errors":[{"status":409,"title":"Conflict","detail":"Moved on.","request_id":"ID","code":"placement.concurrent_update"}]}`},
		dialecttest.Row{Name: "range", Path: "/coded", Headers: map[string]string{"OpenStack-API-Version": "placement 1.99"},
			Status: 406,
			Body: `{"errors":[{"status":406,"title":"Not Acceptable","detail":"Version 1.99 is not supported by the API. Minimum is 1.0 and maximum is 1.39.",` +
				`"request_id":"ID","max_version":"1.39","min_version":"1.0"}]}`},
		dialecttest.Row{Name: "away", Path: "/away", Status: 503,
			Body: `{"errors":[{"status":503,"title":"Service Unavailable","detail":"Away.","request_id":"ID"}]}`},
	)
}
