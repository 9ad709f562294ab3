package sqlmap

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

const (
	// maxKeyBytes bounds whatever is part of an index. The ids of Microsoft Entra
	// ID have 36 bytes; PostgreSQL's limit is 2,700 bytes for all columns together.
	maxKeyBytes = 255
	// maxACSIDBytes bounds an ACS identity, which has about 80 bytes.
	maxACSIDBytes = 1024
)

// A Mapper keeps mappings, and the journal, in the tables of a database. Make one
// with [New] and share it: it is safe for concurrent use.
//
// Its errors wrap those that [acsauth.IdentityMapper] names, or are an [*Error].
type Mapper struct {
	db       *sql.DB
	dialect  dialect
	resource string
	schema   string
	timeout  time.Duration
	now      func() time.Time
	calls    *outbound.Observer
}

var (
	_ acsauth.JournalingMapper = (*Mapper)(nil)
	_ acsauth.ListingMapper    = (*Mapper)(nil)
)

// Lookup implements [acsauth.IdentityMapper] with one statement.
func (m *Mapper) Lookup(ctx context.Context, u acsauth.User) (acsID string, err error) {
	if err := ctx.Err(); err != nil {
		return "", m.failure("Lookup", err)
	}
	if checkUser(u.TenantID, u.ObjectID) != nil { // so that it cannot be there
		return "", errNotMapped
	}
	found, err := query(ctx, m, "Lookup", only[string], selectMapping, m.resource, u.TenantID, u.ObjectID)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", errNotMapped
	}
	return found[0], nil
}

// Create implements [acsauth.IdentityMapper] with one statement, which inserts the
// mapping or finds the one that is there, and can be repeated.
//
// The error wraps ErrNotStored if there was no connection to be had, if the
// database said that it did nothing, and if acsID or the ids of u are empty, not
// UTF-8, contain a NUL or are longer than 255 bytes (acsID: 1,024). After any other
// [*Error] the mapping may be stored, or may yet be: a statement whose connection
// broke or whose time was up can still be running in PostgreSQL.
func (m *Mapper) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if err := errors.Join(checkUser(u.TenantID, u.ObjectID), checkACSID(acsID)); err != nil {
		return notStored(fmt.Errorf("sqlmap: Create: %w", err))
	}
	var stored []string
	unsettled := false // whether some attempt may have come through
	err := m.run(ctx, "Create", m.timeout, func(ctx context.Context) error {
		// A connection of its own tells a statement that failed from one that
		// was never sent.
		conn, err := m.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		stored, err = collect(ctx, conn, only[string], in(m.schema, insertMapping),
			m.resource, u.TenantID, u.ObjectID, acsID, m.time(m.now()))
		if err != nil {
			failure := m.failure("Create", err)
			unsettled = unsettled || !failure.undone
			return failure
		}
		return nil
	})
	switch {
	case err != nil && !unsettled:
		return notStored(err)
	case err != nil:
		return err
	case len(stored) == 1 && stored[0] == acsID:
		return nil
	}
	return fmt.Errorf("sqlmap: Create: %w", acsauth.ErrAlreadyMapped)
}

// Delete implements [acsauth.IdentityMapper] with one statement, which compares
// and deletes. With acsID empty it finds nothing, since the tables take no invalid
// mappings. It can be repeated.
func (m *Mapper) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	if err := ctx.Err(); err != nil {
		return m.failure("Delete", err)
	}
	if errors.Join(checkUser(u.TenantID, u.ObjectID), checkACSID(acsID)) != nil { // so that it cannot be there
		return nil
	}
	return m.exec(ctx, "Delete", deleteMapping, m.resource, u.TenantID, u.ObjectID, acsID)
}

var errNotMapped = fmt.Errorf("sqlmap: %w", acsauth.ErrNotMapped)

func notStored(err error) error { return fmt.Errorf("%w: %w", acsauth.ErrNotStored, err) }

func checkUser(tenantID, objectID string) error {
	return errors.Join(checkID("the tenant id", tenantID), checkID("the object id", objectID))
}

func checkID(what, id string) error {
	if id == "" {
		return fmt.Errorf("%s is empty", what)
	}
	return checkText(what, id, maxKeyBytes)
}

func checkACSID(acsID string) error {
	if acsID == "" {
		return errors.New("the identity is empty")
	}
	return checkText("the identity", acsID, maxACSIDBytes)
}

// checkText refuses what a database would cut short, change or refuse.
func checkText(what, text string, maxBytes int) error {
	switch {
	case len(text) > maxBytes:
		return fmt.Errorf("%s has %d bytes, at most %d are kept", what, len(text), maxBytes)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return fmt.Errorf("%s is not UTF-8, or contains a NUL", what)
	}
	return nil
}
