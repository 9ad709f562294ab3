// Package reload holds values that are made from files, and makes them anew when
// the files change: secrets, certificates and tokens that others replace while the
// program runs.
package reload
