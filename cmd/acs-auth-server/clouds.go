package main

import "github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"

// A cloudPreset is where Microsoft's services are in one of its clouds.
// See https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
// and https://learn.microsoft.com/graph/deployments.
type cloudPreset struct {
	authorityHost string
	graphBaseURL  string
	graphScope    string
	// federationAudience is the resource for which a managed identity gets the
	// token that stands for an app.
	federationAudience string
	// acsEntraScope is known for the public cloud only.
	acsEntraScope string
}

// The values of AZURE_CLOUD.
const (
	cloudPublic = "public"
	cloudUSGov  = "usgov"
	cloudChina  = "china"
)

var clouds = map[string]cloudPreset{
	cloudPublic: {
		authorityHost:      "https://login.microsoftonline.com",
		graphBaseURL:       "https://graph.microsoft.com/v1.0",
		graphScope:         "https://graph.microsoft.com/.default",
		federationAudience: "api://AzureADTokenExchange",
		acsEntraScope:      acsidentity.EntraScope,
	},
	// Graph of GCC High. That of the DoD has a host of its own, which
	// GRAPH_BASE_URL and GRAPH_SCOPE can name.
	cloudUSGov: {
		authorityHost:      "https://login.microsoftonline.us",
		graphBaseURL:       "https://graph.microsoft.us/v1.0",
		graphScope:         "https://graph.microsoft.us/.default",
		federationAudience: "api://AzureADTokenExchangeUSGov",
	},
	cloudChina: {
		authorityHost:      "https://login.partner.microsoftonline.cn",
		graphBaseURL:       "https://microsoftgraph.chinacloudapi.cn/v1.0",
		graphScope:         "https://microsoftgraph.chinacloudapi.cn/.default",
		federationAudience: "api://AzureADTokenExchangeChina",
	},
}
