package source

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Key says under which names a setting is found, and how its value is read.
type Key struct {
	Name    string
	Aliases []string // other names; one that ends in __0 is that of a list, whose entries are numbered
	Secret  bool     // may be read from the file that FileName names
	Lines   bool     // a secret may have several lines
}

// The settings that both programs have.
var (
	MappingStore        = Key{Name: "MAPPING_STORE", Secret: true}
	ACSConnectionString = Key{Name: "ACS_CONNECTION_STRING", Secret: true, Aliases: []string{
		"COMMUNICATION_SERVICES_CONNECTION_STRING", "communicationServices_connectionString", "CommunicationServices__ConnectionString"}}
	ACSEndpoint   = Key{Name: "ACS_ENDPOINT"}
	ACSEntraScope = Key{Name: "ACS_ENTRA_SCOPE"}
	ACSResourceID = Key{Name: "ACS_RESOURCE_ID"}
	AzureCloud    = Key{Name: "AZURE_CLOUD"}
	AuthorityHost = Key{Name: "AZURE_AUTHORITY_HOST", Aliases: []string{"AzureActiveDirectory__Instance"}}
)

// FileName returns the name under which a file is named that holds the value of a
// secret.
func (k Key) FileName() string { return k.Name + "_FILE" }

// Names returns the names that the value can have, but not those of the further
// entries of numbered lists.
func (k Key) Names() []string { return append([]string{k.Name}, k.Aliases...) }

// AllNames returns Names and, of a secret, the name of its file.
func (k Key) AllNames() []string {
	if k.Secret {
		return append(k.Names(), k.FileName())
	}
	return k.Names()
}

// Text returns the secret that a variable or a file holds, without the white space
// around it, which editors add. Its errors call the content "it", and do not repeat it.
func (k Key) Text(content []byte) (string, error) {
	text := strings.TrimSpace(string(content))
	control := func(r rune) bool { return unicode.IsControl(r) && !(k.Lines && unicode.IsSpace(r)) }
	switch {
	case !utf8.ValidString(text):
		return "", errors.New("it is not in UTF-8")
	case text == "" || IsPlaceholder(text):
		return "", errors.New("it holds nothing")
	case strings.ContainsAny(text, "\r\n") && !k.Lines:
		return "", errors.New("it has several lines, and must be one")
	case strings.ContainsFunc(text, control):
		return "", errors.New("it holds control characters, such as NUL")
	}
	return text, nil
}

// IsPlaceholder recognises what people leave in files that they were to fill in,
// such as <your_client_id>.
func IsPlaceholder(s string) bool {
	return strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">")
}
