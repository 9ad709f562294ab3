package acsauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

func ExampleAuthenticator_Require() {
	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID: "72f988bf-86f1-41af-91ab-2d7cd011db47",
		ClientID: "11111111-2222-3333-4444-555555555555",
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := authenticator.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := acsauth.UserFromContext(r.Context())
		if !ok { // not behind Require
			http.Error(w, "nobody has checked who is calling", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "Hello", user.ObjectID)
	}))

	// A request without a token.
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="acs"
}

// A job that deletes identities has no HTTP request. Its audit events have an id too.
func ExampleContextWithRequestID() {
	ctx := acsauth.ContextWithRequestID(context.Background(), "cleanup-2026-11-26")
	fmt.Println(acsauth.RequestID(ctx)) // and then service.Delete(ctx, user)
	// Output: cleanup-2026-11-26
}

// A store that says what kind of failure it met decides how it is answered.
func ExampleFailure() {
	var err error = &quotaExceeded{}
	var failure acsauth.Failure
	fmt.Println(errors.As(err, &failure), failure.FailureKind())
	// Output: true throttled
}

type quotaExceeded struct{}

func (*quotaExceeded) Error() string       { return "the database's quota is used up" }
func (*quotaExceeded) FailureKind() string { return "throttled" }

func ExampleMemoryMapper() {
	var store acsauth.MemoryMapper
	ctx := context.Background()
	user := acsauth.User{TenantID: "72f988bf-86f1-41af-91ab-2d7cd011db47", ObjectID: "00000000-aaaa-bbbb-cccc-dddddddddddd"}

	_, err := store.Lookup(ctx, user)
	fmt.Println(errors.Is(err, acsauth.ErrNotMapped))
	fmt.Println(store.Create(ctx, user, "8:acs:first"))
	fmt.Println(errors.Is(store.Create(ctx, user, "8:acs:second"), acsauth.ErrAlreadyMapped))
	// Output:
	// true
	// <nil>
	// true
}

func ExampleSecret() {
	token := acsauth.NewSecret("eyJ0eXAiOiJKV1Qi")
	fmt.Printf("%v %s %q %#v\n", token, token, token, token)
	fmt.Println(len(token.Reveal()))
	// Output:
	// [redacted] [redacted] [redacted] [redacted]
	// 16
}
