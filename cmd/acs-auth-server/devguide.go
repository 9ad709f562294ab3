package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// guideTokenLife is how long the tokens that -dev prints are good for. Real ones
// live for little more than an hour.
const guideTokenLife = 24 * time.Hour

// A guide is what -dev prints: a script for a POSIX shell, in which everything
// but the commands is a comment, so that any part of it can be pasted.
type guide struct {
	url               string // of the server
	token, teamsToken string
	certFile          string       // of the server; "": it speaks plain HTTP
	azure             source.Layer // the settings that point to the embedded cloud
	caFile            string
	ignored           []string // settings in the environment
}

// exported are the settings with which other programs use the same cloud.
var exported = []string{
	"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST",
	"ACS_CONNECTION_STRING", "GRAPH_BASE_URL", "GRAPH_MAPPING_KEYS",
}

func (g guide) write(w io.Writer) error {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	curl := "curl -i"
	if g.certFile != "" {
		curl += " --cacert " + quote(g.certFile)
	}

	say("# acs-auth-server listens on %s.", g.url)
	say("# Microsoft Entra ID, Microsoft Graph and Azure Communication Services (ACS) are")
	say("# embedded stand-ins, which are on this machine and forget everything when the")
	say("# server ends (Ctrl+C). For development only: nothing here protects anything.")
	if len(g.ignored) > 0 {
		say("# Ignored Azure settings in the environment: %s.", strings.Join(g.ignored, ", "))
	}

	say("\n# The access token of a user, Alice, for the next 24 hours. In another terminal:")
	say("export TOKEN=%s", quote(g.token))

	say("\n# Create Alice's ACS identity: 201.")
	say(`%s -X POST %s/api/user -H "Authorization: Bearer $TOKEN"`, curl, g.url)
	say("\n# Again. It is there already: 200.")
	say(`%s -X POST %s/api/user -H "Authorization: Bearer $TOKEN"`, curl, g.url)
	say("\n# Get an ACS access token for it: 201.")
	say(`%s %s/api/token -H "Authorization: Bearer $TOKEN"`, curl, g.url)
	say("\n# Delete the identity, its tokens and the mapping to it: 204.")
	say(`%s -X DELETE %s/api/user -H "Authorization: Bearer $TOKEN"`, curl, g.url)

	say("\n# Alice's token for Teams, and an ACS access token as a Teams user for it: 201.")
	say("export TEAMS_TOKEN=%s", quote(g.teamsToken))
	say(`%s %s/api/token/teams -H "Authorization: Bearer $TOKEN" -H "teams-user-aad-token: $TEAMS_TOKEN"`, curl, g.url)

	say("\n# With these, the examples use the same cloud, and so does a second server with")
	say("# -listen-addr 127.0.0.1:5001 in place of -dev (not on macOS and Windows, where Go")
	say("# does not read SSL_CERT_FILE).")
	for _, name := range exported {
		say("export %s=%s", name, quote(g.azure.Values[name].Text))
	}
	say("export SSL_CERT_FILE=%s", quote(g.caFile))

	_, err := io.WriteString(w, b.String())
	return err
}

// quote returns s as one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
