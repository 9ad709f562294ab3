package cloud_test

import (
	"fmt"
	"net/http"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

func ExampleStart() {
	c, err := cloud.Start(cloud.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	alice := c.Entra.AddUser(cloud.User{Name: "Alice"})
	req, err := http.NewRequest(http.MethodGet, c.Graph.URL+"/me?$select=displayName", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+c.Entra.GraphToken(alice, cloud.TokenOptions{}))
	res, err := c.HTTPClient().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	fmt.Println(res.Status, alice.UPN)
	// Output: 200 OK alice@contoso.onmicrosoft.example
}

// The first answer is lost on its way.
func ExampleCloud_Inject() {
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	remove := c.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, When: cloud.AfterEffect, Drop: true, Times: 1})
	defer remove()
	url := c.Entra.URL + "/common/v2.0/.well-known/openid-configuration"
	for range 2 {
		res, err := c.HTTPClient().Get(url)
		if err != nil {
			fmt.Println("no answer")
			continue
		}
		res.Body.Close()
		fmt.Println(res.Status)
	}
	fmt.Println(c.CallCount(cloud.OpEntraMetadata), "calls")
	// Output:
	// no answer
	// 200 OK
	// 2 calls
}

func ExampleEntra_Refuse() {
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	alice := c.Entra.AddUser(cloud.User{Name: "Alice"})
	allow := c.Entra.Refuse(cloud.Refusal{User: alice.ObjectID, Code: cloud.MFARequired, Claims: cloud.MFAClaims})
	defer allow()
	// Her next token comes from a sign-in with a second factor, which satisfies
	// the challenge.
	_ = c.Entra.UserToken(alice, cloud.TokenOptions{StepUp: true})
}
