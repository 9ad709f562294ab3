// Command ownmux serves the API on a mux of one's own, next to other handlers.
package main

import (
	"encoding/base64"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

func newMux() *http.ServeMux {
	tenant, client, authority := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_AUTHORITY_HOST")
	graphTokens := must(obo.New(obo.Config{ClientID: client, Credential: obo.ClientSecret(os.Getenv("AZURE_CLIENT_SECRET")), AuthorityHost: authority}))
	key := must(base64.StdEncoding.DecodeString(os.Getenv("GRAPH_MAPPING_KEYS"))) // openssl rand -base64 32
	handler := must(acsauth.NewHandler(acsauth.HandlerConfig{
		Authenticator: must(acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{TenantID: tenant, ClientID: client, AuthorityHost: authority})),
		Service: must(acsauth.NewService(acsauth.ServiceConfig{
			Identities: must(acsidentity.New(acsidentity.Config{ConnectionString: os.Getenv("ACS_CONNECTION_STRING")})),
			Mapper:     must(graphmap.New(graphmap.Config{Tokens: graphTokens, BaseURL: os.Getenv("GRAPH_BASE_URL"), Keys: [][]byte{key}})),
		})),
	}))
	mux := http.NewServeMux()
	mux.Handle("/api/", handler)
	mux.Handle("/", http.NotFoundHandler()) // your own handlers
	return mux
}

func main() {
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: newMux(), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func must[T any](made T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return made
}
