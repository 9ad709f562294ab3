package tablemap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

// A Mapper on Azure Table storage. The connection string is that of the portal, and
// comes from a secret store.
func ExampleNew() {
	mapper, err := tablemap.New(tablemap.Config{
		Account:    tablemap.ConnectionString("DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA==;EndpointSuffix=core.windows.net"),
		Resource:   "contoso.communication.azure.com",
		HTTPClient: &http.Client{Transport: inProcess{newTableService()}}, // leave it out to talk to Azure
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, u := context.Background(), user(1)

	fmt.Println(mapper.CreateTable(ctx))
	_, err = mapper.Lookup(ctx, u)
	fmt.Println("not mapped:", errors.Is(err, acsauth.ErrNotMapped))
	fmt.Println(mapper.Create(ctx, u, "8:acs:0a1b2c3d_0000"))
	fmt.Println(mapper.Lookup(ctx, u))
	err = mapper.Create(ctx, u, "8:acs:0a1b2c3d_1111")
	fmt.Println("already mapped:", errors.Is(err, acsauth.ErrAlreadyMapped))
	// Output:
	// <nil>
	// not mapped: true
	// <nil>
	// 8:acs:0a1b2c3d_0000 <nil>
	// already mapped: true
}

// With an identity in Microsoft Entra ID instead of a key. In place of the fake,
// the credential is one of the module azidentity, such as that of
// NewManagedIdentityCredential.
func ExampleEntra() {
	mapper, err := tablemap.New(tablemap.Config{
		Account:    tablemap.Entra("https://contoso.table.core.windows.net", &credential{}),
		Resource:   "contoso.communication.azure.com",
		HTTPClient: &http.Client{Transport: inProcess{newTableService()}}, // leave it out to talk to Azure
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = mapper.Lookup(context.Background(), user(1))
	fmt.Println(err)
	// Output:
	// tablemap: Lookup: the Table service answered 404 TableNotFound: create the table, or check its name; request-id request-1
}
