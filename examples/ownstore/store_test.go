package main

import (
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// This is all that it takes to prove a store right.
func TestFileStore(t *testing.T) {
	acsauthtest.TestMapper(t, func(t *testing.T) acsauth.IdentityMapper { return &fileStore{dir: t.TempDir()} }, nil)
}
