package graphmap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A Mapper keeps the mapping from a user to their ACS identity in an open
// extension of the user's object in Microsoft Entra ID. Make one with [New] and
// share it: it is safe for concurrent use, and remembers nothing of its users.
//
// Besides the errors that [acsauth.IdentityMapper] names, its methods return
// an [*Error] for what Graph answered or failed to answer, and the errors of the
// TokenSource, all of them wrapped.
type Mapper struct {
	tokens         TokenSource
	graph          *client
	extensionName  string
	keys           func() (*keyring, error) // nil keyring: mappings are not signed
	readLag        time.Duration
	trustsUnsigned bool
	adoptUntil     time.Time // zero if unsigned mappings are not adopted
}

var (
	_ acsauth.IdentityMapper = (*Mapper)(nil)
	_ acsauth.RenewingMapper = (*Mapper)(nil)
	_ acsauth.LaggingMapper  = (*Mapper)(nil)
)

// Lookup implements [acsauth.IdentityMapper] with one request to Graph. (A user
// with a score of open extensions may take a second one.)
//
// That Graph does not know the user, or answers for another one, is an [*Error]
// and not ErrNotMapped, which would lead to a new identity. An extension whose
// identity is missing, empty, null or no string counts as none. One that is not
// an ACS identity, or that the keys and policy of the [Config] do not accept,
// is an error that wraps ErrMappingInvalid.
func (m *Mapper) Lookup(ctx context.Context, u acsauth.User) (acsID string, err error) {
	op, found, err := m.read(ctx, "Lookup", u)
	if err != nil {
		return "", err
	}
	acsID, _, err = op.judge(found)
	return acsID, err
}

// LookupRenew implements [acsauth.RenewingMapper]: it signs anew a mapping that
// is signed with another key than the first, or adopted without a signature. It
// tries once, and logs whether that went well.
//
// Graph cannot make an update depend on what it replaces. If the user's mapping
// is deleted and created again by another process between the two requests, or so
// shortly before that Graph does not show it yet, the update restores the former.
func (m *Mapper) LookupRenew(ctx context.Context, u acsauth.User) (acsID string, err error) {
	op, found, err := m.read(ctx, "LookupRenew", u)
	if err != nil {
		return "", err
	}
	acsID, stale, err := op.judge(found)
	if err != nil || !stale {
		return acsID, err
	}
	body, err := encode(op.mapping(acsID))
	if err == nil {
		// One attempt only: the longer the update takes, the older is what it
		// is based on.
		_, err = op.attempt(ctx, op.named(abstractions.PATCH, body))
	}
	if err != nil {
		m.graph.log.WarnContext(ctx, "could not sign a mapping anew", "user", u.Pseudonym(), "error", err)
	} else {
		m.graph.log.InfoContext(ctx, "signed a mapping anew", "user", u.Pseudonym())
	}
	return acsID, nil
}

// Delete implements [acsauth.IdentityMapper]: it reads the extension, and removes
// it if it holds acsID and is valid or, with acsID empty, if it holds no identity
// or an invalid mapping. It is safe to repeat.
//
// Graph cannot make a removal depend on what it removes. If another process
// removes the mapping and creates another between the two requests, or so shortly
// before that Graph does not show it yet, Delete removes the other.
func (m *Mapper) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	op, err := m.begin(ctx, "Delete", u)
	if err != nil {
		return err
	}
	found, err := op.get(ctx)
	if err != nil || found == nil {
		return err
	}
	held, _, err := op.judge(found)
	if acsID == "" && err == nil || acsID != "" && (err != nil || held != acsID) {
		return nil
	}
	if r, _, err := op.do(ctx, op.named(abstractions.DELETE, nil)); err != nil && !isAbsent(err) {
		if r.status != http.StatusOK {
			return err
		}
		// Not how Graph says it, but it may have been done.
		if left, readErr := op.get(ctx); readErr != nil || left != nil {
			return err
		}
	}
	return nil
}

// ReadLag implements [acsauth.LaggingMapper].
func (m *Mapper) ReadLag() time.Duration { return m.readLag }

func (m *Mapper) read(ctx context.Context, name string, u acsauth.User) (*operation, *extension, error) {
	op, err := m.begin(ctx, name, u)
	if err != nil {
		return nil, nil, err
	}
	found, err := op.lookup(ctx)
	return op, found, err
}

// mapping returns the extension that maps the user to acsID.
func (op *operation) mapping(acsID string) *extension {
	e := &extension{name: op.m.extensionName, identity: acsID}
	if op.keys != nil {
		e.signed, e.signature = true, op.keys.sign(op.user, acsID)
	}
	return e
}

// judge returns the identity that an extension maps the user to, and whether the
// mapping should be signed anew. The error wraps ErrNotMapped if there is no
// extension, or none with an identity, and ErrMappingInvalid if it must not be
// trusted.
func (op *operation) judge(e *extension) (acsID string, stale bool, err error) {
	switch {
	case e == nil || e.identity == "":
		return "", false, fmt.Errorf("graphmap: %w", acsauth.ErrNotMapped)
	case !wellFormed(e.identity):
		return "", false, invalid("it holds no ACS identity")
	case op.m.trustsUnsigned:
		return e.identity, false, nil
	case e.signed:
		old, ok := op.keys.verify(op.user, e.identity, e.signature)
		if !ok {
			return "", false, invalid("its signature is wrong, or made with a key that is not configured")
		}
		return e.identity, old, nil
	case op.m.graph.now().Before(op.m.adoptUntil):
		return e.identity, true, nil
	default:
		return "", false, invalid("it is not signed")
	}
}

// invalid is why a mapping is not trusted.
type invalid string

func (reason invalid) Error() string {
	return "graphmap: " + acsauth.ErrMappingInvalid.Error() + ": " + string(reason)
}

func (invalid) Unwrap() error { return acsauth.ErrMappingInvalid }

// isCorrupt reports whether judge's error means that an extension without an
// identity is in the way.
func isCorrupt(e *extension, err error) bool {
	return e != nil && errors.Is(err, acsauth.ErrNotMapped)
}

// wellFormed reports whether s looks like the raw id of an ACS identity, of the
// public cloud or of a government's.
func wellFormed(s string) bool {
	for _, prefix := range []string{"8:acs:", "8:dod-acs:", "8:gcch-acs:"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return syntax.IsVisible(rest)
		}
	}
	return false
}
