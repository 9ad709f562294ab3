package acsauthtest_test

import (
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

func TestMemoryMapper(t *testing.T) {
	t.Parallel()
	acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return new(acsauth.MemoryMapper) }, nil)
}
