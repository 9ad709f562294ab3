package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A setting is one row of the table of settings.
type setting struct {
	name     string   // of the environment variable
	aliases  []string // other names, which deployments of the sibling samples use
	lines    bool     // a secret may have several lines
	secret   bool     // has no flag; may be read from the file that NAME_FILE names
	required bool
	azure    bool // says where in Azure the server belongs; -dev decides it
	boolean  bool // its flag needs no value

	fallback  string // the default, as a value
	otherwise string // the default in words, if it is no fixed value
	example   string
	meaning   string

	// strict: a placeholder is a mistake, not a missing value, because the
	// default allows more than whoever wrote it had in mind.
	strict bool

	// shown returns what may be shown of a secret, and whether that is all of it.
	// nil: nothing.
	shown func(s *settings) (text string, all bool)

	// parse puts a value into s. Its error goes on after the setting's name, and
	// does not repeat the value.
	parse func(s *settings, value string) error
}

// A group is settings that -help lists together.
type group struct {
	title    string
	settings []setting
}

func groups() []group {
	return []group{
		{"Microsoft Entra ID", entraSettings()},
		{"Azure Communication Services", acsSettings()},
		{"Mapping from users to ACS identities", mappingSettings()},
		{"Server", serverSettings()},
	}
}

func allSettings() []setting {
	var all []setting
	for _, g := range groups() {
		all = append(all, g.settings...)
	}
	return all
}

// flag returns the name of the setting's flag, without the hyphen before it.
func (st setting) flag() string {
	return strings.ReplaceAll(strings.ToLower(st.name), "_", "-")
}

// The functions below make the parse function for a field of one type.

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, value string) error {
		*field(s) = value
		return nil
	}
}

// serviceURL takes the address of a service that gets credentials.
func serviceURL(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, value string) error {
		if _, err := httpx.ParseBaseURL(value); err != nil {
			return err
		}
		*field(s) = value
		return nil
	}
}

// scope takes one scope to ask for.
func scope(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, value string) error {
		if !syntax.IsVisible(value) {
			return errors.New("must be one scope of printable ASCII characters, without spaces")
		}
		if u, err := url.Parse(value); err != nil || u.User != nil {
			return errors.New("must be a resource and a permission of it, such as https://graph.microsoft.com/.default, without user information")
		}
		*field(s) = value
		return nil
	}
}

func secret(field func(*settings) *acsauth.Secret) func(*settings, string) error {
	return func(s *settings, value string) error {
		*field(s) = acsauth.NewSecret(value)
		return nil
	}
}

// choice takes one of some words. It stores what is none of them too, so that
// nobody draws conclusions from the default.
func choice(field func(*settings) *string, words ...string) func(*settings, string) error {
	check := oneOf(words...)
	return func(s *settings, value string) error {
		*field(s) = value
		return check(value)
	}
}

func oneOf(words ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("must be one of %s", strings.Join(words, ", "))
		}
		return nil
	}
}

func list(field func(*settings) *[]string) func(*settings, string) error {
	return func(s *settings, value string) error {
		entries := split(value)
		if len(entries) == 0 {
			return errors.New("is a list without an entry")
		}
		*field(s) = entries
		return nil
	}
}

// split takes a list of values apart, which are separated by commas.
func split(value string) []string {
	var entries []string
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}

func boolean(field func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, value string) error {
		b, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("must be true or false")
		}
		*field(s) = b
		return nil
	}
}

// longest is the longest duration. Durations are added up.
const longest = 365 * 24 * time.Hour

func duration(field func(*settings) *time.Duration, atLeast time.Duration) func(*settings, string) error {
	return func(s *settings, value string) error {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil:
			return errors.New("must be a duration such as 30s, 2m or 1h30m")
		case d < atLeast && atLeast == 0:
			return errors.New("must not be negative")
		case d < atLeast:
			return fmt.Errorf("must be at least %s", atLeast)
		case d > longest:
			return errors.New("must be at most 8760h, which is a year")
		}
		*field(s) = d
		return nil
	}
}

func instant(field func(*settings) *time.Time) func(*settings, string) error {
	return func(s *settings, value string) error {
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return errors.New("must be a time in the form of RFC 3339, with its offset from UTC")
		}
		*field(s) = at
		return nil
	}
}

func port(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, value string) error {
		if _, err := strconv.ParseUint(value, 10, 16); err != nil {
			return errors.New("must be a number from 0 to 65535")
		}
		*field(s) = value
		return nil
	}
}

func address(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, value string) error {
		_, p, err := net.SplitHostPort(value)
		if err == nil {
			_, err = strconv.ParseUint(p, 10, 16)
		}
		if err != nil {
			return errors.New("must be host:port or :port, with the port as a number")
		}
		*field(s) = value
		return nil
	}
}

// count takes a whole number.
func count(field func(*settings) *int, atLeast int) func(*settings, string) error {
	return func(s *settings, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < atLeast {
			return fmt.Errorf("must be a whole number, at least %d", atLeast)
		}
		*field(s) = n
		return nil
	}
}

// byteSize takes a number of bytes, which KiB, MiB or GiB may follow.
func byteSize(field func(*settings) *int64, atLeast int64) func(*settings, string) error {
	units := map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "": 1}
	return func(s *settings, value string) error {
		digits := strings.TrimRight(value, "KMGiB")
		n, err := strconv.ParseInt(digits, 10, 64)
		unit, known := units[value[len(digits):]]
		if err != nil || !known || n < 0 || n > math.MaxInt64/unit || n*unit < atLeast {
			return fmt.Errorf("must be a number of bytes such as 268435456, 256MiB or 1GiB, at least %d", atLeast)
		}
		*field(s) = n * unit
		return nil
	}
}
