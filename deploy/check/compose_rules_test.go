//go:build linux

package check_test

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

// What is published is the port of the API, for this machine alone, under the number
// that the documentation has. The port for operators is for other containers.
func TestComposePorts(t *testing.T) {
	t.Parallel()
	project := composeProject(t)
	server := project.Services["server"]
	env := serviceEnv(server)
	port := serverPort(t, env)
	var published []string
	for name, service := range project.Services {
		for _, p := range service.Ports {
			published = append(published, fmt.Sprintf("%s %s:%s:%d", name, p.HostIP, p.Published, p.Target))
		}
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("server 127.0.0.1:%d:%d", port, port)}, published); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if address := fmt.Sprintf("http://127.0.0.1:%d/readyz", port); !strings.Contains(readPage(t, "deploy-with-containers.md"), address) {
		t.Errorf("docs/deploy-with-containers.md does not ask %s", address)
	}
	if diff := cmp.Diff([]string{strconv.Itoa(int(portOf(t, env["ADMIN_ADDR"])))}, []string(server.Expose)); diff != "" {
		t.Errorf("ADMIN_ADDR (-) and exposed (+):\n%s", diff)
	}
}

// The server finds the database under the address that the documentation has its
// reader write down, and waits until it answers.
func TestComposeDatabaseIsFound(t *testing.T) {
	t.Parallel()
	printed := regexp.MustCompile(`printf '(postgres://\S+)'`).FindStringSubmatch(readPage(t, "deploy-with-containers.md"))
	if printed == nil {
		t.Fatal("docs/deploy-with-containers.md has no address of a database")
	}
	address, err := url.Parse(strings.Replace(printed[1], "%s", "secret", 1))
	if err != nil {
		t.Fatal(err)
	}
	if address.String() != postgresAddress {
		t.Errorf("docs/deploy-with-containers.md has %s, the tests %s", address, postgresAddress)
	}
	user, database := address.User.Username(), path.Base(address.Path)
	project := composeProject(t)
	service, ok := project.Services[address.Hostname()]
	if !ok {
		t.Fatalf("there is no service %s", address.Hostname())
	}
	env := serviceEnv(service)
	if env["POSTGRES_USER"] != user || env["POSTGRES_DB"] != database {
		t.Errorf("the image makes %s for %s, the server expects %s for %s", env["POSTGRES_DB"], env["POSTGRES_USER"], database, user)
	}
	asks := fmt.Sprintf("CMD pg_isready --username=%s --dbname=%s --host=127.0.0.1", user, database)
	if got := strings.Join(service.HealthCheck.Test, " "); got != asks {
		t.Errorf("the health check is %q, want %q", got, asks) // over TCP: the first start serves its socket alone
	}
	server := project.Services["server"]
	if got := server.DependsOn[service.Name].Condition; got != types.ServiceConditionHealthy {
		t.Errorf("the server waits for %q", got)
	}
	var shared []string
	for name := range service.Networks {
		if _, ok := server.Networks[name]; ok && project.Networks[name].Internal {
			shared = append(shared, name)
		}
	}
	if len(shared) != 1 || len(service.Networks) != 1 || len(server.Networks) != 2 {
		t.Errorf("the database must be in one internal network with the server, which must be in another one too: %v, %v",
			slices.Collect(maps.Keys(service.Networks)), slices.Collect(maps.Keys(server.Networks)))
	}
}

// The image of PostgreSQL can do its work with a read-only file system, and its data
// outlive the container.
func TestComposeDatabaseKeepsData(t *testing.T) {
	t.Parallel()
	postgres := composeProject(t).Services["postgres"]
	version := regexp.MustCompile(`^postgres:(\d+)\.\d+-\w+(@sha256:[0-9a-f]{64})?$`).FindStringSubmatch(postgres.Image)
	if version == nil {
		t.Fatalf("the image is %s, want an exact version", postgres.Image)
	}
	// The image declares its volume there, and would make one of its own for each
	// container if nothing else was mounted: since 18 at the parent of the data, which
	// are in a directory of their version.
	want := "/var/lib/postgresql/data"
	if major, err := strconv.Atoi(version[1]); err == nil && major >= 18 {
		want = "/var/lib/postgresql"
	}
	volumes := map[string]string{}
	for _, volume := range postgres.Volumes {
		volumes[volume.Target] = volume.Type
	}
	if diff := cmp.Diff(map[string]string{want: types.VolumeTypeVolume}, volumes); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	// The image gives the number 999 to its user and group postgres.
	if postgres.User != "999:999" {
		t.Errorf("PostgreSQL runs as %q, who is not the image's postgres", postgres.User)
	}
	writable := map[string]string{}
	for _, mount := range postgres.Tmpfs {
		directory, options, _ := strings.Cut(mount, ":")
		writable[directory] = options
	}
	if diff := cmp.Diff(map[string]string{
		"/tmp":                "mode=1777",
		"/var/run/postgresql": "uid=999,gid=999,mode=0775", // of its socket and its lock
	}, writable); diff != "" {
		t.Errorf("tmpfs (-want +got):\n%s", diff)
	}
}
