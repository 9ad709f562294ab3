package acsauth

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// ErrorNames returns the names in the table from error to answer.
func ErrorNames() []string { return slices.Sorted(maps.Keys(answers)) }

// ErrorMessages returns the messages in that table, in the order of the names.
func ErrorMessages() (messages []string) {
	for _, name := range ErrorNames() {
		messages = append(messages, answers[name].message)
	}
	return messages
}

// WriteToken answers with a token as GET /api/token does.
func WriteToken(w http.ResponseWriter, token acsidentity.AccessToken, acsID string) {
	writeToken(w, token, acsID)
}

// NewUserLimit returns a limit of so many users at most, and the number of those
// that it keeps apart.
func NewUserLimit(perSecond float64, burst, most int, now func() time.Time) (admit func(user string) error, size func() int) {
	l := newUserLimit(perSecond, burst, now)
	l.most = most
	return l.admit, func() int { return len(l.byUser) }
}
