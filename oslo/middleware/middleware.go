// Package middleware is what stands before an API's handler and is the same for every service: cross-origin requests of browsers, and
// the answers that load balancers ask for. It behaves as OpenStack's oslo.middleware does.
package middleware
