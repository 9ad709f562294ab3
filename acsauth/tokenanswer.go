package acsauth

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// writeToken answers with an ACS token, and with its user unless acsID is empty.
//
// It puts the JSON together by itself: encoding/json looks at every byte of the
// token, which is most of what a server of tokens ever encodes.
func writeToken(w http.ResponseWriter, token acsidentity.AccessToken, acsID string) {
	buffer := httpx.TakeBuffer()
	defer httpx.GiveBuffer(buffer)
	text := buffer.AvailableBuffer()
	text = appendMember(text, `{"token":`, token.Token)
	text = append(text, `,"expiresOn":"`...)
	text = append(token.ExpiresOn.UTC().Truncate(time.Second).AppendFormat(text, time.RFC3339), '"')
	if acsID != "" {
		// The union of what clients of both sibling samples read.
		text = appendMember(text, `,"user":{"communicationUserId":`, acsID)
		text = appendMember(text, `,"id":`, acsID)
		text = appendMember(text, `,"rawId":`, acsID)
		text = append(text, `,"kind":"communicationUser"}`...)
	}
	// 201 is odd for GET, but both sibling samples answer so and clients check it.
	buffer.Write(append(text, "}\n"...))
	writeText(w, http.StatusCreated, buffer.Bytes())
}

// appendMember appends a member of an object. Its value is one that package
// acsidentity has checked: printable ASCII, of which JSON escapes two characters.
func appendMember(text []byte, name, value string) []byte {
	text = append(text, name...)
	if strings.IndexByte(value, '"') >= 0 || strings.IndexByte(value, '\\') >= 0 {
		quoted, err := json.Marshal(value)
		if err != nil {
			panic(err) // there is a JSON form of every string
		}
		return append(text, quoted...)
	}
	return append(append(append(text, '"'), value...), '"')
}
