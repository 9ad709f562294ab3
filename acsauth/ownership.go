package acsauth

import (
	"errors"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// errForeign: the mapped identity belongs to another ACS resource, and policy
// forbids to let it go.
var errForeign = &Error{
	Name:    "mapping_invalid",
	Message: "The mapping of this user leads to an identity of another ACS resource.",
	advice:  advice["mapping_invalid"],
}

// A verdict is what ACS's refusal of an identity means.
type verdict int

const (
	accepted verdict = iota // not refused, or not for its own sake
	gone                    // deleted: nobody has it any more
	foreign                 // of another resource, where it may well be alive
)

// judge tells why ACS refused an operation on an identity. ACS may give one answer
// for identities that are gone and for those of another resource; the resource
// id in the identity tells them apart. Where our own resource id is not known
// yet, the harmless reading counts: what is foreign is not thrown away.
//
// Call confirm before.
func (s *Service) judge(acsID string, err error) verdict {
	switch code, refused := refusalOf(err); {
	case !refused:
		return accepted
	case code != acsidentity.CodeIdentityNotOwned, s.isOurs(acsID):
		return gone
	}
	return foreign
}

// refusalOf returns the code with which ACS refused an identity, if it did.
func refusalOf(err error) (code string, ok bool) {
	var refused *acsidentity.Error
	if errors.As(err, &refused) && refused.RefusesIdentity() {
		return refused.Code, true
	}
	return "", false
}

func (s *Service) isOurs(acsID string) bool {
	own := s.resource.Load()
	return own != nil && resourceOf(acsID) == *own
}

// isForeign reports whether an identity is known to belong to another resource.
func (s *Service) isForeign(acsID string) bool {
	return s.resource.Load() != nil && !s.isOurs(acsID)
}

// learn takes in the id of our own resource, unless it is known, from an identity
// that ACS has just accepted.
func (s *Service) learn(acsID string) {
	if s.confirmed.Load() {
		return
	}
	if id := resourceOf(acsID); id != "" {
		s.resource.CompareAndSwap(nil, &id)
		s.confirmed.Store(s.isOurs(acsID))
	}
}

// learnFromNew does so from an identity that ACS has just created. It fails if that is
// of another resource than the one that was configured. One that was learned may have
// been deleted and created again.
func (s *Service) learnFromNew(acsID string) error {
	id := resourceOf(acsID)
	switch {
	case id == "", s.isOurs(acsID):
	case s.cfg.ResourceID != "":
		s.misconfigured.Store(true)
		return errOtherResource
	default:
		s.resource.Store(&id)
	}
	s.learn(acsID)
	return nil
}

// errOtherResource: ACS creates identities of a resource that is not the one that was
// configured.
var errOtherResource = standard("server_misconfigured",
	detail{errors.New("ACS creates identities of another resource than the one whose immutable id is configured")})

// resourceOf returns the id of the resource that an identity belongs to.
func resourceOf(acsID string) string {
	return strings.ToLower(acsidentity.ParseRawID(acsID).ResourceID)
}
