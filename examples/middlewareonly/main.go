// Command middlewareonly protects a handler of one's own with Microsoft Entra ID
// access tokens, and uses nothing else of the module.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

func newHandler() (http.Handler, error) {
	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID:      os.Getenv("AZURE_TENANT_ID"),
		ClientID:      os.Getenv("AZURE_CLIENT_ID"),
		AuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"), // empty: the public cloud
	})
	if err != nil {
		return nil, err
	}
	return authenticator.Require(http.HandlerFunc(whoAmI)), nil
}

func whoAmI(w http.ResponseWriter, r *http.Request) {
	user, ok := acsauth.UserFromContext(r.Context())
	if !ok { // somebody has taken Require away
		http.Error(w, "nobody has checked who is calling", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "You are user %s of tenant %s.\n", user.ObjectID, user.TenantID)
}

func main() {
	handler, err := newHandler()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}
