package acsauth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// A client is how programs out there read the value of a WWW-Authenticate header.
type client struct {
	name string
	// read returns the parameters of the challenge. The error stands for an exception,
	// or for a challenge that the client does not recognise.
	read func(header string) (map[string]string, error)
	// decode returns the JSON text that a claims parameter stands for.
	decode func(claims string) (string, error)
}

// clients are those that users of this API are likely to have.
var clients = []client{
	// Microsoft's documentation of claims challenges has a function that splits at every
	// comma and drops quotes of both kinds, wherever they are.
	{"the function in Microsoft's documentation", readByScript(",", strings.NewReplacer(`"`, "", "'", "").Replace), atob},
	// Microsoft's samples for single-page apps split at comma and space, and drop one
	// quote from either end.
	{"the function in Microsoft's samples", readByScript(", ", func(value string) string {
		return strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	}), atob},
	{"azcore", readAsAzcore, decodeStrictly},
	{"MSAL.NET", readAsMSALNET, func(claims string) (string, error) {
		if len(claims)%4 != 0 || strings.ContainsAny(claims, " \t\r\n") {
			return claims, nil // for what it is not: JSON
		}
		if text, err := decodeStrictly(claims); err == nil {
			return text, nil
		}
		return claims, nil
	}},
	{"RFC 9110 and RFC 6750", readByGrammar, decodeStrictly},
}

func decodeStrictly(claims string) (string, error) {
	text, err := base64.StdEncoding.Strict().DecodeString(claims)
	return string(text), err
}

// What JavaScript throws.
var (
	errType      = errors.New("TypeError: value is undefined")
	errURI       = errors.New("URIError: URI malformed")
	errCharacter = errors.New("InvalidCharacterError: not correctly encoded")
)

// readByScript returns a parser that cuts a header behind its first space, cuts the
// rest at a separator, and takes what is between the first two equals signs of each
// piece for its value. What follows a second one is lost, such as base64's padding.
func readByScript(separator string, unquote func(string) string) func(string) (map[string]string, error) {
	return func(header string) (map[string]string, error) {
		parameters := map[string]string{}
		for piece := range strings.SplitSeq(header[strings.IndexByte(header, ' ')+1:], separator) {
			parts := strings.Split(piece, "=")
			if len(parts) < 2 {
				return nil, errType
			}
			value, err := decodeURI(unquote(parts[1]))
			if err != nil {
				return nil, err
			}
			parameters[strings.TrimSpace(parts[0])] = value
		}
		return parameters, nil
	}
}

// decodeURI is JavaScript's function (ECMA-262 section 19.2.6.2): it undoes percent
// escapes of UTF-8, except those of characters that mean something in a URI, and
// throws at a percent sign that begins no escape.
func decodeURI(s string) (string, error) {
	const reserved = ";/?:@&=+$,#"
	var out strings.Builder
	for s != "" {
		if s[0] != '%' {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		var octets []byte
		rest := s
		for len(octets) == 0 || !utf8.FullRune(octets) {
			if len(rest) < 3 || rest[0] != '%' {
				return "", errURI
			}
			octet, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return "", errURI
			}
			octets, rest = append(octets, byte(octet)), rest[3:]
		}
		switch r, size := utf8.DecodeRune(octets); {
		case r == utf8.RuneError && size < 2, size != len(octets):
			return "", errURI
		case strings.ContainsRune(reserved, r):
			out.WriteString(s[:len(s)-len(rest)])
		default:
			out.Write(octets)
		}
		s = rest
	}
	return out.String(), nil
}

// atob is the browsers' function (Infra Standard, forgiving-base64 decode): white
// space and missing padding do not matter, the alphabet does.
func atob(s string) (string, error) {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n\f\r", r) {
			return -1
		}
		return r
	}, s)
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	text, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return "", errCharacter
	}
	return string(text), nil
}

var quotedParameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// readAsAzcore reads a challenge of quoted parameters for the scheme Bearer, spelled
// so, which ends where anything else begins. It looks at claims only if the error is
// the one that demands them.
func readAsAzcore(header string) (map[string]string, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != "Bearer" {
		return nil, errors.New("no challenge for Bearer")
	}
	parameters := map[string]string{}
	for _, match := range quotedParameter.FindAllStringSubmatch(rest, -1) {
		parameters[match[1]] = match[2]
	}
	if between := quotedParameter.ReplaceAllString(rest, ""); strings.Trim(between, ", ") != "" {
		return nil, fmt.Errorf("the challenge ends before %q", between)
	}
	if parameters["claims"] != "" && parameters["error"] != "insufficient_claims" {
		delete(parameters, "claims") // which it then does not look at
	}
	return parameters, nil
}

// readAsMSALNET cuts at commas outside of quotes, and each piece at equals signs
// outside of quotes, of which there must be one.
func readAsMSALNET(header string) (map[string]string, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, errors.New("unknown scheme")
	}
	parameters := map[string]string{}
	for _, piece := range splitOutsideQuotes(rest, ',') {
		parts := splitOutsideQuotes(piece, '=')
		if len(parts) != 2 {
			return nil, fmt.Errorf("ArgumentException: %q is not of the form a=b", piece)
		}
		name := strings.ToLower(strings.TrimSpace(parts[0]))
		if _, twice := parameters[name]; twice {
			return nil, fmt.Errorf("ArgumentException: %q was there before", name)
		}
		parameters[name] = strings.Trim(strings.TrimSpace(parts[1]), `"`)
	}
	return parameters, nil
}

func splitOutsideQuotes(s string, separator byte) (parts []string) {
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// The grammar of a challenge (RFC 9110 section 11.6.1): a scheme, and parameters with
// a token or a quoted string each.
var (
	challengeParameter = regexp.MustCompile(`^([!#$%&'*+\-.^_` + "`" + `|~0-9A-Za-z]+)[ \t]*=[ \t]*(?:([!#$%&'*+\-.^_` + "`" + `|~0-9A-Za-z]+)|"((?:[\t !#-\[\]-~]|\\[\t -~])*)")`)
	challengeSeparator = regexp.MustCompile(`^[ \t]*,[ \t]*`)
	quotedPair         = regexp.MustCompile(`\\(.)`)
)

// What RFC 6750 section 3 allows in some of the values.
var challengeValues = map[string]*regexp.Regexp{
	"scope":             regexp.MustCompile(`^[!#-\[\]-~]+( [!#-\[\]-~]+)*$`),
	"error":             regexp.MustCompile(`^[ !#-\[\]-~]+$`),
	"error_description": regexp.MustCompile(`^[ !#-\[\]-~]+$`),
}

// readByGrammar accepts one challenge of the scheme Bearer, and nothing that the
// standards do not allow.
func readByGrammar(header string) (map[string]string, error) {
	rest, found := strings.CutPrefix(header, "Bearer ")
	if !found {
		return nil, errors.New("no challenge for Bearer")
	}
	rest = strings.TrimLeft(rest, " ")
	parameters := map[string]string{}
	for {
		match := challengeParameter.FindStringSubmatch(rest)
		if match == nil {
			return nil, fmt.Errorf("no parameter at %q", rest)
		}
		name, value := strings.ToLower(match[1]), match[2]+quotedPair.ReplaceAllString(match[3], "$1")
		if _, twice := parameters[name]; twice {
			return nil, fmt.Errorf("the parameter %s occurs twice", name)
		}
		if form := challengeValues[name]; form != nil && !form.MatchString(value) {
			return nil, fmt.Errorf("the %s %q is not allowed", name, value)
		}
		parameters[name] = value
		if rest = rest[len(match[0]):]; rest == "" {
			return parameters, nil
		}
		separator := challengeSeparator.FindString(rest)
		if separator == "" {
			return nil, fmt.Errorf("no separator at %q", rest)
		}
		rest = rest[len(separator):]
	}
}

// The parsers above have the weaknesses of those that they stand for, or the tests
// that use them would prove nothing. What the two functions make of each header has
// been seen in Node.js.
func TestClients(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"x":{"value":">>>???"}}}` // with "+", "/" and padding in base64
	std := base64.StdEncoding.EncodeToString([]byte(claims))
	url := base64.URLEncoding.EncodeToString([]byte(claims))
	const failed = "throws"
	for _, test := range []struct {
		name   string
		header string
		want   [5]string // what each of the clients decodes
	}{
		{
			"as it should be", `Bearer realm="", error="insufficient_claims", claims="` + std + `"`,
			[5]string{claims, claims, claims, claims, claims},
		},
		{
			"a comma in a value", `Bearer error="insufficient_claims", error_description="MFA, please", claims="` + std + `"`,
			[5]string{failed, failed, claims, claims, claims},
		},
		{
			"a comma without a space in a value", `Bearer error="insufficient_claims", scopes="a,b", claims="` + std + `"`,
			[5]string{failed, claims, claims, claims, claims},
		},
		{
			"separated by commas alone", `Bearer realm="",error="insufficient_claims",claims="` + std + `"`,
			[5]string{claims, "", claims, claims, claims},
		},
		{
			"the URL alphabet", `Bearer error="insufficient_claims", claims="` + url + `"`,
			[5]string{failed, failed, failed, url, failed},
		},
		{
			"no padding", `Bearer error="insufficient_claims", claims="` + strings.TrimRight(std, "=") + `"`,
			[5]string{claims, claims, failed, strings.TrimRight(std, "="), failed},
		},
		{
			"raw JSON", `Bearer error="insufficient_claims", claims="{"access_token":{"a":1,"b":2}}"`,
			[5]string{failed, failed, failed, `{"access_token":{"a":1,"b":2}}`, failed},
		},
		{
			"a percent sign in a value", `Bearer realm="100%", error="insufficient_claims", claims="` + std + `"`,
			[5]string{failed, failed, claims, claims, claims},
		},
		{
			"an escape in a value", `Bearer realm="%41%2C%C3%A4", error="insufficient_claims", claims="` + std + `"`,
			[5]string{claims, claims, claims, claims, claims},
		},
		{
			"an escape that ends too early", `Bearer realm="%C3", error="insufficient_claims", claims="` + std + `"`,
			[5]string{failed, failed, claims, claims, claims},
		},
		{
			"another error", `Bearer error="invalid_token", claims="` + std + `"`,
			[5]string{claims, claims, "", claims, claims},
		},
		{
			"a description with a quote", `Bearer error="insufficient_claims", error_description="a \"b\"", claims="` + std + `"`,
			[5]string{claims, claims, failed, claims, failed},
		},
		{
			"no parameters", `Bearer`,
			[5]string{failed, failed, "", failed, failed},
		},
	} {
		for i, client := range clients {
			got := failed
			if parameters, err := client.read(test.header); err == nil {
				if text, err := client.decode(parameters["claims"]); err == nil {
					got = text
				}
			}
			if got != test.want[i] {
				t.Errorf("%s: %s reads %q, want %q", test.name, client.name, got, test.want[i])
			}
		}
	}
}

// decodeURI and atob do what JavaScript's functions of these names do.
func TestScriptFunctions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		call func(string) (string, error)
		in   string
		want string
		err  error
	}{
		{"plain", decodeURI, "a+b/c d", "a+b/c d", nil},
		{"escapes", decodeURI, "%41%c3%A4%E2%82%AC%F0%9F%98%80", "Aä€😀", nil},
		{"escapes of reserved characters", decodeURI, "%3B%2f%3F%3a%40%26%3D%2B%24%2C%23", "%3B%2f%3F%3a%40%26%3D%2B%24%2C%23", nil},
		{"an escape of the percent sign", decodeURI, "100%25", "100%", nil},
		{"a lone percent sign", decodeURI, "100%", "", errURI},
		{"one digit", decodeURI, "%4", "", errURI},
		{"no digits", decodeURI, "% 4", "", errURI},
		{"a sign for a digit", decodeURI, "%+4", "", errURI},
		{"half a character", decodeURI, "%C3x", "", errURI},
		{"a surrogate", decodeURI, "%ED%A0%80", "", errURI},
		{"too long a form", decodeURI, "%C0%80", "", errURI},
		{"a replacement character", decodeURI, "%EF%BF%BD", "\uFFFD", nil},

		{"padded", atob, "YQ==", "a", nil},
		{"not padded", atob, "YQ", "a", nil},
		{"half padded", atob, "YQ=", "", errCharacter},
		{"padded too much", atob, "YWI==", "", errCharacter},
		{"one character too many", atob, "YWJjZ", "", errCharacter},
		{"white space", atob, " Y\tW\nJ\fj\r", "abc", nil},
		{"bits left over", atob, "YR==", "a", nil},
		{"the URL alphabet", atob, "_-__", "", errCharacter},
		{"nothing", atob, "", "", nil},
		{"undefined", atob, "undefined", "", errCharacter},
	} {
		got, err := test.call(test.in)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %q, %v; want %q, %v", test.name, got, err, test.want, test.err)
		}
	}
}
