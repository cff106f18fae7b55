package api

import (
	"net/http"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dialect is the shape of networking's errors.
type dialect struct{}

var _ api.Dialect = dialect{}

// MediaStatus is 415.
func (dialect) MediaStatus() int { return http.StatusUnsupportedMediaType }

// Status maps a kind of fault to a status.
func (dialect) Status(k fault.Kind) int {
	if k == fault.OverQuota {
		return http.StatusConflict
	}
	return api.StatusOf(k)
}

// Write answers with the fault.
func (dialect) Write(w http.ResponseWriter, r *api.Request, status int, f *fault.Fault) {
	b := append([]byte(`{"NeutronError":{"type":`), api.AppendString(nil, neutronType(status, f))...)
	b = append(b, `,"message":`...)
	b = api.AppendString(b, f.Msg)
	api.WriteJSON(w, status, append(b, `,"detail":""}}`...))
}

// Input makes the fault for an invalid attribute, in the words of neutron's validators. Values that it converts
// before it looks at them have a type of error of their own.
func (dialect) Input(e api.BadInput) *fault.Fault {
	if len(e.Path) < 2 {
		return fault.Invalidf("%s", e.Text)
	}
	name := e.Path[1] // the attribute; before it comes the envelope
	switch {
	case e.Fact == api.UnknownMember && len(e.Path) == 2:
		return fault.Invalidf("Unrecognized attribute(s) '%s'", name)
	case e.Fact == api.MissingMember && len(e.Path) == 2:
		return fault.Invalidf("Failed to parse request. Required attribute '%s' not specified", name)
	case e.Fact == api.WrongBool:
		return fault.Invalidf("Invalid input for operation: '%s' cannot be converted to boolean.",
			e.Got).Coded("InvalidInput")
	case e.Fact == api.WrongInt:
		return fault.Invalidf("Invalid input for operation: '%s' is not an integer.", e.Got).Coded("InvalidInput")
	case e.Fact == api.WrongString:
		return fault.Invalidf("Invalid input for %s. Reason: '%s' is not a valid string.", name, e.Got)
	}
	return fault.Invalidf("Invalid input for %s. Reason: %s.", name, e.Why)
}

func neutronType(status int, f *fault.Fault) string {
	if f.Code != "" {
		return f.Code
	}
	if f.Kind == fault.OverQuota {
		return "OverQuota"
	}
	switch status {
	case 400:
		return "HTTPBadRequest"
	case 401:
		return "HTTPUnauthorized"
	case 403:
		return "PolicyNotAuthorized"
	case 404:
		return "HTTPNotFound"
	case 405:
		return "HTTPMethodNotAllowed"
	case 409:
		return "HTTPConflict"
	case 413:
		return "HTTPRequestEntityTooLarge"
	case 415:
		return "HTTPUnsupportedMediaType"
	case 501:
		return "HTTPNotImplemented"
	case 503:
		return "HTTPServiceUnavailable"
	}
	return "HTTPInternalServerError"
}
