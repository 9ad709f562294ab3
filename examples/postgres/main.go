// Command postgres keeps the mappings in PostgreSQL. The API's app registration then
// needs no permission for Microsoft Graph, and no secret.
package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

func newHandler(db *sql.DB) *acsauth.Handler {
	tenant, client, authority := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_AUTHORITY_HOST")
	identities := must(acsidentity.New(acsidentity.Config{ConnectionString: os.Getenv("ACS_CONNECTION_STRING")}))
	mapper := must(sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: identities.Host()}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := mapper.Migrate(ctx); err != nil { // any number of processes may do so at once
		log.Fatal(err)
	}
	return must(acsauth.NewHandler(acsauth.HandlerConfig{
		Authenticator: must(acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{TenantID: tenant, ClientID: client, AuthorityHost: authority})),
		Service:       must(acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: mapper})),
	}))
}

func main() {
	db := must(sql.Open("pgx", os.Getenv("DATABASE_URL"))) // postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full
	db.SetMaxOpenConns(16)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: newHandler(db), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func must[T any](made T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return made
}
