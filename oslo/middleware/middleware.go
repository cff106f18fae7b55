// Package middleware provides HTTP middleware: CORS, health checks and proxy headers. It behaves as OpenStack's
// oslo.middleware does.
package middleware
