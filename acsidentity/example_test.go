package acsidentity_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// azureEndpoint stands for an ACS resource, so that the examples can run.
func azureEndpoint(handler http.HandlerFunc) (endpoint string, stop func()) {
	server := httptest.NewServer(handler)
	return server.URL, server.Close
}

func Example() {
	endpoint, stop := azureEndpoint(succeed)
	defer stop()
	ctx := context.Background()

	client, err := acsidentity.New(acsidentity.Config{
		ConnectionString: "endpoint=" + endpoint + ";accesskey=bm90IGEgcmVhbCBrZXk=",
	})
	if err != nil {
		log.Fatal(err)
	}
	options := acsidentity.TokenOptions{
		Scopes:    []acsidentity.Scope{acsidentity.ScopeVoIP},
		ExpiresIn: time.Hour,
	}

	// Once per user: store the id, it cannot be found again.
	id, token, err := client.CreateIdentityWithToken(ctx, options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("identity:", id)
	fmt.Println("token:", token)

	// Whenever the user needs another token.
	if token, err = client.IssueToken(ctx, id, options); err != nil {
		log.Fatal(err)
	}
	fmt.Println("token:", token)

	// When the user leaves.
	if err := client.DeleteIdentity(ctx, id); err != nil {
		log.Fatal(err)
	}
	// Output:
	// identity: 8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081
	// token: [redacted] until 2025-04-14T17:32:27Z
	// token: [redacted] until 2025-04-14T17:32:27Z
}

// These stand for the types of the modules azcore and azidentity, which this one
// does not need.
type (
	tokenRequestOptions struct{ Scopes []string }
	accessToken         struct{ Token string }
	managedIdentity     struct{}
)

func (managedIdentity) GetToken(_ context.Context, o tokenRequestOptions) (accessToken, error) {
	return accessToken{"a token for " + o.Scopes[0]}, nil
}

// With a credential of the Azure SDK, such as one that
// azidentity.NewManagedIdentityCredential returns, tokenRequestOptions is
// policy.TokenRequestOptions of azcore.
func ExampleBearerToken() {
	var credential managedIdentity

	client, err := acsidentity.New(acsidentity.Config{
		Endpoint: "https://contoso.europe.communication.azure.com",
		Credential: acsidentity.BearerToken(func(ctx context.Context) (string, error) {
			t, err := credential.GetToken(ctx, tokenRequestOptions{Scopes: []string{acsidentity.EntraScope}})
			return t.Token, err
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Endpoint())
	// Output: https://contoso.europe.communication.azure.com
}

func ExampleError() {
	endpoint, stop := azureEndpoint(answer(http.StatusUnauthorized,
		`{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}`))
	defer stop()
	client, err := acsidentity.New(acsidentity.Config{
		Endpoint:   endpoint,
		Credential: acsidentity.AccessKey("bm90IGEgcmVhbCBrZXk="),
	})
	if err != nil {
		log.Fatal(err)
	}

	err = client.RevokeTokens(context.Background(), "8:acs:an-identity-of-another-resource")
	var e *acsidentity.Error
	switch {
	case errors.As(err, &e) && e.Code == acsidentity.CodeIdentityNotOwned:
		fmt.Println("not an identity of this resource")
	case errors.As(err, &e) && e.Code == acsidentity.CodeDenied:
		fmt.Println("the access key is wrong")
	case err != nil:
		fmt.Println(err)
	}
	// Output: not an identity of this resource
}

func ExampleParseRawID() {
	i := acsidentity.ParseRawID("8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081")
	fmt.Println(i.Kind, i.ResourceID)
	// Output: communicationUser 2dee53b4-368b-45b4-ab52-8493fb117652
}
