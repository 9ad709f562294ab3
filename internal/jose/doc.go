// Package jose parses JSON Web Key Sets, verifies compact JSON Web Signatures (RFC
// 7515, RFC 7517), and reads the JSON objects in both, refusing those that parsers
// disagree about. It does nothing else: which algorithm, key and claims are
// acceptable is decided by its caller.
//
// It is the only package that imports jwx/v2, whose authors no longer maintain
// it, so that another library can take its place by changing this one. It leaves
// jwx's parsers of whole tokens aside on purpose: they accept more than Microsoft
// Entra ID ever sends (a missing "exp", RS512, unknown "crit" headers, JSON
// serialisation).
package jose
