// Package movemap moves users' mappings from one store to another while servers
// are running: a store made of two, which reads the old one where the new one has
// nothing, and writes to the new one only.
//
//	mapper, err := movemap.New(movemap.Config{From: graphMapper, To: sqlMapper})
//
// Each user's mapping moves when the user calls. That is the only way out of
// Microsoft Graph, which has every mapping on its own user and reads it only with
// that user's token. Once those who still matter have called, the new store alone
// takes over. Stores that can list what they hold are moved faster with the
// commands acsauth export and acsauth import.
//
// The composed store keeps a journal if the new one does, signs mappings anew if the
// new one does, and lists its mappings if both do.
//
// All servers must use the composed store before the first of them creates a
// mapping: one that knows the old store alone does not see what is in the new one.
// Take the old servers out before the new ones come in.
package movemap
