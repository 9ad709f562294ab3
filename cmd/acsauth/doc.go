// Command acsauth looks after the mapping stores of servers: it repairs what
// processes left that died, and moves mappings between database stores.
//
//	acsauth prepare     creates the tables
//	acsauth reconcile   repairs what the journal has open
//	acsauth export      writes all mappings, as JSON lines
//	acsauth import      reads them again, into another store
//
// It takes the server's settings MAPPING_STORE, ACS_CONNECTION_STRING and
// ACS_ENDPOINT from the environment. See docs/stores.md, and acsauth --help.
package main
