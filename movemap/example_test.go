package movemap_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/movemap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// Out of Microsoft Graph, into a database. The service that is made with the result
// moves each user's mapping when the user calls.
func ExampleNew_outOfGraph() {
	outOfGraph := func(graph *graphmap.Mapper, db *sql.DB, identities *acsidentity.Client) (*acsauth.Service, error) {
		database, err := sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: identities.Host()})
		if err != nil {
			return nil, err
		}
		mapper, err := movemap.New(movemap.Config{From: graph, To: database})
		if err != nil {
			return nil, err
		}
		return acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: mapper})
	}
	_ = outOfGraph
}

// What is looked up moves. It stays in the old store, too.
func ExampleNew() {
	from, to := new(acsauth.MemoryMapper), new(acsauth.MemoryMapper)
	ctx := context.Background()
	fmt.Println(from.Create(ctx, ada, "8:acs:0a1b2c3d_0000"))

	mapper, err := movemap.New(movemap.Config{From: from, To: to})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mapper.Lookup(ctx, ada))
	fmt.Println(to.Lookup(ctx, ada))
	fmt.Println(from.Lookup(ctx, ada))
	// Output:
	// <nil>
	// 8:acs:0a1b2c3d_0000 <nil>
	// 8:acs:0a1b2c3d_0000 <nil>
	// 8:acs:0a1b2c3d_0000 <nil>
}

// A user moves from Graph into a database and keeps the identity. Afterwards the
// database alone does.
func TestOutOfGraph(t *testing.T) {
	t.Parallel()
	cloud := acsauthtest.NewCloud(t)
	graph, database := newGraph(t, cloud, make([]byte, 32)), newDatabase(t)

	alan := cloud.AddUser("Alan")
	token, u := cloud.Token(alan), acsauth.User{TenantID: alan.TenantID, ObjectID: alan.ObjectID}
	before, during, after := handler(t, cloud, graph), handler(t, cloud, compose(t, graph, database)), handler(t, cloud, database)
	created := call(t, before, token, http.MethodPost, http.StatusCreated)
	if got := call(t, during, token, http.MethodGet, http.StatusOK); got != created {
		t.Errorf("while moving: %s; want %s", got, created)
	}
	if got := call(t, after, token, http.MethodGet, http.StatusOK); got != created {
		t.Errorf("after the move: %s; want %s", got, created)
	}
	call(t, during, token, http.MethodDelete, http.StatusNoContent)
	call(t, before, token, http.MethodGet, http.StatusNotFound)
	if _, err := database.Lookup(t.Context(), u); !errors.Is(err, acsauth.ErrNotMapped) {
		t.Errorf("after the deletion: %v; want ErrNotMapped", err)
	}
}

// newGraph returns a store in the Graph of a cloud, which knows these keys.
func newGraph(t *testing.T, cloud *acsauthtest.Cloud, keys ...[]byte) acsauth.IdentityMapper {
	t.Helper()
	exchange, err := obo.New(obo.Config{
		ClientID: cloud.ClientID, Credential: obo.ClientSecret(cloud.ClientSecret), AuthorityHost: cloud.AuthorityHost, HTTPClient: cloud.HTTPClient(),
	})
	if err != nil {
		t.Fatal(err)
	}
	graph, err := graphmap.New(graphmap.Config{Tokens: exchange, BaseURL: cloud.GraphURL, Keys: keys, HTTPClient: cloud.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	return graph
}

// newDatabase returns an empty one.
func newDatabase(t *testing.T) acsauth.IdentityMapper {
	t.Helper()
	db, err := sql.Open("sqlite", sqlmap.SQLiteDSN(filepath.Join(t.TempDir(), "mappings.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	database, err := sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: "contoso.communication.azure.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := database.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return database
}

// handler returns the API over a store.
func handler(t *testing.T, cloud *acsauthtest.Cloud, store acsauth.IdentityMapper) http.Handler {
	t.Helper()
	identities, err := acsidentity.New(acsidentity.Config{ConnectionString: cloud.ACSConnectionString, HTTPClient: cloud.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	service, err := acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: store})
	if err != nil {
		t.Fatal(err)
	}
	authenticator, err := acsauth.NewAuthenticator(cloud.AuthenticatorConfig())
	if err != nil {
		t.Fatal(err)
	}
	h, err := acsauth.NewHandler(acsauth.HandlerConfig{Authenticator: authenticator, Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// call asks for /api/user and returns the body of the answer.
func call(t *testing.T, h http.Handler, token, method string, status int) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/user", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status {
		t.Errorf("%s: %d %s; want %d", method, w.Code, w.Body, status)
	}
	return w.Body.String()
}
