// Command purposes gives each user one ACS identity for each purpose, here support
// and sales, so that deleting or revoking one leaves the other alone. Each purpose
// has a Service of its own, with its own part of one database.
package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// A purpose must keep its name: it is part of the keys in the database.
var purposes = []string{"support", "sales"}

// newMux serves /support/user, /sales/user and so on. ctx ends the repairs.
func newMux(ctx context.Context, db *sql.DB) *http.ServeMux {
	authenticator := must(acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID: os.Getenv("AZURE_TENANT_ID"), ClientID: os.Getenv("AZURE_CLIENT_ID"), AuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
	}))
	identities := must(acsidentity.New(acsidentity.Config{ConnectionString: os.Getenv("ACS_CONNECTION_STRING")}))
	mux := http.NewServeMux()
	for _, purpose := range purposes {
		mapper := must(sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: purpose + "." + identities.Host()}))
		if err := mapper.Migrate(ctx); err != nil {
			log.Fatal(err)
		}
		service := must(acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: mapper}))
		go repair(ctx, service)
		mux.Handle("/"+purpose+"/", must(acsauth.NewHandler(acsauth.HandlerConfig{
			Authenticator: authenticator, Service: service, Prefix: "/" + purpose,
		})))
	}
	return mux
}

// repair does what acsauth reconcile cannot do here: that looks under the bare name
// of the ACS resource.
func repair(ctx context.Context, service *acsauth.Service) {
	for every := time.Tick(15 * time.Minute); ; {
		if _, err := service.Reconcile(ctx, acsauth.ReconcileOptions{}); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every:
		}
	}
}

func main() {
	db := must(sql.Open("sqlite", sqlmap.SQLiteDSN("mappings.db")))
	db.SetMaxOpenConns(8)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: newMux(context.Background(), db), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func must[T any](made T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return made
}
