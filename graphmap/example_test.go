package graphmap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

var (
	tokens graphmap.TokenSource = &fakeTokens{}
	key                         = key1
)

// A Mapper for servers without a database. In place of the fake, tokens is an
// *obo.Client, and key comes from a secret store.
func ExampleNew() {
	server := httptest.NewTLSServer(newGraph(nil)) // stands in for Microsoft Graph
	defer server.Close()

	mapper, err := graphmap.New(graphmap.Config{
		Tokens:     tokens,
		Keys:       [][]byte{key},
		BaseURL:    server.URL + "/v1.0", // leave it out to talk to Graph
		HTTPClient: server.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, u := context.Background(), user(1)

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

// Moving from one of the siblings, which sign nothing: what is there by the end
// of the year is trusted and signed, and what comes later is not.
func ExampleAdoptUnsigned() {
	_, err := graphmap.New(graphmap.Config{
		Tokens:     tokens,
		Keys:       [][]byte{key},
		Unsigned:   graphmap.AdoptUnsigned,
		AdoptUntil: time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC),
	})
	fmt.Println(err)
	// Output: <nil>
}
