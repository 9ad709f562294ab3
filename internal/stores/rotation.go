package stores

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Follows reports whether a store that was opened at an address can go on with next
// ([Options.Current]): the same place, with another password or key. Its errors do not
// repeat what is in either.
func Follows(address, next string) error {
	kind := Kind(address)
	switch {
	case next == address:
		return nil
	case Kind(next) != kind:
		return errors.New("it names another kind of store, which takes a restart")
	case kind == "postgres":
		return followsPostgres(address, next)
	case kind == "tables":
		return followsTables(strings.TrimPrefix(address, prefixTables), strings.TrimPrefix(next, prefixTables))
	}
	return errors.New("it names another store, which takes a restart")
}

func followsPostgres(address, next string) error {
	before, err := pgx.ParseConfig(address)
	if err != nil {
		return errors.New("the store has no address")
	}
	after, err := pgx.ParseConfig(next)
	switch {
	case err != nil:
		return errors.New("it is not a URL that PostgreSQL's driver understands")
	case after.Host != before.Host, after.Port != before.Port, after.Database != before.Database:
		return errors.New("it names another server or database, which takes a restart")
	}
	return nil
}

func followsTables(connectionString, next string) error {
	before, keyBefore := cutKey(connectionString)
	after, key := cutKey(next)
	switch {
	case before != after || keyBefore == "":
		return errors.New("it changes more than the AccountKey, which takes a restart")
	case key == "":
		return errors.New("it has no AccountKey")
	}
	if _, err := base64.StdEncoding.DecodeString(key); err != nil {
		return errors.New("its AccountKey is not base64")
	}
	return nil
}

// cutKey takes the key out of a connection string.
func cutKey(connectionString string) (rest, key string) {
	for setting := range strings.SplitSeq(connectionString, ";") {
		name, value, _ := strings.Cut(setting, "=")
		if strings.TrimSpace(name) == "AccountKey" {
			key = strings.TrimSpace(value)
			continue
		}
		rest += strings.TrimSpace(setting) + ";"
	}
	return strings.Trim(rest, ";"), key
}
