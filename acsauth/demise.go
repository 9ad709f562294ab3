package acsauth

import "time"

// deletedFor is how long is remembered what became of a deletion, because a store may
// answer with what it was.
const deletedFor = time.Minute

// A demise is what is known of an identity after an attempt to delete it. What is
// known can only grow.
type demise int

const (
	doubtful demise = iota + 1 // nobody knows whether the deletion took effect, or yet will
	dead                       // it did
	unmapped                   // and its mapping has been removed
)

// note takes in what has become of an identity, and reports whether that is news.
func (s *Service) note(acsID string, now demise) (news bool) {
	known, _ := s.deleted.Get(acsID)
	s.deleted.Put(acsID, max(known, now), int64(len(acsID)), s.cfg.Now().Add(deletedFor))
	return now > known
}

// isDead reports whether an identity is known to be gone. It is used no more, even if
// the store still shows it.
func (s *Service) isDead(acsID string) bool {
	known, _ := s.deleted.Get(acsID)
	return known >= dead
}

// isDoubtful reports whether an identity may be gone, for all we know. ACS can be
// asked for a token of it, but nobody is told that they have it: first its deletion
// has to come to its end, since a request may take effect long after it was given up.
func (s *Service) isDoubtful(acsID string) bool {
	known, _ := s.deleted.Get(acsID)
	return known == doubtful
}
