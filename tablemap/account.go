package tablemap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// maxAnswer bounds the body of an answer. The service sends at most four MiB, and
// what a Mapper asks for is far less.
const maxAnswer = 4 << 20

// An Account is where tables are, and what gives access to them. Make one with
// [ConnectionString], [ChangingConnectionString] or [Entra]; [New] says what is wrong
// with it.
//
// It keeps its secret in a function, out of the reach of fmt, log/slog and
// encoding/json.
type Account struct {
	open func(policy.Transporter) (*aztables.ServiceClient, []error)
}

// ConnectionString returns the account of a connection string as the Azure portal
// shows it, for a storage account or for a Cosmos DB account with the Table API:
// with an AccountName and AccountKey, or with a SharedAccessSignature and a
// TableEndpoint or AccountName. A signature must permit to read, add, update and
// delete entities, and to create the table if [Mapper.CreateTable] is to.
func ConnectionString(s string) Account { return ChangingConnectionString(s, nil) }

// ChangingConnectionString is [ConnectionString] for an AccountKey that is replaced
// while the [Mapper] is in use: current returns the connection string as it is now, s at
// first. It is called before each operation, from many goroutines at once, and should
// return at once. Only its AccountKey counts, if it has one that is base64.
func ChangingConnectionString(s string, current func() string) Account {
	return Account{open: func(t policy.Transporter) (*aztables.ServiceClient, []error) {
		settings := parseConnectionString(s)
		var mistakes []error
		endpoint, err := tableEndpoint(settings)
		if err != nil {
			mistakes = append(mistakes, err)
		}
		key, signature := settings["AccountKey"], strings.TrimPrefix(settings["SharedAccessSignature"], "?")
		credential, err := aztables.NewSharedKeyCredential(settings["AccountName"], key)
		if err != nil {
			mistakes = append(mistakes, errors.New("the AccountKey in the connection string is not base64"))
		}
		if _, err := url.ParseQuery(signature); err != nil && key == "" {
			mistakes = append(mistakes, errors.New("the SharedAccessSignature in the connection string is not a query"))
		}
		if key == "" && signature == "" {
			mistakes = append(mistakes, errors.New("the connection string has neither AccountKey nor SharedAccessSignature"))
		}
		if len(mistakes) > 0 {
			return nil, mistakes
		}
		if key != "" {
			o := options(endpoint, t)
			if current != nil {
				o.PerCallPolicies = append(o.PerCallPolicies, &keyChange{current: current, credential: credential, last: s})
			}
			return opened(aztables.NewServiceClientWithSharedKey(endpoint.String(), credential, o))
		}
		return opened(aztables.NewServiceClientWithNoCredential(endpoint.String()+"/?"+signature, options(endpoint, t)))
	}}
}

func parseConnectionString(s string) map[string]string {
	settings := map[string]string{}
	for setting := range strings.SplitSeq(strings.TrimSpace(s), ";") {
		if name, value, ok := strings.Cut(setting, "="); ok {
			settings[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return settings
}

// A keyChange gives a credential the key that is in the connection string now.
type keyChange struct {
	current    func() string
	credential *aztables.SharedKeyCredential

	mu   sync.Mutex
	last string
}

// Do implements [policy.Policy]. It comes before the request is signed.
func (c *keyChange) Do(r *policy.Request) (*http.Response, error) {
	now := c.current()
	c.mu.Lock()
	if now != c.last {
		if key := parseConnectionString(now)["AccountKey"]; key != "" && c.credential.SetAccountKey(key) == nil {
			c.last = now
		}
	}
	c.mu.Unlock()
	return r.Next()
}

func opened(client *aztables.ServiceClient, err error) (*aztables.ServiceClient, []error) {
	if err != nil {
		return nil, []error{err}
	}
	return client, nil
}

// tableEndpoint returns the address of the tables of an account, given by the
// settings in its connection string.
func tableEndpoint(settings map[string]string) (*url.URL, error) {
	name, raw := settings["AccountName"], settings["TableEndpoint"]
	if name == "" && (raw == "" || settings["AccountKey"] != "") {
		return nil, errors.New("the connection string has no AccountName; copy it as the Azure portal shows it")
	}
	if raw == "" {
		protocol, suffix := settings["DefaultEndpointsProtocol"], settings["EndpointSuffix"]
		if protocol == "" {
			protocol = "https"
		}
		if suffix == "" {
			suffix = "core.windows.net"
		}
		raw = protocol + "://" + name + ".table." + suffix
	}
	endpoint, err := httpx.ParseBaseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("the endpoint in the connection string %w", err)
	}
	return endpoint, nil
}

// Entra returns the account at an endpoint such as
// https://contoso.table.core.windows.net or
// https://contoso.table.cosmos.azure.com, which must be https, with access by
// tokens of Microsoft Entra ID. Any credential of the module azidentity will do.
// Its identity needs a role that permits to read and write entities, such as
// Storage Table Data Contributor. An error of the credential becomes the cause of an
// [*Error] and appears in its text, so it must hold no secret; those of azidentity
// repeat what Microsoft Entra ID, or a proxy before it, has answered.
func Entra(endpoint string, credential azcore.TokenCredential) Account {
	return Account{open: func(t policy.Transporter) (*aztables.ServiceClient, []error) {
		var mistakes []error
		u, err := httpx.ParseBaseURL(endpoint)
		switch {
		case err != nil:
			mistakes = append(mistakes, fmt.Errorf("the endpoint %w", err))
		case u.Scheme != "https":
			mistakes = append(mistakes, errors.New("the endpoint must use https, since tokens are sent there"))
		}
		if credential == nil {
			mistakes = append(mistakes, errors.New("the credential is nil"))
		}
		if len(mistakes) > 0 {
			return nil, mistakes
		}
		return opened(aztables.NewServiceClient(u.String(), tokens{credential}, options(u, t)))
	}}
}

func options(endpoint *url.URL, t policy.Transporter) *aztables.ClientOptions {
	o := &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: t,
		Telemetry: policy.TelemetryOptions{ApplicationID: "acs-authentication-hero"},
	}}
	// Cosmos DB wants tokens for the audience of its cloud.
	switch host := endpoint.Hostname(); {
	case strings.HasSuffix(host, ".azure.us"):
		o.Cloud = cloud.AzureGovernment
	case strings.HasSuffix(host, ".azure.cn"):
		o.Cloud = cloud.AzureChina
	}
	return o
}

// tokens marks the errors of a credential, so that they are not taken for answers
// of the service: nothing was sent to it.
type tokens struct{ azcore.TokenCredential }

func (c tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, &tokenError{err}
	}
	return token, nil
}

type tokenError struct{ cause error }

func (e *tokenError) Error() string { return "no access token: " + e.cause.Error() }
func (e *tokenError) Unwrap() error { return e.cause }

// kind is the kind of failure that the credential names, if it does.
func (e *tokenError) kind() string {
	var known interface{ FailureKind() string }
	switch {
	case errors.As(e.cause, &known):
		return known.FailureKind()
	case errors.Is(e.cause, context.DeadlineExceeded):
		return httpx.KindTimeout
	}
	return httpx.KindUnavailable
}

// A transport bounds the answers, which the SDK reads to their end.
type transport struct{ client *http.Client }

func (t transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer httpx.Drain(resp.Body)
	body, err := httpx.ReadBody(resp, maxAnswer)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
