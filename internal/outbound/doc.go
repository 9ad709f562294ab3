// Package outbound observes the calls that leave the process: it times them for
// OpenTelemetry, traces them, and counts them on the account of the request that
// they are made for.
//
// It names no address, path or header in metrics and spans: an ACS identity is
// part of a path, and tokens are in headers.
package outbound
