package acsidentity

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ParseConnectionString reads a connection string of an ACS resource,
//
//	endpoint=https://contoso.europe.communication.azure.com/;accesskey=bW9yZSBvciBsZXNz
//
// and returns the normalised endpoint and a credential for its access key. Names
// are matched whatever their case and order, spaces around names and values are
// dropped, empty parts and unknown names are ignored. A name that is missing,
// empty or given twice is an error, and so is a key that is not standard base64
// with padding.
//
// The error names every mistake and repeats nothing of s.
func ParseConnectionString(s string) (endpoint string, cred Credential, err error) {
	u, cred, mistakes := parseConnectionString(s)
	if len(mistakes) > 0 {
		for i, m := range mistakes {
			mistakes[i] = fmt.Errorf("acsidentity: connection string: %w", m)
		}
		return "", Credential{}, errors.Join(mistakes...)
	}
	return u.String(), cred, nil
}

func parseConnectionString(s string) (endpoint *url.URL, cred Credential, mistakes []error) {
	values := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		// Keys end in "=", so only the first one separates.
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			mistakes = append(mistakes, errors.New("a part is not of the form name=value"))
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "endpoint" && name != "accesskey" {
			continue
		}
		if _, twice := values[name]; twice {
			mistakes = append(mistakes, fmt.Errorf("%s is given more than once", name))
			continue
		}
		values[name] = strings.TrimSpace(value)
	}

	endpoint, err := parseEndpoint(values["endpoint"])
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("endpoint %w", err))
	}
	if values["accesskey"] == "" {
		mistakes = append(mistakes, errors.New("accesskey is missing"))
		return endpoint, Credential{}, mistakes
	}
	cred = AccessKey(values["accesskey"])
	if cred.err != nil {
		mistakes = append(mistakes, cred.err)
	}
	return endpoint, cred, mistakes
}
