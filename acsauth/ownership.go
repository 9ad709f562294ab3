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
func (s *Service) judge(acsID string, err error) verdict {
	var refused *acsidentity.Error
	switch {
	case !errors.As(err, &refused) || !refused.RefusesIdentity():
		return accepted
	case refused.Code != acsidentity.CodeIdentityNotOwned, s.isOurs(acsID):
		return gone
	}
	return foreign
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
// that ACS has just created or accepted.
func (s *Service) learn(acsID string) {
	if s.resource.Load() != nil {
		return
	}
	if id := resourceOf(acsID); id != "" {
		s.resource.CompareAndSwap(nil, &id)
	}
}

// resourceOf returns the id of the resource that an identity belongs to.
func resourceOf(acsID string) string {
	return strings.ToLower(acsidentity.ParseRawID(acsID).ResourceID)
}
