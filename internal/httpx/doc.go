// Package httpx holds what every outbound HTTP client of this module has in
// common: a transport that never follows redirects, bounded bodies, retry
// delays, what it means that no answer came, and the vocabulary in which upstream
// failures are reported. What requests in either direction need is here too:
// buffers, ids, header fields, claims challenges.
package httpx
