package graphmap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
)

// The properties of the open extension. The Node.js and C# samples know all but
// the signature, and ignore that.
const (
	extensionType     = "microsoft.graph.openTypeExtension"
	typeProperty      = "@odata.type"
	nameProperty      = "extensionName"
	identityProperty  = "acsUserIdentity"
	signatureProperty = "acsUserIdentitySignature"
)

// An extension is an open extension of a user, as far as a mapping goes. What
// was read may be of anybody's making: users can write their own, and a user's
// other extensions come along in the same answer. Reading is therefore lenient,
// and [Mapper.judge] strict.
type extension struct {
	id, name  string // of which Graph may leave out one
	identity  string // "" if absent, null or not a string
	signed    bool   // whether there is a signature, of whatever kind
	signature string // "" if absent, null or not a string
}

var _ serialization.Parsable = (*extension)(nil)

func newExtension(serialization.ParseNode) (serialization.Parsable, error) {
	return &extension{}, nil
}

// GetFieldDeserializers implements [serialization.Parsable].
func (e *extension) GetFieldDeserializers() map[string]func(serialization.ParseNode) error {
	return map[string]func(serialization.ParseNode) error{
		"id":             readText(&e.id),
		nameProperty:     readText(&e.name),
		identityProperty: readText(&e.identity),
		signatureProperty: func(node serialization.ParseNode) error {
			value, err := node.GetRawValue()
			e.signed = value != nil
			if text, ok := value.(*string); ok {
				e.signature = *text
			}
			return err
		},
	}
}

// Serialize implements [serialization.Parsable]. It writes the whole extension,
// as an update needs it too: Graph removes every property that one leaves out.
// There are none of other people's to keep, for the samples write no more.
func (e *extension) Serialize(w serialization.SerializationWriter) error {
	kind := extensionType
	err := errors.Join(
		w.WriteStringValue(typeProperty, &kind),
		w.WriteStringValue(nameProperty, &e.name),
		w.WriteStringValue(identityProperty, &e.identity),
	)
	if e.signed {
		err = errors.Join(err, w.WriteStringValue(signatureProperty, &e.signature))
	}
	return err
}

// A profile is the answer about a user with the extensions expanded.
type profile struct {
	id         string
	extensions []*extension
	more       bool // whether Graph says that there are further extensions
}

var _ serialization.Parsable = (*profile)(nil)

func newProfile(serialization.ParseNode) (serialization.Parsable, error) {
	return &profile{}, nil
}

// GetFieldDeserializers implements [serialization.Parsable].
func (p *profile) GetFieldDeserializers() map[string]func(serialization.ParseNode) error {
	return map[string]func(serialization.ParseNode) error{
		"id": readText(&p.id),
		"extensions": func(node serialization.ParseNode) error {
			items, err := node.GetCollectionOfObjectValues(newExtension)
			for _, item := range items {
				if e, ok := item.(*extension); ok {
					p.extensions = append(p.extensions, e)
				}
			}
			return err
		},
		"extensions@odata.nextLink": func(serialization.ParseNode) error {
			p.more = true
			return nil
		},
	}
}

// Serialize implements [serialization.Parsable]. Profiles are only read.
func (p *profile) Serialize(serialization.SerializationWriter) error {
	return errors.ErrUnsupported
}

// expandLimit is where Graph may cut an expanded list short without saying so.
// How many entries it shows is not documented, so this is cautious.
const expandLimit = 20

// find returns the extension of that name, nil if it is not there. complete
// tells whether nil means that the user has none.
func (p *profile) find(name string) (found *extension, complete bool) {
	for _, e := range p.extensions {
		if sameName(e.id, name) {
			return e, true
		}
	}
	for _, e := range p.extensions {
		if sameName(e.name, name) {
			return e, true
		}
	}
	return nil, !p.more && len(p.extensions) < expandLimit
}

// is reports whether e is the extension of that name.
func (e *extension) is(name string) bool { return sameName(e.id, name) || sameName(e.name, name) }

// sameName compares names of extensions, which some of Graph's answers qualify
// with the type, in various capitals.
func sameName(got, name string) bool {
	const prefix = extensionType + "."
	if len(got) > len(prefix) && strings.EqualFold(got[:len(prefix)], prefix) {
		got = got[len(prefix):]
	}
	return got == name
}

// readText fills dst, and leaves it empty if the value is null or no string.
func readText(dst *string) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		value, err := node.GetRawValue()
		if text, ok := value.(*string); ok {
			*dst = *text
		}
		return err
	}
}

// decode reads a JSON object. Errors never repeat what it read.
func decode[T serialization.Parsable](body []byte, factory serialization.ParsableFactory) (T, error) {
	var none T
	node, err := jsonserialization.NewJsonParseNode(body)
	if err != nil {
		return none, errors.New("its body is not JSON")
	}
	value, err := node.GetObjectValue(factory)
	if err != nil {
		return none, errors.New("its body has an unexpected shape")
	}
	object, ok := value.(T)
	if !ok {
		return none, errors.New("its body is empty")
	}
	return object, nil
}

func encode(e *extension) ([]byte, error) {
	w := jsonserialization.NewJsonSerializationWriter()
	if err := w.WriteObjectValue("", e); err != nil {
		return nil, fmt.Errorf("graphmap: encoding the extension: %w", err)
	}
	return w.GetSerializedContent()
}
