package tablemap

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

const (
	maxKey     = 512  // a key is at most one KiB of UTF-16
	maxRow     = 255  // what Cosmos DB allows for sure
	maxRequest = 256  // four times what package acsauth gives a request
	maxACSID   = 1024 // several times what an ACS identity has

	mappingRow = "mapping"
)

var (
	errNoUser      = errors.New("the user has no tenant id or no object id")
	errLongKey     = errors.New("the ids are too long for the key of an entity")
	errNoIdentity  = errors.New("what is to be stored is not an ACS identity")
	errEntryID     = errors.New("the id of the journal entry is empty or too long, or that of its request too long")
	errOtherEntity = errors.New("it is not the entity that was asked for, or has no ETag")
)

// The kinds of partitions. Keys of one kind and resource are next to each other,
// so that all of them can be read without touching others.
const (
	mappings = "m"
	journal  = "j"
)

// A keyspace makes keys for the users of one ACS resource: the kind of partition,
// the resource, the user's tenant and object id, joined by underscores.
type keyspace struct{ resource string }

func (k keyspace) partition(kind string, u acsauth.User) (string, error) {
	if u.TenantID == "" || u.ObjectID == "" {
		return "", errNoUser
	}
	key := k.prefix(kind) + escape(u.TenantID) + "_" + escape(u.ObjectID)
	if len(key) > maxKey {
		return "", errLongKey
	}
	return key, nil
}

// user returns the user whose partition this is.
func (k keyspace) user(kind, partition string) (acsauth.User, bool) {
	ids, ok := strings.CutPrefix(partition, k.prefix(kind))
	tenant, object, both := strings.Cut(ids, "_")
	u := acsauth.User{TenantID: unescape(tenant), ObjectID: unescape(object)}
	same, err := k.partition(kind, u)
	return u, ok && both && err == nil && same == partition
}

// all is a filter for all partitions of a kind.
func (k keyspace) all(kind string) string {
	from := k.prefix(kind)
	to := from[:len(from)-1] + string(from[len(from)-1]+1)
	return fmt.Sprintf("PartitionKey ge '%s' and PartitionKey lt '%s'", from, to)
}

func (k keyspace) prefix(kind string) string { return kind + "_" + escape(k.resource) + "_" }

// escape returns s in letters, digits, dots, hyphens and tildes. Keys must not
// hold slashes, backslashes, #, ? or control characters, and are part of URLs,
// which what is left needs no escape in. GUIDs and hosts stay as they are.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02X", c)
		}
	}
	return b.String()
}

// unescape undoes escape. Of what escape cannot have made it makes anything.
func unescape(s string) string {
	plain, _ := url.PathUnescape(strings.ReplaceAll(s, "~", "%"))
	return plain
}

// An entity is what the service stores: properties by name, and for each that is
// no string, number or boolean its type, under "name@odata.type".
type entity map[string]any

// text returns a property that is a string.
func (e entity) text(name string) (string, bool) {
	s, ok := e[name].(string)
	kind, typed := e[name+"@odata.type"]
	return s, ok && (!typed || kind == "Edm.String")
}

// moment returns a property that is a string with a time.
func (e entity) moment(name string) (time.Time, bool) {
	s, ok := e.text(name)
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, ok && err == nil
}

func newMapping(partition, acsID string, created time.Time) entity {
	return entity{
		"PartitionKey": partition,
		"RowKey":       mappingRow,
		"ACSID":        acsID,
		"Created":      created.UTC().Format(time.RFC3339Nano),
	}
}

// acsID returns the identity of a mapping, and whether it is one.
func (e entity) acsID() (string, bool) {
	id, ok := e.text("ACSID")
	return id, ok && wellFormed(id)
}

func newEntry(partition string, e acsauth.JournalEntry) entity {
	return entity{
		"PartitionKey": partition,
		"RowKey":       escape(e.ID),
		"Kind":         string(e.Kind),
		"ACSID":        e.ACSID,
		"RequestID":    e.RequestID,
		"Opened":       e.Opened.UTC().Format(time.RFC3339Nano),
	}
}

// entry returns the journal entry that e is, and whether it is one.
func (e entity) entry(k keyspace) (acsauth.JournalEntry, bool) {
	partition, _ := e.text("PartitionKey")
	row, _ := e.text("RowKey")
	u, known := k.user(journal, partition)
	kind, hasKind := e.text("Kind")
	id, hasID := e.text("ACSID")
	request, _ := e.text("RequestID")
	opened, dated := e.moment("Opened")
	return acsauth.JournalEntry{
		ID: unescape(row), Kind: acsauth.EntryKind(kind), TenantID: u.TenantID, ObjectID: u.ObjectID,
		ACSID: id, RequestID: request, Opened: opened,
	}, known && escape(unescape(row)) == row && hasKind && hasID && (id == "" || wellFormed(id)) && dated
}

// wellFormed reports whether s may be an ACS identity: visible ASCII, and not
// endless. Nothing else is stored, so that nothing is changed in storing it.
func wellFormed(s string) bool {
	return len(s) <= maxACSID && syntax.IsVisible(s)
}

func (e entity) encode() []byte {
	encoded, _ := json.Marshal(e) // strings can always be encoded
	return encoded
}

func decode(encoded []byte) (entity, error) {
	var e entity
	if err := json.Unmarshal(encoded, &e); err != nil || e == nil {
		return nil, errors.New("the entity is not a JSON object")
	}
	return e, nil
}
