package acsidentity

import (
	"net/http"
	"testing"
	"time"
)

// TestSignEmptyObject signs what no operation sends: a create whose body is an
// empty object.
func TestSignEmptyObject(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequest("POST", "https://contoso.communication.azure.com/identities?api-version=2023-10-01", nil)
	if err != nil {
		t.Fatal(err)
	}
	key := AccessKey("YWNzLXRlc3QtdmVjdG9yLWtleS0wMTIzNDU2Nzg5YWJjZGVm")
	if err := key.authorize(t.Context(), req, []byte("{}"), time.Date(2026, 9, 23, 10, 15, 30, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"x-ms-content-sha256": "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=",
		"Authorization":       "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=MwpLH52baHwbKjqsRi2GyBpS4Il5ZNnE1DQFd+6owms=",
	} {
		if got := req.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
