package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// forOBO returns the credential as package obo takes it.
func (c *credential) forOBO() obo.Credential {
	return obo.CredentialFunc(func(_ context.Context, refused obo.Credential) (obo.Credential, error) {
		current := c.proofs.Current()
		if current.obo == refused {
			current = c.proofs.Instead(current)
		}
		return current.obo, nil
	})
}

// followAccessKey makes cfg follow the file that its connection string was read
// from, if it was, and if that is of any use: otherwise acsidentity.New says why
// not.
func followAccessKey(s *settings, cfg *acsidentity.Config, around surroundings) {
	const setting = "ACS_CONNECTION_STRING"
	endpoint, _, err := acsidentity.ParseConnectionString(cfg.ConnectionString)
	if s.origins[setting].file == "" || err != nil || cfg.Endpoint != "" {
		return
	}
	keys, err := follow(s, setting, cfg.ConnectionString, around, func(text string) (acsidentity.Credential, error) {
		named, key, err := acsidentity.ParseConnectionString(text)
		if err == nil && named != endpoint {
			err = errors.New("it names another endpoint, which takes a restart")
		}
		return key, err
	})
	if err != nil {
		return // it has changed at this very moment: what was read before is good
	}
	cfg.ConnectionString, cfg.Endpoint = "", endpoint
	cfg.Credential = acsidentity.CredentialFunc(func(_ context.Context, refused acsidentity.Credential) (acsidentity.Credential, error) {
		current := keys.Current()
		if *current == refused {
			current = keys.Instead(current)
		}
		return *current, nil
	})
}

// followMappingKeys makes cfg follow the file that its keys were read from, as
// followAccessKey does.
func followMappingKeys(s *settings, cfg *graphmap.Config, around surroundings) {
	const setting = "GRAPH_MAPPING_KEYS"
	if s.origins[setting].file == "" || len(cfg.Keys) == 0 || cfg.Unsigned == graphmap.TrustUnsigned {
		return
	}
	ring, err := follow(s, setting, "", around, func(text string) ([][]byte, error) {
		var parsed settings
		if err := mappingKeys(&parsed, text); err != nil {
			return nil, fmt.Errorf("it %w", err)
		}
		return bytesOf(parsed.mappingKeys), nil
	})
	if err != nil {
		return // it has changed at this very moment: what was read before is good
	}
	cfg.Keys, cfg.CurrentKeys = nil, func() [][]byte { return *ring.Current() }
}

// followStorePassword makes a store follow the file that its address was read from, as
// followAccessKey does.
func followStorePassword(s *settings, options *stores.Options, around surroundings) {
	const setting = "MAPPING_STORE"
	if s.origins[setting].file == "" {
		return
	}
	first := s.storeAddress.Reveal()
	address, err := follow(s, setting, "", around, func(text string) (acsauth.Secret, error) {
		return acsauth.NewSecret(text), stores.Follows(first, text)
	})
	if err != nil {
		return // it has changed at this very moment: what was read before is good
	}
	options.Current = func() string { return address.Current().Reveal() }
}

func bytesOf(secrets []acsauth.Secret) (all [][]byte) {
	for _, secret := range secrets {
		all = append(all, []byte(secret.Reveal()))
	}
	return all
}
