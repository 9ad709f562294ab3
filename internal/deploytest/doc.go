// Package deploytest holds no code: its tests compare what is in deploy/, and what is
// written about it, with the rest of the repository. What needs the API types of
// Kubernetes, Compose or Azure is checked by the module in deploy/check.
package deploytest
