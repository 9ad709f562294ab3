package acsidentity

import (
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A Kind says what an [Identifier] stands for. The values are those that the ACS
// client libraries use.
type Kind string

// The kinds of identifiers.
const (
	KindUnknown            Kind = "unknown"            // none of the others, or not known yet
	KindCommunicationUser  Kind = "communicationUser"  // an ACS identity
	KindPhoneNumber        Kind = "phoneNumber"        // a caller or callee on the telephone network
	KindTeamsUser          Kind = "microsoftTeamsUser" // a Teams user, or a visitor of a Teams meeting
	KindTeamsApp           Kind = "microsoftTeamsApp"  // a Teams application, such as a call queue
	KindTeamsExtensionUser Kind = "teamsExtensionUser" // a Teams user who acts through an ACS resource
)

// A Cloud is where a Teams user, app or extension user lives.
type Cloud string

// The clouds that raw ids tell apart.
const (
	CloudPublic  Cloud = "public"
	CloudDoD     Cloud = "dod"
	CloudGCCHigh Cloud = "gcch"
)

// An Identifier is the meaning of a raw id, the form in which ACS names anyone
// who can take part in a call or chat. Which fields are set depends on Kind.
type Identifier struct {
	Kind Kind
	// ID is the whole raw id of a communication user or of something unknown.
	ID string
	// ResourceID is the immutable id of the ACS resource that a communication
	// user or extension user belongs to. It is empty for a communication user
	// whose raw id does not begin with one. Letter case is as in the raw id.
	ResourceID string
	// TenantID is the Microsoft Entra tenant of an extension user.
	TenantID string
	// UserID is the Microsoft Entra object id of a Teams user or extension
	// user, or the id of a visitor.
	UserID string
	// AppID is the id of a Teams app.
	AppID string
	// PhoneNumber is a number such as +14255550123, or "anonymous", followed by
	// "_" and AssertedID if there is one.
	PhoneNumber string
	// AssertedID tells apart callers who use the same number.
	AssertedID string
	// Anonymous marks a withheld number, and a visitor of a Teams meeting.
	Anonymous bool
	// Cloud is set for Teams users other than visitors, for Teams apps and for
	// extension users.
	Cloud Cloud
}

// ParseRawID finds out what rawID stands for. It takes any string: what is not
// recognised is of [KindUnknown]. RawID of the result is rawID again.
func ParseRawID(rawID string) Identifier {
	if number, ok := strings.CutPrefix(rawID, "4:"); ok {
		i := Identifier{Kind: KindPhoneNumber, PhoneNumber: number, Anonymous: number == "anonymous"}
		if at := strings.LastIndexByte(number, '_'); at >= 0 {
			i.AssertedID = number[at+1:]
		}
		return i
	}

	unknown := Identifier{Kind: KindUnknown, ID: rawID}
	segments := strings.Split(rawID, ":")
	if len(segments) != 3 {
		return unknown
	}
	rest := segments[2]
	switch prefix := segments[0] + ":" + segments[1] + ":"; prefix {
	case "8:teamsvisitor:":
		return Identifier{Kind: KindTeamsUser, UserID: rest, Anonymous: true}
	case "8:orgid:", "8:dod:", "8:gcch:":
		return Identifier{Kind: KindTeamsUser, UserID: rest, Cloud: cloudOf[prefix]}
	case "28:orgid:", "28:dod:", "28:gcch:":
		return Identifier{Kind: KindTeamsApp, AppID: rest, Cloud: cloudOf[prefix]}
	case "8:acs:", "8:dod-acs:", "8:gcch-acs:":
		parts := strings.Split(rest, "_")
		if len(parts) == 3 {
			return Identifier{
				Kind:       KindTeamsExtensionUser,
				ResourceID: parts[0],
				TenantID:   parts[1],
				UserID:     parts[2],
				Cloud:      cloudOf[prefix],
			}
		}
		i := Identifier{Kind: KindCommunicationUser, ID: rawID}
		if len(parts) > 1 && syntax.IsGUID(parts[0]) {
			i.ResourceID = parts[0]
		}
		return i
	case "8:spool:":
		return Identifier{Kind: KindCommunicationUser, ID: rawID}
	}
	return unknown
}

// RawID returns the raw id of i, made from its fields.
func (i Identifier) RawID() string {
	switch i.Kind {
	case KindPhoneNumber:
		return "4:" + i.PhoneNumber
	case KindTeamsUser:
		if i.Anonymous {
			return "8:teamsvisitor:" + i.UserID
		}
		return "8:" + orOrgID(i.Cloud) + ":" + i.UserID
	case KindTeamsApp:
		return "28:" + orOrgID(i.Cloud) + ":" + i.AppID
	case KindTeamsExtensionUser:
		prefix := "8:acs:"
		if i.Cloud == CloudDoD || i.Cloud == CloudGCCHigh {
			prefix = "8:" + string(i.Cloud) + "-acs:"
		}
		return prefix + i.ResourceID + "_" + i.TenantID + "_" + i.UserID
	}
	return i.ID
}

var cloudOf = map[string]Cloud{
	"8:orgid:": CloudPublic, "8:dod:": CloudDoD, "8:gcch:": CloudGCCHigh,
	"28:orgid:": CloudPublic, "28:dod:": CloudDoD, "28:gcch:": CloudGCCHigh,
	"8:acs:": CloudPublic, "8:dod-acs:": CloudDoD, "8:gcch-acs:": CloudGCCHigh,
}

// orOrgID returns how raw ids of Teams name a cloud: the public one, which is
// also the default, by the kind of the id that follows.
func orOrgID(c Cloud) string {
	if c == CloudDoD || c == CloudGCCHigh {
		return string(c)
	}
	return "orgid"
}
