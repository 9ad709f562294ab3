//go:build linux

package check_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// containerApp returns the container app as it is sent to Azure.
func (d *deployment) containerApp(t *testing.T) map[string]any {
	t.Helper()
	properties, _ := get(t, d.only(t, "Microsoft.App/containerApps").body, "properties").(map[string]any)
	return properties
}

// The world reaches the port that the server listens on, and Azure asks the same port
// whether the server is alive and ready.
func TestTemplatePorts(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	port := float64(serverPort(t, d.containerEnv(t)))
	app := d.containerApp(t)
	ingress, _ := get(t, app, "configuration", "ingress").(map[string]any)
	if ingress["targetPort"] != port || ingress["external"] != true {
		t.Errorf("the ingress leads to port %v, want %v; to the world: %v", ingress["targetPort"], port, ingress["external"])
	}
	want := map[string]any{
		"Startup":   map[string]any{"path": "/healthz", "port": port}, // must not wait for what is only ready later
		"Liveness":  map[string]any{"path": "/healthz", "port": port}, // a restart mends nothing that others lack
		"Readiness": map[string]any{"path": "/readyz", "port": port},
	}
	got := map[string]any{}
	probes, _ := get(t, app, "template", "containers", 0, "probes").([]any)
	for _, probe := range probes {
		kind, _ := get(t, probe, "type").(string)
		if got[kind] != nil {
			t.Errorf("there are two probes of the type %s", kind)
		}
		got[kind] = get(t, probe, "httpGet")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
}

// The identity gets the roles that the documentation names, each on one resource.
func TestTemplateRoles(t *testing.T) {
	t.Parallel()
	builtIn := map[string]string{ // Azure's own roles have the same id everywhere
		"7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
		"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
	}
	values := given()
	values["containerRegistryName"] = "contoso"
	d := deploy(t, values)
	want := map[string]string{ // by the type of the resource that they are for
		"Microsoft.Communication/communicationServices": "Contributor",
		"Microsoft.ContainerRegistry/registries":        "AcrPull",
	}
	got := map[string]string{}
	kind := regexp.MustCompile(`/providers/([^/]+/[^/]+)/[^/]+/providers/Microsoft\.Authorization/roleAssignments/[^/]+$`)
	for _, resource := range d.resources {
		if resource.kind != "Microsoft.Authorization/roleAssignments" {
			continue
		}
		scope := kind.FindStringSubmatch(resource.id)
		if scope == nil {
			t.Errorf("%s is not for a single resource", resource.id)
			continue
		}
		definition, _ := get(t, resource.body, "properties", "roleDefinitionId").(string)
		got[scope[1]] = builtIn[definition[strings.LastIndex(definition, "/")+1:]]
		if principal := get(t, resource.body, "properties", "principalId"); principal != identityPrincipalID {
			t.Errorf("the role on %s is given to %v", scope[1], principal)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	page := readPage(t, "deploy-to-azure.md")
	for _, role := range want {
		if !strings.Contains(page, "*"+role+"*") {
			t.Errorf("docs/deploy-to-azure.md does not tell of the role %s", role)
		}
	}
}

// Settings that name something of the deployment name the right thing.
func TestTemplateSettings(t *testing.T) {
	t.Parallel()
	values := given()
	values["teamsClientIds"] = clientID
	values["appName"] = "contoso-auth"
	values["tracesRatio"] = "0.25"
	d := deploy(t, values)
	host, _ := d.outputs["communicationHostName"].(string)
	env := d.containerEnv(t)
	for name, want := range map[string]string{
		"AZURE_TENANT_ID":            tenantID,
		"AZURE_CLIENT_ID":            apiClientID,
		"ALLOWED_CLIENT_IDS":         clientID,
		"TEAMS_CLIENT_IDS":           clientID,
		"MANAGED_IDENTITY_CLIENT_ID": identityClientID,
		"ACS_ENDPOINT":               "https://" + host,
		"ACS_RESOURCE_ID":            immutableResourceID,
		"OTEL_SERVICE_NAME":          "contoso-auth",
		"OTEL_TRACES_SAMPLER_ARG":    "0.25",
	} {
		if got := env[name]; got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
}

// Other mapping keys change what makes a revision, because a changed secret alone
// reaches no replica that runs. The same keys change nothing.
func TestTemplateKeysMakeRevisions(t *testing.T) {
	t.Parallel()
	other := strings.ToLower(mappingKeys)
	revision := func(keys string) string {
		values := given()
		values["graphMappingKeys"] = keys
		d := deploy(t, values)
		file, _ := get(t, d.containerApp(t), "template", "volumes", 0, "secrets", 0, "path").(string)
		if env := d.containerEnv(t)["GRAPH_MAPPING_KEYS_FILE"]; file == "" || !strings.HasSuffix(env, "/"+file) {
			t.Errorf("GRAPH_MAPPING_KEYS_FILE=%s, but the volume has %s", env, file)
		}
		return string(must(json.Marshal(get(t, d.containerApp(t), "template")))(t))
	}
	before := revision(mappingKeys)
	for _, test := range []struct {
		what, keys string
		another    bool
	}{
		{"the same", mappingKeys, false},
		{"a second key that verifies", mappingKeys + "," + other, true},
		{"a second key that signs", other + "," + mappingKeys, true},
		{"another key", other, true},
	} {
		if got := revision(test.keys) != before; got != test.another {
			t.Errorf("%s: another revision: %t, want %t", test.what, got, test.another)
		}
	}
	if revision(mappingKeys+","+other) == revision(other+","+mappingKeys) {
		t.Error("another order of the keys makes no revision")
	}
}

// Whoever deploys can choose every data location that there is.
func TestTemplateDataLocations(t *testing.T) {
	t.Parallel()
	list := regexp.MustCompile(`Possible are ([^.]+)\.`).FindStringSubmatch(readPage(t, "create-acs-resource.md"))
	if list == nil {
		t.Fatal("docs/create-acs-resource.md has no list of data locations")
	}
	var want []any
	for _, name := range regexp.MustCompile(`,\s+(?:and\s+)?`).Split(list[1], -1) {
		want = append(want, strings.Join(strings.Fields(name), " "))
	}
	if diff := cmp.Diff(want, readTemplate(t).Parameters["dataLocation"].AllowedValues); diff != "" {
		t.Errorf("the documentation has (-), the template (+):\n%s", diff)
	}
}

// Logs, and of OpenTelemetry what the server exports: traces.
func TestTemplateTelemetry(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	categories := []string{ // of Microsoft.App/managedEnvironments, in the reference of Azure Monitor
		"AppEnvSessionConsoleLogs", "AppEnvSessionLifeCycleLogs", "AppEnvSessionPoolEventLogs", "AppEnvSpringAppConsoleLogs",
		"ContainerAppConsoleLogs", "ContainerAppSystemLogs",
	}
	kept := map[any]bool{}
	logs, _ := get(t, d.only(t, "Microsoft.Insights/diagnosticSettings").body, "properties", "logs").([]any)
	for _, log := range logs {
		category, _ := get(t, log, "category").(string)
		if !slices.Contains(categories, category) {
			t.Errorf("there is no category %s", category)
		}
		kept[category] = get(t, log, "enabled") == true
	}
	if !kept["ContainerAppConsoleLogs"] {
		t.Error("nobody keeps the server's log")
	}
	environment := d.only(t, "Microsoft.App/managedEnvironments").body
	if got := get(t, environment, "properties", "appLogsConfiguration", "destination"); got != "azure-monitor" {
		t.Errorf("logs go to %v, where the diagnostic setting does not find them", got)
	}
	// No stable client of the API has these two; the models of its v3.0.0-beta.1 take them.
	want := map[string]any{"tracesConfiguration": map[string]any{"destinations": []any{"appInsights"}}}
	if diff := cmp.Diff(want, get(t, environment, "properties", "openTelemetryConfiguration")); diff != "" {
		t.Errorf("OpenTelemetry (-want +got):\n%s", diff)
	}
	insights, _ := get(t, environment, "properties", "appInsightsConfiguration").(map[string]any)
	if text, _ := insights["connectionString"].(string); len(insights) != 1 || !strings.HasPrefix(text, "InstrumentationKey=") {
		t.Errorf("Application Insights: %v", insights)
	}
	setting, _ := get(t, d.only(t, "Microsoft.Insights/diagnosticSettings").body, "properties").(map[string]any)
	if workspace := d.only(t, "Microsoft.OperationalInsights/workspaces").id; len(setting) != 2 || setting["workspaceId"] != workspace {
		t.Errorf("the diagnostic setting has %v, want the logs and the workspace %s", setting, workspace)
	}
}
