package acsidentity

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Scope is something that the bearer of an ACS token may do. The service may
// know more scopes than are named here.
type Scope string

// The scopes of [DefaultAPIVersion].
const (
	ScopeChat            Scope = "chat"              // everything in chats
	ScopeVoIP            Scope = "voip"              // everything in calls
	ScopeChatJoin        Scope = "chat.join"         // chats, without creating, updating or deleting threads
	ScopeChatJoinLimited Scope = "chat.join.limited" // as chat.join, and without adding or removing participants
	ScopeVoIPJoin        Scope = "voip.join"         // calls, without starting new ones
)

func (s Scope) isKnown() bool {
	switch s {
	case ScopeChat, ScopeVoIP, ScopeChatJoin, ScopeChatJoinLimited, ScopeVoIPJoin:
		return true
	}
	return false
}

var scopeForm = regexp.MustCompile(`^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$`)

// The shortest and the longest life of a token that the service accepts.
const (
	minExpiresIn = time.Hour
	maxExpiresIn = 24 * time.Hour
)

// TokenOptions say what an ACS token is good for.
type TokenOptions struct {
	// Scopes are what the bearer may do: at least one, none twice. Give as few
	// as the user needs.
	Scopes []Scope
	// ExpiresIn is how long the token lives: 1 to 24 hours in whole minutes.
	// Zero leaves it to the service, whose default is 24 hours.
	ExpiresIn time.Duration
}

// Validate reports every mistake in o. The operations call it; call it earlier
// to find a mistake in a program's settings when the program starts.
func (o TokenOptions) Validate() error {
	var mistakes []error
	if len(o.Scopes) == 0 {
		mistakes = append(mistakes, errors.New("TokenOptions.Scopes is empty: name at least one, such as voip"))
	}
	for i, s := range o.Scopes {
		if !s.isKnown() && !scopeForm.MatchString(string(s)) {
			mistakes = append(mistakes, fmt.Errorf("TokenOptions.Scopes: %q is not a scope such as chat or voip.join", s))
		} else if slices.Contains(o.Scopes[:i], s) {
			mistakes = append(mistakes, fmt.Errorf("TokenOptions.Scopes names %s more than once", s))
		}
	}
	if o.ExpiresIn != 0 && (o.ExpiresIn < minExpiresIn || o.ExpiresIn > maxExpiresIn || o.ExpiresIn%time.Minute != 0) {
		mistakes = append(mistakes, fmt.Errorf("TokenOptions.ExpiresIn is %s: it must be 1h to 24h in whole minutes, or 0 for the service's default", o.ExpiresIn))
	}
	return errors.Join(mistakes...)
}

// appendRequest appends the request for a token, with options that are valid: a scope
// is nothing that JSON would have to escape.
func (o TokenOptions) appendRequest(text []byte) []byte {
	text = append(text, `{"scopes":[`...)
	for i, s := range o.Scopes {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, '"'), s...), '"')
	}
	text = append(text, ']')
	if o.ExpiresIn > 0 {
		text = strconv.AppendInt(append(text, `,"expiresInMinutes":`...), int64(o.ExpiresIn/time.Minute), 10)
	}
	return append(text, '}')
}

// An AccessToken is an ACS token, for the ACS client libraries to use. Printing
// it (with any verb) and logging it with log/slog leave out the token, unless it
// stands in an unexported field of another struct, which fmt prints without
// asking; encoding it as JSON does not.
type AccessToken struct {
	Token     string    // opaque: for the ACS client libraries
	ExpiresOn time.Time // in UTC
}

// String returns the expiry, and "[redacted]" in place of the token.
func (t AccessToken) String() string {
	return redacted + " until " + t.ExpiresOn.Format(time.RFC3339)
}

// Format prints the same as String, whatever the verb.
func (t AccessToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue returns the same as String.
func (t AccessToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// A TeamsExchange is what [Client.ExchangeTeamsToken] sends. All fields are
// required. Printing and logging it leave out the token, as for [AccessToken].
type TeamsExchange struct {
	// Token is a Microsoft Entra access token of the Teams user, with the
	// delegated scopes Teams.ManageCalls and Teams.ManageChats of
	// https://auth.msft.communication.azure.com.
	Token string
	// AppID is the client id of the application that Token was issued to.
	AppID string
	// UserID is the object id of the user that Token was issued for.
	UserID string
}

// String returns the ids, and "[redacted]" in place of the token.
func (x TeamsExchange) String() string {
	return fmt.Sprintf("%s of app %q, user %q", redacted, x.AppID, x.UserID)
}

// Format prints the same as String, whatever the verb.
func (x TeamsExchange) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// LogValue returns the same as String.
func (x TeamsExchange) LogValue() slog.Value { return slog.StringValue(x.String()) }

const redacted = "[redacted]"
