package obo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// A handler that calls Microsoft Graph as its caller. The assertion and the
// tenant id come from the caller's validated access token.
func Example() {
	client, err := obo.New(obo.Config{
		ClientID:   "11111111-2222-3333-4444-555555555555",
		Credential: obo.ClientSecret("the secret, from the environment or a vault"),
		Scopes:     []string{"https://graph.microsoft.com/User.Read"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := func(w http.ResponseWriter, r *http.Request, tenantID, assertion string) {
		token, err := client.Token(r.Context(), tenantID, assertion, "")
		var failure *obo.Error
		switch {
		case errors.As(err, &failure) && failure.Kind == "claims_challenge":
			// Send failure.Claims, in base64, in a WWW-Authenticate header.
			w.WriteHeader(http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "Microsoft Graph cannot be reached for you.", http.StatusBadGateway)
			return
		}
		_ = token // goes into the Authorization header of the request to Graph
	}
	_ = handler
	// Output:
}

// Everything that is wrong with a Config is reported at once.
func ExampleNew() {
	_, err := obo.New(obo.Config{
		AuthorityHost: "http://login.microsoftonline.com",
		Scopes:        []string{"openid"},
	})
	fmt.Println(err)
	// Output:
	// obo: Config.ClientID must be the application (client) id, a GUID such as 11111111-2222-3333-4444-555555555555
	// obo: Config.Credential is required: use ClientSecret, Certificate, ClientAssertion or CredentialFunc
	// obo: Config.AuthorityHost must use https, also on this machine
	// obo: Config.Scopes[0] asks for sign-in, not for a resource; leave it out, MSAL adds it
}

// Workload identity federation on Kubernetes: the platform replaces the file
// before the token in it expires, so it is read each time.
func ExampleClientAssertion() {
	credential := obo.ClientAssertion(func(context.Context, obo.AssertionRequest) (string, error) {
		token, err := os.ReadFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
		return strings.TrimSpace(string(token)), err
	})
	fmt.Println(credential)
	// Output: [redacted]
}

// A secret that somebody replaces from time to time, in a file or a vault. What is
// fetched is kept; a refusal is the reason to fetch it again.
func ExampleCredentialFunc() {
	var mu sync.Mutex
	var current obo.Credential
	fetch := func(context.Context) (string, error) { return "the secret of today", nil }

	credential := obo.CredentialFunc(func(ctx context.Context, refused obo.Credential) (obo.Credential, error) {
		mu.Lock()
		defer mu.Unlock()
		if current != refused {
			return current, nil
		}
		secret, err := fetch(ctx)
		if err != nil {
			return obo.Credential{}, err
		}
		current = obo.ClientSecret(secret)
		return current, nil
	})
	fmt.Println(credential)
	// Output: [redacted]
}

func ExampleError() {
	err := error(&obo.Error{Kind: "consent_required", StatusCode: 400, Code: "invalid_grant", ErrorCodes: []int{65001}})

	var failure *obo.Error
	if errors.As(err, &failure) && failure.Kind == "consent_required" {
		fmt.Println("ask for consent:", failure)
	}
	// Output: ask for consent: obo: consent is missing; an administrator can grant it in the app's registration (HTTP 400, invalid_grant, AADSTS65001)
}
