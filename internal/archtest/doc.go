// Package archtest holds no code: its tests hold the rules that the packages of
// this module are built by.
//
//   - imports_test.go: who may import whom, and what must stay out of which
//     package and which program, at any depth.
//   - surface_test.go: how many identifiers a package may export, and that each
//     of them is documented.
//   - files_test.go: how long a file may be, and that nothing sleeps.
//   - links_test.go, docs_test.go: that the links in the documentation lead
//     somewhere, and that it names what the code has.
//
// The rules are tables. Whoever changes the architecture changes a row, and says
// in the commit why.
package archtest
