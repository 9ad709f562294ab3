package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// The values of MAPPING_STORE.
const (
	storeGraph   = "graph"
	storeMemory  = "memory"
	storeUnknown = "unknown" // no value: something is wrong with it
)

// The values of GRAPH_UNSIGNED_MAPPINGS.
const (
	unsignedRefuse = "refuse"
	unsignedAdopt  = "adopt"
	unsignedTrust  = "trust"
)

func mappingSettings() []setting {
	return []setting{
		{
			name:     "MAPPING_STORE",
			azure:    true,
			secret:   true, // databases have their passwords in it
			fallback: storeGraph,
			example:  "sqlite:/var/lib/acs-auth-server/mappings.db",
			meaning:  "where mappings are kept: graph, an open extension of the user in Microsoft Graph; sqlite:FILE; postgres://USER:PASSWORD@HOST/DATABASE; tables:CONNECTION_STRING, of Azure Table storage or Cosmos DB; or memory, which forgets them when the server ends",
			shown:    func(s *settings) (string, bool) { return s.mappingStore, s.storeAddress.Reveal() == "" },
			strict:   true,
			parse:    mappingStore,
		},
		{
			name:      "GRAPH_BASE_URL",
			aliases:   []string{"Graph__BaseUrl"},
			azure:     true,
			otherwise: "that of AZURE_CLOUD",
			example:   "https://graph.microsoft.com/v1.0",
			meaning:   "address of Microsoft Graph, with its version",
			parse:     serviceURL(func(s *settings) *string { return &s.graphBaseURL }),
		},
		{
			name:      "GRAPH_SCOPE",
			azure:     true,
			otherwise: "that of AZURE_CLOUD",
			example:   "https://graph.microsoft.com/.default",
			meaning:   "scope that tokens for Graph are asked for; never derived from GRAPH_BASE_URL",
			parse:     scope(func(s *settings) *string { return &s.graphScope }),
		},
		{
			name:     "GRAPH_EXTENSION_NAME",
			aliases:  []string{"Graph__ExtensionName"},
			azure:    true,
			fallback: "com.contoso.identityMapping",
			example:  "com.contoso.identityMapping",
			meaning:  "name of the open extension",
			parse:    extensionName,
		},
		{
			name:      "GRAPH_MAPPING_KEYS",
			azure:     true,
			secret:    true,
			lines:     true,
			otherwise: "required, unless unsigned mappings are trusted",
			example:   "<the output of: openssl rand -base64 32>",
			meaning:   "keys in standard base64, at least 32 bytes each, separated by commas or white space: the first signs mappings, all verify them",
			shown:     func(s *settings) (string, bool) { return fmt.Sprintf("%d of them", len(s.mappingKeys)), false },
			parse:     mappingKeys,
		},
		{
			name:     "GRAPH_UNSIGNED_MAPPINGS",
			azure:    true,
			fallback: unsignedRefuse,
			example:  unsignedAdopt,
			meaning: "what to do with mappings that carry no signature: refuse; adopt, which signs them until GRAPH_ADOPT_UNTIL; " +
				"trust, which needs no keys and lets users claim the ACS identities of others",
			parse: choice(func(s *settings) *string { return &s.unsignedMappings }, unsignedRefuse, unsignedAdopt, unsignedTrust),
		},
		{
			name:      "GRAPH_ADOPT_UNTIL",
			azure:     true,
			otherwise: "required with adopt",
			example:   "2027-01-31T00:00:00Z",
			meaning:   "when adoption ends, in the form of RFC 3339",
			parse:     instant(func(s *settings) *time.Time { return &s.adoptUntil }),
		},
		{
			name:     "MAPPING_CACHE_TTL",
			fallback: strings.Replace(acsauth.DefaultMappingTTL.String(), "m0s", "m", 1),
			example:  "30s",
			meaning:  "how long GET /api/token remembers a mapping; 0: never",
			parse:    duration(func(s *settings) *time.Duration { return &s.mappingTTL }, 0),
		},
		{
			name:     "AUTO_PROVISION",
			boolean:  true,
			fallback: "false",
			example:  "true",
			meaning:  "GET /api/token creates the identity on first use",
			parse:    boolean(func(s *settings) *bool { return &s.autoProvision }),
		},
		{
			name:     "REPLACE_FOREIGN_IDENTITY",
			boolean:  true,
			fallback: "false",
			example:  "true",
			meaning:  "a mapping to an identity of another ACS resource may be replaced",
			parse:    boolean(func(s *settings) *bool { return &s.replaceForeign }),
		},
	}
}

// extensionName and mappingKeys ask graphmap, whatever the store: a mistake does not
// wait for the day on which the store is chosen.
func extensionName(s *settings, value string) error {
	if err := graphmap.CheckExtensionName(value); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "graphmap: ExtensionName "))
	}
	s.extensionName = value
	return nil
}

// mappingKeys takes a list between commas or white space, such as one of lines.
func mappingKeys(s *settings, value string) error {
	var decoded [][]byte
	var secrets []acsauth.Secret
	for i, entry := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		key, err := base64.StdEncoding.DecodeString(entry)
		if err != nil {
			return fmt.Errorf("must be a list of keys in standard base64 with padding; number %d is not", i+1)
		}
		decoded, secrets = append(decoded, key), append(secrets, acsauth.NewSecret(string(key)))
	}
	if err := graphmap.CheckKeys(decoded); err != nil {
		return errors.New("has keys of no use: " + strings.Join(keyMistakes(err), "; "))
	}
	s.mappingKeys = secrets
	return nil
}

var numberedKey = regexp.MustCompile(`\bKeys\[([0-9]+)\]`)

// keyMistakes returns what graphmap says of keys in the words of a list, which begins
// with number 1.
func keyMistakes(err error) (mistakes []string) {
	for text := range strings.SplitSeq(err.Error(), "\n") {
		text = strings.Replace(strings.TrimPrefix(text, "graphmap: "), "no Keys", "none", 1)
		mistakes = append(mistakes, numberedKey.ReplaceAllStringFunc(text, func(name string) string {
			i, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "Keys["), "]"))
			return fmt.Sprintf("number %d", i+1)
		}))
	}
	return mistakes
}

// mappingStore tells the stores that have an address from those that are one word.
func mappingStore(s *settings, value string) error {
	switch kind := stores.Kind(value); {
	case value == storeGraph || value == storeMemory:
		s.mappingStore = value
	case kind != "":
		s.mappingStore, s.storeAddress = kind, acsauth.NewSecret(value)
	default:
		return errors.New("must be graph, memory, sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or tables:CONNECTION_STRING")
	}
	return nil
}
