package stories

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Shape returns an error if the body of an error response does not have the service's form. minor is placement's
// microversion.
func Shape(service string, minor int, a *Answer) error {
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		return fmt.Errorf("a refusal of type %q: %.200s", a.Header.Get("Content-Type"), a.Body)
	}
	if a.Status == http.StatusUnauthorized {
		service = "identity" // keystonemiddleware answers in identity's form in all services
	}
	var title string
	switch service {
	case "identity":
		var grant struct {
			Error       string
			Description string `json:"error_description"`
		}
		if json.Unmarshal(a.Body, &grant) == nil && grant.Error != "" && grant.Description != "" { // the form of RFC 6749
			if a.Status == http.StatusUnauthorized && a.Header.Get("WWW-Authenticate") == "" {
				return fmt.Errorf("401 without WWW-Authenticate")
			}
			return nil
		}
		var doc struct {
			Error struct {
				Code           int
				Message, Title string
			}
		}
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return err
		}
		if doc.Error.Code != a.Status || doc.Error.Message == "" {
			return fmt.Errorf("a refusal with %d without its code or a message: %.200s", a.Status, a.Body)
		}
		title = doc.Error.Title
		if a.Status == http.StatusUnauthorized && a.Header.Get("WWW-Authenticate") == "" {
			return fmt.Errorf("401 without WWW-Authenticate")
		}
	case "image":
		var doc struct{ Code, Message, Title string }
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return err
		}
		if !strings.HasPrefix(doc.Code, fmt.Sprint(a.Status)) || doc.Message == "" {
			return fmt.Errorf("a refusal with %d without its code or a message: %.200s", a.Status, a.Body)
		}
		title = doc.Title
	case "compute":
		var doc map[string]struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return err
		}
		for _, e := range doc {
			if len(doc) == 1 && e.Code == a.Status && e.Message != "" {
				return nil
			}
		}
		return fmt.Errorf("a refusal with %d in another form: %.200s", a.Status, a.Body)
	case "network":
		var doc struct {
			NeutronError *struct {
				Type, Message string
				Detail        *string
			}
		}
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return err
		}
		if e := doc.NeutronError; e == nil || e.Type == "" || e.Message == "" || e.Detail == nil {
			return fmt.Errorf("a refusal with %d in another form: %.200s", a.Status, a.Body)
		}
		return nil
	case "placement":
		var doc struct {
			Errors []struct {
				Status              int
				Title, Detail, Code string
				RequestID           string `json:"request_id"`
				MaxVersion          string `json:"max_version"`
			}
		}
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return err
		}
		if len(doc.Errors) != 1 || doc.Errors[0].Status != a.Status || doc.Errors[0].RequestID == "" ||
			(doc.Errors[0].Code != "") != (minor >= 23) {
			return fmt.Errorf("a refusal with %d in another form: %.200s", a.Status, a.Body)
		}
		title = doc.Errors[0].Title
	}
	if title == "" {
		return fmt.Errorf("a refusal with %d without a title: %.200s", a.Status, a.Body)
	}
	return nil
}
