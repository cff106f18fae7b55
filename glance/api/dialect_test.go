package api

import (
	"testing"

	"hypernova/oslo/api/dialecttest"
)

func TestErrorsHaveTheServicesShape(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialect{}, nil,
		dialecttest.Row{Name: "json", Path: "/missing", Headers: map[string]string{"Accept": "application/json"}, Status: 404,
			Body: `{"message":"No thing.","code":"404 Not Found","title":"Not Found"}`},
		dialecttest.Row{Name: "page", Path: "/missing", Status: 404,
			Body: "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n" +
				"  <h1>404 Not Found</h1>\n  No thing.<br /><br />\n\n\n </body>\n</html>"},
	)
}
