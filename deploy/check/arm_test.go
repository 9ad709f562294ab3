//go:build linux

package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appcontainers/armappcontainers/v3"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/applicationinsights/armapplicationinsights"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/communication/armcommunication/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	"github.com/google/go-cmp/cmp"
)

const azureDir = moduleRoot + "/deploy/azure/"

// What Azure says of the resources that the template makes.
const (
	identityPrincipalID = "66666666-6666-4666-8666-666666666666"
	immutableResourceID = "77777777-7777-4777-8777-777777777777"
)

// A template is azuredeploy.json. Fields that it may not have are errors.
type template struct {
	Schema         string `json:"$schema"`
	ContentVersion string
	Metadata       map[string]string
	Parameters     map[string]templateParameter
	Variables      map[string]json.RawMessage
	Resources      []templateResource
	Outputs        map[string]templateOutput
}

type templateParameter struct {
	Type          string
	DefaultValue  any
	AllowedValues []any
	MinLength     *int
	MaxLength     *int
	MinValue      *int
	MaxValue      *int
	Metadata      map[string]string
}

type templateResource struct {
	Condition  any
	Type       string
	APIVersion string `json:"apiVersion"`
	Name       string
	Scope      string
	Location   string
	Kind       string
	DependsOn  []string
	Identity   map[string]any
	Properties map[string]any
}

type templateOutput struct {
	Type     string
	Metadata map[string]string
	Value    any
}

// A deployed resource is one after evaluation.
type deployed struct {
	kind, id, name, apiVersion string
	condition                  bool
	dependsOn                  []string
	body                       map[string]any // as it is sent to Azure
}

// A deployment is the template, evaluated with values for its parameters.
type deployment struct {
	template  template
	resources map[string]deployed // by id
	outputs   map[string]any
	used      map[string]bool
}

func readTemplate(t *testing.T) template {
	t.Helper()
	text, err := os.ReadFile(azureDir + "azuredeploy.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var parsed template
	if err := decoder.Decode(&parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// given are values for what has no default.
func given() map[string]any {
	return map[string]any{
		"dataLocation":     "Europe",
		"containerImage":   "contoso.azurecr.io/acs-auth-server:v1.0.0",
		"apiClientId":      apiClientID,
		"allowedClientIds": clientID,
		"graphMappingKeys": mappingKeys,
	}
}

// deploy evaluates the template in the order of its dependencies, as Azure does.
func deploy(t *testing.T, values map[string]any) deployment {
	t.Helper()
	d := deployment{template: readTemplate(t), resources: map[string]deployed{}, outputs: map[string]any{}, used: map[string]bool{}}
	before := &scope{parameters: map[string]any{}, variables: d.template.Variables, used: d.used}
	for name, parameter := range d.template.Parameters {
		value, ok := values[name]
		if !ok && parameter.DefaultValue == nil {
			t.Fatalf("the parameter %s has no value", name)
		} else if !ok {
			value = must(before.evaluate(parameter.DefaultValue))(t)
		}
		if n, ok := value.(float64); ok {
			value = int(n)
		}
		before.parameters[name] = value
	}

	var waiting []templateResource
	ids := map[string]bool{}
	for _, resource := range d.template.Resources {
		id := d.identify(t, before, resource)
		if ids[id] {
			t.Errorf("there are two resources %s", id)
		}
		ids[id] = true
		waiting = append(waiting, resource)
	}
	for len(waiting) > 0 {
		left := slices.DeleteFunc(slices.Clone(waiting), func(resource templateResource) bool {
			return d.tryDeploy(t, before, resource)
		})
		if len(left) == len(waiting) {
			t.Fatalf("these resources depend on each other, or on nothing that there is: %v", left)
		}
		waiting = left
	}
	after := *before
	after.runtime = d.reference(slices.Collect(maps.Keys(ids)))
	for name, output := range d.template.Outputs {
		d.outputs[name] = must(after.evaluate(output.Value))(t)
	}
	return d
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// identify returns the id that the resource will have.
func (d *deployment) identify(t *testing.T, before *scope, resource templateResource) string {
	t.Helper()
	name := must(before.text(resource.Name))(t).(string)
	parent := resourceGroup
	if resource.Scope != "" {
		parent = must(before.text(resource.Scope))(t).(string)
	}
	return must(resourceID(parent, []string{resource.Type, name}))(t)
}

// tryDeploy deploys the resource if everything that it depends on is there.
func (d *deployment) tryDeploy(t *testing.T, before *scope, resource templateResource) bool {
	t.Helper()
	made := deployed{kind: resource.Type, id: d.identify(t, before, resource), apiVersion: resource.APIVersion, condition: true}
	made.name = made.id[strings.LastIndex(made.id, "/")+1:]
	for _, dependency := range resource.DependsOn {
		id := must(before.text(dependency))(t).(string)
		if _, ok := d.resources[id]; !ok {
			return false
		}
		made.dependsOn = append(made.dependsOn, id)
	}
	if resource.Condition != nil {
		made.condition = must(before.evaluate(resource.Condition))(t).(bool)
	}
	inside := *before
	inside.runtime = d.reference(made.dependsOn)
	made.body = map[string]any{}
	for field, value := range map[string]any{
		"location": resource.Location, "kind": resource.Kind, "identity": resource.Identity, "properties": resource.Properties,
	} {
		switch v := value.(type) {
		case string:
			if v != "" {
				made.body[field] = must(before.text(v))(t)
			}
		case map[string]any:
			if v != nil {
				made.body[field] = must(inside.evaluate(v))(t)
			}
		}
	}
	d.resources[made.id] = made
	return true
}

// reference returns the runtime state of resources of the template, if they are
// among those that are known to be deployed.
func (d *deployment) reference(known []string) func(id, apiVersion string) (map[string]any, error) {
	return func(id, apiVersion string) (map[string]any, error) {
		resource, ok := d.resources[id]
		if !ok || !slices.Contains(known, id) {
			return nil, fmt.Errorf("reference to %s without a dependency on it", id)
		}
		if resource.apiVersion != apiVersion {
			return nil, fmt.Errorf("reference to %s has the API version %s, the resource %s", id, apiVersion, resource.apiVersion)
		}
		return map[string]map[string]any{
			"Microsoft.ManagedIdentity/userAssignedIdentities": {"principalId": identityPrincipalID, "clientId": identityClientID},
			"Microsoft.Communication/communicationServices": {
				"hostName": resource.name + ".europe.communication.azure.com", "immutableResourceId": immutableResourceID,
			},
			"Microsoft.Insights/components": {"ConnectionString": "InstrumentationKey=88888888-8888-4888-8888-888888888888"},
			"Microsoft.App/containerApps": {
				"configuration": map[string]any{"ingress": map[string]any{"fqdn": resource.name + ".example.westeurope.azurecontainerapps.io"}},
			},
		}[resource.kind], nil
	}
}

// only returns the resource of a type that there is one of.
func (d *deployment) only(t *testing.T, kind string) deployed {
	t.Helper()
	var found []deployed
	for _, resource := range d.resources {
		if resource.kind == kind {
			found = append(found, resource)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d resources of the type %s", len(found), kind)
	}
	return found[0]
}

// get walks into nested objects and, by number, lists.
func get(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := v.(map[string]any)
			if v, ok = object[step], ok && object[step] != nil; !ok {
				t.Fatalf("%v: there is no %s", path, step)
			}
		case int:
			list, ok := v.([]any)
			if !ok || len(list) <= step {
				t.Fatalf("%v: there is no number %d", path, step)
			}
			v = list[step]
		}
	}
	return v
}

// containerEnv returns the settings of the server.
func (d *deployment) containerEnv(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	list, _ := get(t, d.only(t, "Microsoft.App/containerApps").body, "properties", "template", "containers", 0, "env").([]any)
	for _, entry := range list {
		name, _ := get(t, entry, "name").(string)
		value, ok := get(t, entry, "value").(string)
		if _, twice := env[name]; !ok || twice {
			t.Errorf("%s is set twice, or to something other than a string", name)
		}
		env[name] = value
	}
	return env
}

// The template evaluates with and without a registry, and everything in it is used.
func TestTemplate(t *testing.T) {
	t.Parallel()
	for registry, roles := range map[string]int{"": 1, "Contoso": 2} {
		values := given()
		values["containerRegistryName"] = registry
		values["containerImage"] = "contoso-a1b2c3.azurecr.io/acs-auth-server@sha256:" + strings.Repeat("0", 64) // a registry may have a label in its domain name
		d := deploy(t, values)
		assigned := 0
		for _, resource := range d.resources {
			if resource.kind == "Microsoft.Authorization/roleAssignments" && resource.condition {
				assigned++
			}
		}
		if assigned != roles {
			t.Errorf("with the registry %q there are %d role assignments, want %d", registry, assigned, roles)
		}
		var want any = []any{}
		identity := d.only(t, "Microsoft.ManagedIdentity/userAssignedIdentities").id
		if registry != "" {
			want = []any{map[string]any{"server": "contoso-a1b2c3.azurecr.io", "identity": identity}}
		}
		app := d.only(t, "Microsoft.App/containerApps").body
		if diff := cmp.Diff(want, get(t, app, "properties", "configuration", "registries")); diff != "" {
			t.Errorf("with the registry %q (-want +got):\n%s", registry, diff)
		}
		for name := range d.template.Parameters {
			if !d.used["parameters "+name] {
				t.Errorf("the parameter %s is not used", name)
			}
		}
		for name := range d.template.Variables {
			if !d.used["variables "+name] {
				t.Errorf("the variable %s is not used", name)
			}
		}
	}
}

// Who fills in the form in the portal sees a description of every parameter, and
// cannot overlook what matters.
func TestTemplateParameters(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t)
	var required []string
	for name, parameter := range parsed.Parameters {
		if parameter.Metadata["description"] == "" {
			t.Errorf("%s is not described", name)
		}
		if parameter.DefaultValue == nil {
			required = append(required, name)
		}
		if secret := strings.HasSuffix(name, "Keys"); secret != (parameter.Type == "securestring") {
			t.Errorf("%s is a %s", name, parameter.Type)
		}
	}
	slices.Sort(required)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(given())), required); diff != "" {
		t.Errorf("parameters without a default (-want +got):\n%s", diff)
	}

	text, err := os.ReadFile(azureDir + "azuredeploy.parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Parameters map[string]struct {
			Value     any
			Reference any
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for name, entry := range file.Parameters {
		parameter, ok := parsed.Parameters[name]
		if !ok || (entry.Value == nil) != (parameter.Type == "securestring") {
			t.Errorf("azuredeploy.parameters.json: %s is no parameter, or a secret in the file", name)
		}
	}
	for _, name := range required {
		if _, ok := file.Parameters[name]; !ok {
			t.Errorf("azuredeploy.parameters.json has no %s", name)
		}
	}
}

// Names keep Azure's rules even if the parameters are as long as they may be.
func TestTemplateNames(t *testing.T) {
	t.Parallel()
	rules := map[string]*regexp.Regexp{
		"Microsoft.App/containerApps":                      regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}[a-z0-9]$`),
		"Microsoft.App/managedEnvironments":                regexp.MustCompile(`^[a-z][a-z0-9-]{0,58}[a-z0-9]$`),
		"Microsoft.Authorization/roleAssignments":          regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
		"Microsoft.Communication/communicationServices":    regexp.MustCompile(`^[a-zA-Z0-9-]{1,63}$`),
		"Microsoft.Insights/components":                    regexp.MustCompile(`^[\w.()-]{1,255}$`),
		"Microsoft.Insights/diagnosticSettings":            regexp.MustCompile(`^[\w-]{1,260}$`),
		"Microsoft.ManagedIdentity/userAssignedIdentities": regexp.MustCompile(`^[a-zA-Z0-9][\w-]{2,127}$`),
		"Microsoft.OperationalInsights/workspaces":         regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]$`),
	}
	parsed := readTemplate(t)
	values := given()
	values["appName"] = strings.Repeat("a", *parsed.Parameters["appName"].MaxLength)
	values["containerRegistryName"] = strings.Repeat("r", *parsed.Parameters["containerRegistryName"].MaxLength)
	for _, resource := range deploy(t, values).resources {
		if rule := rules[resource.kind]; rule == nil || !rule.MatchString(resource.name) {
			t.Errorf("%s: the name %s breaks the rule %v", resource.kind, resource.name, rule)
		}
	}
}

// Every resource is one that Microsoft's own client for that API could send: reading
// it and writing it again loses nothing.
func TestTemplateResources(t *testing.T) {
	t.Parallel()
	known := map[string]struct {
		model any
		lost  []string // properties that the client's API version did not have yet
	}{
		"Microsoft.App/containerApps@2026-07-01": {model: &armappcontainers.ContainerApp{}},
		"Microsoft.App/managedEnvironments@2026-07-01": {
			model: &armappcontainers.ManagedEnvironment{},
			lost:  []string{"appInsightsConfiguration", "openTelemetryConfiguration"},
		},
		"Microsoft.Authorization/roleAssignments@2022-04-01":          {model: &armauthorization.RoleAssignmentCreateParameters{}},
		"Microsoft.Communication/communicationServices@2025-09-01":    {model: &armcommunication.ServiceResource{}},
		"Microsoft.Insights/components@2020-02-02":                    {model: &armapplicationinsights.Component{}},
		"Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": {model: &armmsi.Identity{}},
		"Microsoft.OperationalInsights/workspaces@2025-07-01":         {model: &armoperationalinsights.Workspace{}},
		// Its client compiles for minutes; see docs/deploy-to-azure.md for how it was checked.
		"Microsoft.Insights/diagnosticSettings@2021-05-01-preview": {},
	}
	values := given()
	values["containerRegistryName"] = "contoso"
	for _, resource := range deploy(t, values).resources {
		client, ok := known[resource.kind+"@"+resource.apiVersion]
		if !ok {
			t.Errorf("nothing is known about %s@%s", resource.kind, resource.apiVersion)
		}
		if client.model == nil {
			continue
		}
		sent := must(json.Marshal(resource.body))(t)
		if err := json.Unmarshal(sent, client.model); err != nil {
			t.Errorf("%s: %v", resource.kind, err)
			continue
		}
		var before, after map[string]any
		if err := json.Unmarshal(sent, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(must(json.Marshal(client.model))(t), &after); err != nil {
			t.Fatal(err)
		}
		for _, name := range client.lost {
			properties, _ := get(t, before, "properties").(map[string]any)
			delete(properties, name)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: the client changes it (-template +client):\n%s", resource.kind, diff)
		}
	}
}

// What the siblings' template did wrong is right here.
func TestTemplateIsSafe(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	communication := d.only(t, "Microsoft.Communication/communicationServices").body
	if get(t, communication, "properties", "dataLocation") != "Europe" || get(t, communication, "properties", "disableLocalAuth") != true {
		t.Error("the data location is not the one that was chosen, or there are access keys")
	}
	app := d.only(t, "Microsoft.App/containerApps").body
	ingress, _ := get(t, app, "properties", "configuration", "ingress").(map[string]any)
	if ingress["allowInsecure"] != false || ingress["corsPolicy"] != nil {
		t.Error("HTTP is not redirected to HTTPS, or somebody else than the server answers CORS")
	}
	identity := d.only(t, "Microsoft.ManagedIdentity/userAssignedIdentities").id
	if diff := cmp.Diff(map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{identity: map[string]any{}}}, app["identity"]); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	grace, _ := get(t, app, "properties", "template", "terminationGracePeriodSeconds").(float64)
	endsInTime(t, d.containerEnv(t), time.Duration(grace)*time.Second)
}

// The one secret is in one place, and no output tells it.
func TestTemplateSecrets(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	hasNoSecrets(t, d.containerEnv(t))
	app := d.only(t, "Microsoft.App/containerApps").body
	secret, _ := get(t, app, "properties", "configuration", "secrets", 0).(map[string]any)
	if secret["value"] != mappingKeys {
		t.Errorf("the secret of the container app is %v", secret["name"])
	}
	delete(secret, "value")
	for id, resource := range d.resources {
		if strings.Contains(string(must(json.Marshal(resource.body))(t)), mappingKeys) {
			t.Errorf("%s tells the mapping keys", id)
		}
	}
	if outputs := string(must(json.Marshal(d.outputs))(t)); strings.Contains(outputs, mappingKeys) || strings.Contains(outputs, "InstrumentationKey") {
		t.Errorf("the outputs tell secrets: %s", outputs)
	}
	want := map[string]any{
		"name":      "acs-auth-identity",
		"issuer":    "https://login.microsoftonline.com/" + tenantID + "/v2.0",
		"subject":   identityPrincipalID,
		"audiences": []any{"api://AzureADTokenExchange"},
	}
	if diff := cmp.Diff(want, d.outputs["federatedCredential"]); diff != "" {
		t.Errorf("federatedCredential (-want +got):\n%s", diff)
	}
}

// The server starts with the settings that the template gives it, on a platform that
// has managed identities as Container Apps has.
func TestTemplateServerStarts(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	env := d.containerEnv(t)
	template, _ := get(t, d.only(t, "Microsoft.App/containerApps").body, "properties", "template").(map[string]any)
	mount := get(t, template, "containers", 0, "volumeMounts", 0, "mountPath")
	item, _ := get(t, template, "volumes", 0, "secrets", 0).(map[string]any)
	files := map[string]string{fmt.Sprintf("%s/%s", mount, item["path"]): mappingKeys}
	if files[env["GRAPH_MAPPING_KEYS_FILE"]] == "" {
		t.Errorf("GRAPH_MAPPING_KEYS_FILE=%s, but there is %v", env["GRAPH_MAPPING_KEYS_FILE"], slices.Collect(maps.Keys(files)))
	}
	env["IDENTITY_ENDPOINT"], env["IDENTITY_HEADER"] = "http://127.0.0.1:42356/msi/token", "header"
	env["OTEL_EXPORTER_OTLP_ENDPOINT"], env["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http://127.0.0.1:4317/", "grpc" // of the environment's agent
	if log := starts(t, env, files); !strings.Contains(log, `"msg":"traces are exported","grpc":true`) {
		t.Errorf("no traces are exported:\n%s", log)
	}
}

// Who may call from browsers is a decision, and without one nobody may.
func TestTemplateOrigins(t *testing.T) {
	t.Parallel()
	d := deploy(t, given())
	if got := d.containerEnv(t)["CORS_ALLOWED_ORIGINS"]; got != "" {
		t.Errorf("by default %s may", got)
	}
	values := given()
	values["corsAllowedOrigins"] = "https://app.contoso.com"
	d = deploy(t, values)
	if got := d.containerEnv(t)["CORS_ALLOWED_ORIGINS"]; got != "https://app.contoso.com" {
		t.Errorf("CORS_ALLOWED_ORIGINS=%s", got)
	}
}

// The evaluator refuses what Azure would refuse.
func TestExpressions(t *testing.T) {
	t.Parallel()
	s := &scope{parameters: map[string]any{"a": "x", "n": 2}, variables: map[string]json.RawMessage{
		"v": []byte(`"[format('{0}-{1}', parameters('a'), 'it''s')]"`), "early": []byte(`"[reference('id', 'v').x]"`),
	}, used: map[string]bool{}, runtime: func(string, string) (map[string]any, error) {
		return map[string]any{"x": "y"}, nil
	}}
	for text, want := range map[string]any{
		"plain": "plain", "[[escaped]": "[escaped]", "[variables('v')]": "x-it's", "[ max( parameters('n') , 3 ) ]": 3,
		"[if(empty(''), 'yes', 'no')]": "yes", "[json('0.5')]": 0.5, "[reference('id', 'v').x]": "y",
		"[resourceId('A.B/c/d', 'e', 'f')]": resourceGroup + "/providers/A.B/c/e/d/f",
	} {
		if got, err := s.text(text); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"[parameters('b')]", "[variables('w')]", "[unknown('x')]", "[listKeys('id', 'v')]", "[format('{0}')]", "[format('x', 'y')]",
		"[resourceId('A.B/c', 'd', 'e')]", "[resourceId('A.B/c', '')]", "[parameters('a']", "[parameters('a')) ]", "[parameters('a').b]",
		"[variables('early')]", "['open]", "[]", "[max('a', 1)]", "[subscription().secret]",
	} {
		if got, err := s.text(text); err == nil {
			t.Errorf("%s = %v, want an error", text, got)
		}
	}
}
