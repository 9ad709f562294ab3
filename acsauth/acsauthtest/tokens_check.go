package acsauthtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// challengeErrors are the error codes that RFC 6750 section 3.1 has for the errors
// that come with a challenge. It wants none where no token was sent.
var challengeErrors = map[string]string{
	"missing_token":      "",
	"invalid_request":    "invalid_request",
	"invalid_token":      "invalid_token",
	"insufficient_scope": "insufficient_scope",
}

// Check says what is wrong with the answer to a request that presented the case, all
// of it; nil means that nothing is. It reads the answer's body.
func (c TokenCase) Check(answer *http.Response) error {
	body, err := httpx.ReadBody(answer, httpx.MaxBody)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	problems := []error{c.checkRepetition(answer.Header, string(body))}
	if c.Status == 0 {
		return errors.Join(append(problems, checkAdmitted(answer.StatusCode, body))...)
	}
	if answer.StatusCode != c.Status {
		problems = append(problems, fmt.Errorf("status %d, want %d %s", answer.StatusCode, c.Status, c.Error))
	}
	var named struct{ Error string }
	if json.Unmarshal(body, &named) == nil && named.Error != "" && named.Error != c.Error {
		problems = append(problems, fmt.Errorf("error %q, want %q", named.Error, c.Error))
	}
	if !slices.Contains(strings.Fields(strings.ReplaceAll(answer.Header.Get("Cache-Control"), ",", " ")), "no-store") {
		problems = append(problems, fmt.Errorf("Cache-Control %q, want no-store", answer.Header.Get("Cache-Control")))
	}
	return errors.Join(append(problems, c.checkChallenge(answer.Header.Values("WWW-Authenticate")))...)
}

// checkAdmitted wants a status that does not say that the token was refused, or that
// nobody could tell.
func checkAdmitted(status int, body []byte) error {
	refused := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
	if slices.Contains(refused, status) || status >= http.StatusInternalServerError {
		return fmt.Errorf("a good token was answered with status %d: %s", status, body)
	}
	return nil
}

// checkRepetition wants nothing of the token in the answer.
func (c TokenCase) checkRepetition(header http.Header, body string) error {
	answer := []string{body}
	for _, values := range header {
		answer = append(answer, values...)
	}
	secret := func(part string) bool {
		const short = 20 // characters, which may be in an answer by chance
		return len(part) > short && slices.ContainsFunc(answer, func(text string) bool { return strings.Contains(text, part) })
	}
	for _, value := range c.Authorization {
		if slices.ContainsFunc(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(` ."`, r) }), secret) {
			return errors.New("the answer repeats the token")
		}
	}
	return nil
}

// A challenge is the scheme Bearer and parameters with quoted values, none of which
// needs escapes (RFC 6750 section 3).
var (
	challengeForm      = regexp.MustCompile(`^Bearer(?: \w+="[ !#-\[\]-~]*"(?:, *\w+="[ !#-\[\]-~]*")*)?$`)
	challengeParameter = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// checkChallenge wants the one challenge that belongs to the error.
func (c TokenCase) checkChallenge(challenges []string) error {
	code, wanted := challengeErrors[c.Error]
	if len(challenges) == 0 && !wanted {
		return nil
	}
	if len(challenges) != 1 {
		return fmt.Errorf("%d WWW-Authenticate headers, want 1", len(challenges))
	}
	if !challengeForm.MatchString(challenges[0]) {
		return fmt.Errorf("WWW-Authenticate %q is no challenge of RFC 6750", challenges[0])
	}
	parameters := map[string]string{}
	for _, match := range challengeParameter.FindAllStringSubmatch(challenges[0], -1) {
		name := strings.ToLower(match[1])
		if _, twice := parameters[name]; twice {
			return fmt.Errorf("WWW-Authenticate %q has %s twice", challenges[0], name)
		}
		parameters[name] = match[2]
	}
	if wanted && parameters["error"] != code {
		return fmt.Errorf("WWW-Authenticate %q names the error %q, want %q", challenges[0], parameters["error"], code)
	}
	return nil
}
