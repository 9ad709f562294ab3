package graphmap

import (
	"context"
	"errors"
	"fmt"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// lagPauses are how long to wait for Graph's replicas to agree on whether an
// extension exists. They take seconds at most, as a rule.
var lagPauses = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Create implements [acsauth.IdentityMapper]. Graph never replaces an extension
// when asked to create one, so that of several processes one wins.
//
// What Graph accepts is stored, and is not read again: replicas may lag behind.
// Where Graph refuses, or leaves open what it did, Create reads what is stored.
// If that is another valid mapping, the error wraps ErrAlreadyMapped; if it is
// one that must not be trusted, ErrAlreadyMapped and ErrMappingInvalid (also if
// it names acsID: a mapping that Lookup refuses is not what was asked for).
//
// ErrNotStored speaks of this call alone. After an earlier call for the same
// acsID with an unknown outcome, the mapping may be stored nevertheless.
//
// An extension without an identity would be in the way forever, so Create fills
// it in. Graph cannot make that depend on what it replaces: of two processes that
// repair the same extension at the same moment, the last wins. Create reads the
// result and mostly, but not always, notices that it lost.
func (m *Mapper) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if !wellFormed(acsID) {
		return notStored(errors.New("graphmap: Create: what is to be stored is not an ACS identity"))
	}
	op, err := m.begin(ctx, "Create", u)
	if err != nil {
		return notStored(err)
	}
	body, err := encode(op.mapping(acsID))
	if err != nil {
		return notStored(err)
	}
	return op.create(ctx, acsID, body)
}

func (op *operation) create(ctx context.Context, acsID string, body []byte) error {
	post := request{method: abstractions.POST, path: []string{"extensions"}, body: body}
	var unsettled bool // whether any attempt may have taken effect
	for n := 0; ; n++ {
		_, open, err := op.do(ctx, post)
		if err == nil {
			return nil
		}
		unsettled = unsettled || open
		if !unsettled && !isConflict(err) {
			return notStored(err)
		}
		// Only what is stored can tell. (Repeating the request is safe, too:
		// once it has taken effect, it conflicts with itself.)
		found, readErr := op.get(ctx)
		if readErr != nil {
			return fmt.Errorf("%w (it was to be read because of: %w)", readErr, err)
		}
		held, _, judgment := op.judge(found)
		switch {
		case judgment == nil && held == acsID:
			return nil
		case judgment == nil:
			return fmt.Errorf("graphmap: Create: %w", acsauth.ErrAlreadyMapped)
		case errors.Is(judgment, acsauth.ErrMappingInvalid):
			return fmt.Errorf("%w: %w", acsauth.ErrAlreadyMapped, judgment)
		case isCorrupt(found, judgment):
			var gone bool
			if gone, err = op.repair(ctx, acsID, body, unsettled); !gone {
				return err
			}
		case !saysExists(err):
			if unsettled {
				return err
			}
			return notStored(err)
		}
		// Graph says that there is an extension, and shows none: one of the two
		// answers is out of date. Which, shows when it is asked again.
		if n == len(lagPauses) {
			return undecided(err)
		}
		if httpx.Sleep(ctx, lagPauses[n]) != nil {
			return err
		}
	}
}

// repair fills in an extension without an identity. gone reports that there is
// no such extension any more.
func (op *operation) repair(ctx context.Context, acsID string, body []byte, unsettled bool) (gone bool, err error) {
	_, open, err := op.do(ctx, op.named(abstractions.PATCH, body))
	switch {
	case isAbsent(err):
		return true, err
	case err != nil && (unsettled || open):
		return false, err
	case err != nil:
		return false, notStored(err)
	}
	op.m.graph.log.WarnContext(ctx, "repaired an extension without an ACS identity", "user", op.user.Pseudonym())
	// The answer is trusted unless another process has evidently had the last
	// word; a read that shows less may just be late.
	found, err := op.get(ctx)
	if err != nil || found == nil || found.identity == "" || found.identity == acsID {
		return false, nil
	}
	return false, fmt.Errorf("graphmap: Create: %w", acsauth.ErrAlreadyMapped)
}

// isConflict reports whether what refused a creation may be an extension that
// exists. Graph's limit counts: it need not check for the name first.
func isConflict(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.StatusCode == 400 || e.exists || e.kind == httpx.KindLimit)
}

// undecided returns err as the failure of Graph's that is likely to pass.
func undecided(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	disagreement := *e
	disagreement.kind = httpx.KindUnavailable
	disagreement.Err = errors.New("it refuses to create an extension that it does not show; its replicas may disagree for some seconds")
	return &disagreement
}

func saysExists(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.exists
}

func notStored(err error) error {
	return fmt.Errorf("%w: %w", acsauth.ErrNotStored, err)
}
