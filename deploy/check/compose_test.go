//go:build linux

package check_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

const composeDir = moduleRoot + "/deploy/compose"

// loadCompose reads the file as Compose does, which includes the schema of the
// Compose specification.
func loadCompose(ctx context.Context, variables []string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(composeDir, "compose.yaml")}, cli.WithEnv(variables))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
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

func composeProject(t *testing.T) *types.Project {
	t.Helper()
	project, err := loadCompose(t.Context(), exampleVariables(t))
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

// Whatever is in .env.example is needed, and nothing starts without it.
func TestComposeHasNoDefaults(t *testing.T) {
	t.Parallel()
	variables := exampleVariables(t)
	for i, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		if _, err := loadCompose(t.Context(), slices.Delete(slices.Clone(variables), i, i+1)); err == nil || !strings.Contains(err.Error(), name) {
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
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" || strings.HasSuffix(env["ADMIN_ADDR"], ":"+strconv.Itoa(int(port.Target))) {
				t.Errorf("%s publishes port %s on %q", name, port.Published, port.HostIP)
			}
		}
		for variable, value := range env {
			if path, ok := strings.CutPrefix(value, "/run/secrets/"); ok != strings.HasSuffix(variable, "_FILE") ||
				ok && !slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == path }) {
				t.Errorf("%s: %s=%s names no secret of the service", name, variable, value)
			}
		}
	}
	postgres := project.Services["postgres"]
	if !regexp.MustCompile(`^postgres:\d+\.\d+-\w+$`).MatchString(postgres.Image) || postgres.User == "" || postgres.HealthCheck == nil {
		t.Errorf("postgres: %s must be an exact version, with a user and a health check", postgres.Image)
	}
	if network := project.Networks["database"]; !network.Internal || len(postgres.Networks) != 1 {
		t.Error("the database can be reached by others than the server")
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

// The server starts with the settings in the file.
func TestComposeServerStarts(t *testing.T) {
	t.Parallel()
	starts(t, serviceEnv(composeProject(t).Services["server"]), map[string]string{
		"/run/secrets/acs-connection-string": connectionString + "\n",
		"/run/secrets/mapping-store":         postgresAddress + "\n",
	})
}
