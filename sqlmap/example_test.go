package sqlmap_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// A Mapper for a server on one machine, with a database file and no server for it.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "mappings")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// The driver is chosen by the program: import _ "modernc.org/sqlite".
	db, err := sql.Open("sqlite", sqlmap.SQLiteDSN(filepath.Join(dir, "mappings.db")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(8)

	mapper, err := sqlmap.New(sqlmap.Config{
		DB:       db,
		Dialect:  sqlmap.SQLite,
		Resource: "contoso.communication.azure.com", // client.Host() of an *acsidentity.Client
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := mapper.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}

	u := acsauth.User{TenantID: "11111111-1111-4111-8111-111111111111", ObjectID: "22222222-2222-4222-8222-222222222222"}
	_, err = mapper.Lookup(ctx, u)
	fmt.Println("not mapped:", errors.Is(err, acsauth.ErrNotMapped))
	fmt.Println(mapper.Create(ctx, u, "8:acs:0a1b2c3d_0000"))
	fmt.Println(mapper.Lookup(ctx, u))
	err = mapper.Create(ctx, u, "8:acs:0a1b2c3d_1111")
	fmt.Println("already mapped:", errors.Is(err, acsauth.ErrAlreadyMapped))
	// Output:
	// not mapped: true
	// <nil>
	// 8:acs:0a1b2c3d_0000 <nil>
	// already mapped: true
}

// Saving all mappings, such as before moving to another store.
func ExampleMapper_Mappings() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // a second one would be a second database

	mapper, err := sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: "contoso.communication.azure.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println(mapper.Migrate(ctx))
	for _, name := range []string{"grace", "ada"} {
		fmt.Println(mapper.Create(ctx, acsauth.User{TenantID: "tenant", ObjectID: name}, "8:acs:"+name))
	}
	for mapping, err := range mapper.Mappings(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(mapping.ObjectID, mapping.ACSID)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// ada 8:acs:ada
	// grace 8:acs:grace
}
