// Command acs-auth-server gives people who are signed in with Microsoft Entra ID
// their Azure Communication Services (ACS) tokens. It is the packages acsauth,
// acsidentity, obo and graphmap behind an http.Server, put together from settings.
//
//	acs-auth-server -dev                  everything on one machine, without Azure
//	acs-auth-server -config server.env    settings from a file
//	acs-auth-server -help                 all settings with their defaults
//	acs-auth-server -print-config         what is in force, and where it comes from
//	acs-auth-server -healthcheck          exit 0 if the running server is up
//
// Settings come from flags, environment variables and a file of NAME=value lines,
// in this order of precedence. Secrets have no flag, since other users of the
// machine can see flags: they come as NAME, or in a file that NAME_FILE names.
// What is wrong with the settings is reported all at once, and nothing starts.
//
// Besides the API under /api there are /healthz (the process is up) and /readyz
// (requests can be served; red from the moment that a shutdown begins), and with
// METRICS or ADMIN_ADDR /metrics. Logs go to standard error; traces, and metrics
// too, where OpenTelemetry's variables say.
//
// SIGINT and SIGTERM end the server gracefully: it says on /readyz that it is not
// ready, goes on serving for SHUTDOWN_DELAY so that load balancers notice, then
// finishes what it has begun. A second signal ends it at once.
//
// The exit status is 0 after a graceful end, 1 after a failure, and 2 if settings
// or flags are wrong.
package main
