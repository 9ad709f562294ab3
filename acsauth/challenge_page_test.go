package acsauth_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// blocks returns the fenced blocks of docs/claims-challenge.md in a language.
func blocks(t *testing.T, language string) (found []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/claims-challenge.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, match := range block.FindAllStringSubmatch(string(page), -1) {
		found = append(found, match[1])
	}
	return found
}

// The answers in docs/claims-challenge.md are those of the server, but for the date
// and the length.
func TestClaimsChallengePage(t *testing.T) {
	t.Parallel()
	send := refuser(t, must(t, acsauth.NewAuthenticator, contoso))
	var answers []string
	for _, refusal := range []error{demand{"claims_challenge", cloud.MFAClaims}, demand{kind: "consent_required"}} {
		a := send(refusal)
		text := fmt.Sprintf("HTTP/1.1 %d %s\n", a.status, http.StatusText(a.status))
		for _, name := range slices.Sorted(maps.Keys(a.header)) {
			if name != "Date" && name != "Content-Length" {
				text += name + ": " + strings.Join(a.header[name], "\n"+name+": ") + "\n"
			}
		}
		answers = append(answers, text+"\n"+a.body)
	}
	shown := blocks(t, "http")
	for _, answer := range answers {
		if !slices.Contains(shown, answer) {
			t.Errorf("docs/claims-challenge.md does not show\n%s\nbut\n%s", answer, strings.Join(shown, "\n"))
		}
	}
	if claims := blocks(t, "json"); !slices.Contains(claims, cloud.MFAClaims+"\n") {
		t.Errorf("docs/claims-challenge.md shows the claims as %q, want %s", claims, cloud.MFAClaims)
	}
}

// The JavaScript in docs/claims-challenge.md reads parameters with an expression that
// means the same in Go, and finds in every challenge what is there.
func TestClaimsChallengePageScript(t *testing.T) {
	t.Parallel()
	expression := regexp.MustCompile(`\.matchAll\(/(.+)/g\)`).FindStringSubmatch(strings.Join(blocks(t, "js"), ""))
	if expression == nil {
		t.Fatal("docs/claims-challenge.md has no script with matchAll")
	}
	parameter, err := regexp.Compile(expression[1])
	if err != nil {
		t.Fatal(err)
	}
	send := refuser(t, must(t, acsauth.NewAuthenticator, contoso))
	check := func(refusal error) {
		t.Helper()
		header := send(refusal).header.Get("WWW-Authenticate")
		got := map[string]string{}
		for _, match := range parameter.FindAllStringSubmatch(header, -1) {
			got[match[1]] = match[2]
		}
		if want, err := readByGrammar(header); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: the page reads %q, want %q (%v)", header, got, want, err)
		}
	}
	for _, claims := range goodClaims {
		check(demand{"claims_challenge", claims})
	}
	for _, message := range acsauth.ErrorMessages() {
		check(&acsauth.Error{Name: "invalid_token", Message: message})
	}
	check(&acsauth.Error{Name: "missing_token"})
	check(demand{kind: "consent_required"})
}
