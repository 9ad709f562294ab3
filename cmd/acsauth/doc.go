// Command acsauth looks after the mapping stores of servers: it repairs what
// processes left that died, and moves mappings between database stores.
//
//	acsauth prepare     creates the tables
//	acsauth reconcile   repairs what the journal has open
//	acsauth export      writes all mappings, as JSON lines
//	acsauth import      reads them again, into another store
//
// It takes the server's settings, such as MAPPING_STORE and ACS_CONNECTION_STRING,
// from where the server does: the environment, and the file of --config. See
// docs/stores.md, and acsauth --help.
package main
