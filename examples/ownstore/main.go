// Command ownstore keeps the mappings in a store of one's own, here a directory of
// files. With such a store neither Microsoft Graph nor an On-Behalf-Of exchange is
// needed, so the API's app registration needs no Graph permission and no secret.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func newHandler(dir string) (*acsauth.Handler, error) {
	identities, err := acsidentity.New(acsidentity.Config{ConnectionString: os.Getenv("ACS_CONNECTION_STRING")})
	if err != nil {
		return nil, err
	}
	service, err := acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: &fileStore{dir: dir}})
	if err != nil {
		return nil, err
	}
	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID:      os.Getenv("AZURE_TENANT_ID"),
		ClientID:      os.Getenv("AZURE_CLIENT_ID"),
		AuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"), // empty: the public cloud
	})
	if err != nil {
		return nil, err
	}
	return acsauth.NewHandler(acsauth.HandlerConfig{Authenticator: authenticator, Service: service})
}

func main() {
	if err := os.MkdirAll("mappings", 0o700); err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler("mappings")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}
