//go:build linux

package check_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

const composeDir = moduleRoot + "/deploy/compose"

// loadCompose reads the file as Compose does in a directory with these lines in .env,
// which includes the schema of the Compose specification.
func loadCompose(t *testing.T, lines []string) (*types.Project, error) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(composeDir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"compose.yaml": string(text), ".env": strings.Join(lines, "\n") + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(t.Context())
}

// exampleVariables returns what .env.example has, filled in.
func exampleVariables(t *testing.T) []string {
	t.Helper()
	example, err := dotenv.Read(filepath.Join(composeDir, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	var variables []string
	for name, value := range example {
		variables = append(variables, name+"="+filled(t, name, value))
	}
	slices.Sort(variables)
	return variables
}

// composeProject loads the file with the example's variables, and more lines of .env.
func composeProject(t *testing.T, more ...string) *types.Project {
	t.Helper()
	project, err := loadCompose(t, append(exampleVariables(t), more...))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// serviceEnv returns the environment of a service as a map.
func serviceEnv(service types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range service.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

// Whatever .env.example sets is needed, and nothing starts without it.
func TestComposeHasNoDefaults(t *testing.T) {
	t.Parallel()
	variables := exampleVariables(t)
	for i, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		if _, err := loadCompose(t, slices.Delete(slices.Clone(variables), i, i+1)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v; want an error that names it", name, err)
		}
	}
}

// Every service runs with as little as it needs.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	project := composeProject(t)
	if diff := cmp.Diff([]string{"postgres", "server"}, slices.Sorted(maps.Keys(project.Services))); diff != "" {
		t.Fatalf("services (-want +got):\n%s", diff)
	}
	for name, service := range project.Services {
		env := serviceEnv(service)
		hasNoSecrets(t, env)
		if !service.ReadOnly || service.Privileged || len(service.CapAdd) > 0 ||
			!slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
		if service.MemLimit == 0 || service.PidsLimit == 0 || service.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s has no limits, or does not come back", name)
		}
		for variable, value := range env {
			if path, ok := strings.CutPrefix(value, "/run/secrets/"); ok != strings.HasSuffix(variable, "_FILE") ||
				ok && !slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == path }) {
				t.Errorf("%s: %s=%s names no secret of the service", name, variable, value)
			}
		}
	}
	for name, secret := range project.Secrets {
		if want := filepath.Join(project.WorkingDir, "secrets", name); secret.File != want {
			t.Errorf("the secret %s is in %s, want %s", name, secret.File, want)
		}
	}
	ignored, err := os.ReadFile(filepath.Join(composeDir, ".gitignore"))
	if err != nil || !strings.Contains(string(ignored), "\n/secrets/\n/.env\n") {
		t.Errorf("git does not ignore the secrets: %v", err)
	}
	server := project.Services["server"]
	endsInTime(t, serviceEnv(server), time.Duration(*server.StopGracePeriod))
	if server.User != "" || server.HealthCheck != nil {
		t.Error("the server's user and health check must be those of the image")
	}
}

// Every setting can be in .env, but for those that must fit the rest of the file. One
// without a value is none.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, name, want string }{
		{"TEAMS_CLIENT_IDS=" + clientID, "TEAMS_CLIENT_IDS", clientID},
		{"CORS_ALLOWED_ORIGINS=https://app.contoso.com", "CORS_ALLOWED_ORIGINS", "https://app.contoso.com"},
		{"AUTO_PROVISION=true", "AUTO_PROVISION", "true"},
		{"# AUTO_PROVISION=true", "AUTO_PROVISION", ""},
		{"LISTEN_ADDR=:8080", "LISTEN_ADDR", ":5000"},
		{"ADMIN_ADDR=:8080", "ADMIN_ADDR", ":5050"},
	} {
		if got := serviceEnv(composeProject(t, test.line).Services["server"])[test.name]; got != test.want {
			t.Errorf("%s: the server gets %s=%s, want %s", test.line, test.name, got, test.want)
		}
	}
	if got := serviceEnv(composeProject(t, "TEAMS_CLIENT_IDS="+clientID).Services["postgres"])["TEAMS_CLIENT_IDS"]; got != "" {
		t.Errorf("the database gets the server's settings")
	}
}

// The settings that app-registrations.md prints for the server arrive there.
func TestComposeTakesWhatIsPrinted(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(readPage(t, "app-registrations.md"), "\n## For the server\n")
	printed := regexp.MustCompile(`(?m)^([A-Z_]+)=`).FindAllStringSubmatch(section, -1)
	if len(printed) < 3 {
		t.Fatalf("docs/app-registrations.md prints only %q", printed)
	}
	lines := exampleVariables(t)
	for _, match := range printed {
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, match[1]+"=") })
		lines = append(lines, match[1]+"="+clientID)
	}
	project, err := loadCompose(t, lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range printed {
		if got := serviceEnv(project.Services["server"])[match[1]]; got != clientID {
			t.Errorf("%s=%s does not reach the server: %q", match[1], clientID, got)
		}
	}
}

// The server starts with the settings in the file, and with what may be in .env.
func TestComposeServerStarts(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{
		"as it is":       nil,
		"empty values":   {"TEAMS_CLIENT_IDS=", "CORS_ALLOWED_ORIGINS=", "ACS_RESOURCE_ID=", "LOG_LEVEL="},
		"other settings": {"TEAMS_CLIENT_IDS=" + clientID, "CORS_ALLOWED_ORIGINS=https://app.contoso.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			starts(t, serviceEnv(composeProject(t, more...).Services["server"]), map[string]string{
				"/run/secrets/acs-connection-string": connectionString + "\n",
				"/run/secrets/mapping-store":         postgresAddress + "\n",
			})
		})
	}
}
