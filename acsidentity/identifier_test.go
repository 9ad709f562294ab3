package acsidentity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

const (
	tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	object = "45ab2481-1c1c-4005-be24-0ffb879b1130"
)

var identifiers = map[string]acsidentity.Identifier{
	"4:+14255550123":         {Kind: acsidentity.KindPhoneNumber, PhoneNumber: "+14255550123"},
	"4:+14255550123_207ffef": {Kind: acsidentity.KindPhoneNumber, PhoneNumber: "+14255550123_207ffef", AssertedID: "207ffef"},
	"4:+1_a_b":               {Kind: acsidentity.KindPhoneNumber, PhoneNumber: "+1_a_b", AssertedID: "b"},
	"4:+1:2:3":               {Kind: acsidentity.KindPhoneNumber, PhoneNumber: "+1:2:3"},
	"4:anonymous":            {Kind: acsidentity.KindPhoneNumber, PhoneNumber: "anonymous", Anonymous: true},
	"4:":                     {Kind: acsidentity.KindPhoneNumber},

	"8:teamsvisitor:" + object: {Kind: acsidentity.KindTeamsUser, UserID: object, Anonymous: true},
	"8:orgid:" + object:        {Kind: acsidentity.KindTeamsUser, UserID: object, Cloud: acsidentity.CloudPublic},
	"8:dod:" + object:          {Kind: acsidentity.KindTeamsUser, UserID: object, Cloud: acsidentity.CloudDoD},
	"8:gcch:" + object:         {Kind: acsidentity.KindTeamsUser, UserID: object, Cloud: acsidentity.CloudGCCHigh},

	userID: {Kind: acsidentity.KindCommunicationUser, ID: userID, ResourceID: resourceID},
	"8:acs:" + resourceID + "_wf_" + tenant + "_" + object: {Kind: acsidentity.KindCommunicationUser, ID: "8:acs:" + resourceID + "_wf_" + tenant + "_" + object, ResourceID: resourceID},
	"8:dod-acs:" + resourceID + "_" + object:               {Kind: acsidentity.KindCommunicationUser, ID: "8:dod-acs:" + resourceID + "_" + object, ResourceID: resourceID},
	"8:gcch-acs:" + resourceID + "_" + object:              {Kind: acsidentity.KindCommunicationUser, ID: "8:gcch-acs:" + resourceID + "_" + object, ResourceID: resourceID},
	"8:acs:" + resourceID:                                  {Kind: acsidentity.KindCommunicationUser, ID: "8:acs:" + resourceID},
	"8:acs:x_y":                                            {Kind: acsidentity.KindCommunicationUser, ID: "8:acs:x_y"},
	"8:acs:":                                               {Kind: acsidentity.KindCommunicationUser, ID: "8:acs:"},
	"8:spool:" + object:                                    {Kind: acsidentity.KindCommunicationUser, ID: "8:spool:" + object},

	"8:acs:" + resourceID + "_" + tenant + "_" + object:      {Kind: acsidentity.KindTeamsExtensionUser, ResourceID: resourceID, TenantID: tenant, UserID: object, Cloud: acsidentity.CloudPublic},
	"8:dod-acs:" + resourceID + "_" + tenant + "_" + object:  {Kind: acsidentity.KindTeamsExtensionUser, ResourceID: resourceID, TenantID: tenant, UserID: object, Cloud: acsidentity.CloudDoD},
	"8:gcch-acs:" + resourceID + "_" + tenant + "_" + object: {Kind: acsidentity.KindTeamsExtensionUser, ResourceID: resourceID, TenantID: tenant, UserID: object, Cloud: acsidentity.CloudGCCHigh},

	"28:orgid:" + object: {Kind: acsidentity.KindTeamsApp, AppID: object, Cloud: acsidentity.CloudPublic},
	"28:dod:" + object:   {Kind: acsidentity.KindTeamsApp, AppID: object, Cloud: acsidentity.CloudDoD},
	"28:gcch:" + object:  {Kind: acsidentity.KindTeamsApp, AppID: object, Cloud: acsidentity.CloudGCCHigh},

	"28:" + object:                      {Kind: acsidentity.KindUnknown, ID: "28:" + object},
	"28:dod-global:" + object:           {Kind: acsidentity.KindUnknown, ID: "28:dod-global:" + object},
	"48:" + object:                      {Kind: acsidentity.KindUnknown, ID: "48:" + object},
	"8:acs:" + resourceID + "_x:y":      {Kind: acsidentity.KindUnknown, ID: "8:acs:" + resourceID + "_x:y"},
	"8:ACS:" + resourceID + "_x":        {Kind: acsidentity.KindUnknown, ID: "8:ACS:" + resourceID + "_x"},
	"8:orgid":                           {Kind: acsidentity.KindUnknown, ID: "8:orgid"},
	" " + userID:                        {Kind: acsidentity.KindUnknown, ID: " " + userID},
	"::":                                {Kind: acsidentity.KindUnknown, ID: "::"},
	"":                                  {Kind: acsidentity.KindUnknown},
	"anything that somebody made up 4:": {Kind: acsidentity.KindUnknown, ID: "anything that somebody made up 4:"},
}

func TestParseRawID(t *testing.T) {
	t.Parallel()
	for rawID, want := range identifiers {
		got := acsidentity.ParseRawID(rawID)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseRawID(%q) (-want +got):\n%s", rawID, diff)
		}
		if got.RawID() != rawID {
			t.Errorf("%q becomes %q", rawID, got.RawID())
		}
	}
}

// Identifiers that a program makes itself may leave the cloud to its default.
func TestRawIDOfFields(t *testing.T) {
	t.Parallel()
	for want, i := range map[string]acsidentity.Identifier{
		"8:orgid:u":        {Kind: acsidentity.KindTeamsUser, UserID: "u"},
		"8:teamsvisitor:u": {Kind: acsidentity.KindTeamsUser, UserID: "u", Anonymous: true, Cloud: acsidentity.CloudDoD},
		"28:orgid:a":       {Kind: acsidentity.KindTeamsApp, AppID: "a"},
		"8:acs:r_t_u":      {Kind: acsidentity.KindTeamsExtensionUser, ResourceID: "r", TenantID: "t", UserID: "u"},
		"x":                {ID: "x"},
		"":                 {},
	} {
		if got := i.RawID(); got != want {
			t.Errorf("RawID of %+v is %q, want %q", i, got, want)
		}
	}
}

func FuzzParseRawID(f *testing.F) {
	for rawID := range identifiers {
		f.Add(rawID)
	}
	f.Fuzz(func(t *testing.T, rawID string) {
		i := acsidentity.ParseRawID(rawID)
		if i.RawID() != rawID {
			t.Errorf("%q becomes %q", rawID, i.RawID())
		}
		if i.Kind == "" {
			t.Errorf("%q has no kind", rawID)
		}
	})
}
