// Package outbound observes the calls that leave the process: it times them for
// OpenTelemetry, traces them, and counts them on the account of the request that
// they are made for.
//
// The metric is outbound.call.duration in seconds, by upstream (entra, graph, acs,
// postgres, sqlite, tables, identity) and outcome. A span has the name of the upstream
// and of the HTTP method, or of the operation on a database: "acs POST", "postgres
// Lookup". It is a child of the span in the context of the call, so whoever detaches
// work from a request must keep the values of its context.
//
// Neither metrics nor spans name an address, path, header or error text: an ACS
// identity is part of a path, and tokens are in headers.
package outbound
