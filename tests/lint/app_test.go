package lint

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

const service = module + "/app"

// serviceTargets are packages that parts of the service import, by the name that the matrix has for them.
var serviceTargets = map[string]string{
	"leaf":    service + "/password",
	"store":   service + "/store",
	"client":  service + "/work",
	"tenancy": service + "/tenancy",
	"web":     service + "/web",
	"berth":   module + "/spec",
	"roles":   service + "/store/dbrole",
	"sql":     "database/sql",
	"tests":   service + "/store/storetest",
}

// serviceMayImport is the direction of the service's dependencies. No part may import the infrastructure, and none but
// the store may speak SQL (AS-1); what works for one client knows of no other (DP-1).
var serviceMayImport = map[string][]string{
	"space":     {"leaf"},
	"store":     {"client", "leaf", "sql", "store"},
	"accounts":  {"client", "leaf", "store"},
	"tenancy":   {"client", "leaf", "store", "tenancy"},
	"exchange":  {"client", "leaf", "store"},
	"bi":        {"client", "leaf", "roles", "store"},
	"web":       {"client", "leaf", "store", "web"},
	"rpc":       {"client", "leaf", "store"},
	"server":    {"client", "leaf", "store", "tenancy", "web"},
	"tests-own": nil, // is a test: it may use anything but the infrastructure
}

func TestTheServicesRulesBite(t *testing.T) {
	linter, root := golangci(t)
	dir := filepath.Join(t.TempDir(), "app")
	write(t, dir, "go.mod", "module "+service+"\n\ngo 1.26\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => ./outside\n")
	write(t, dir, "outside/go.mod", "module "+module+"\n\ngo 1.26\n")
	write(t, dir, "outside/spec/here.go", doc("spec")+"\n// Here is a name to import.\nconst Here = 1\n")
	for name, target := range serviceTargets {
		if name != "berth" && name != "sql" {
			folder, _ := filepath.Rel(service, target)
			write(t, dir, folder+"/here.go", doc(path.Base(target))+"\n// Here is a name to import.\nconst Here = 1\n")
		}
	}
	file := func(from, to string) string {
		if from == "tests-own" {
			return path.Join("accounts", "of"+to, "to_test.go")
		}
		return importer(from, to)
	}
	for from := range serviceMayImport {
		for to, target := range serviceTargets {
			use := path.Base(target) + ".Here"
			if to == "sql" {
				use = "sql.ErrNoRows"
			}
			write(t, dir, file(from, to), fmt.Sprintf("%s\nimport %q\n\nvar _ = %s\n", doc("to"+to), target, use))
		}
	}
	write(t, dir, "accounts/clock.go", doc("accounts")+`import "time"`+"\n"+`var _ = time.Now()`)
	write(t, dir, "cmd/taskflow/main.go", "// Command taskflow may.\npackage main\n"+`import "time"`+"\n"+`func main() { _ = time.Now() }`)
	config, err := os.ReadFile(filepath.Join(root, "app", ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".golangci.yml", string(config))
	found := run(t, linter, dir)

	for _, from := range slices.Sorted(maps.Keys(serviceMayImport)) {
		t.Run(from+" imports what it may only", func(t *testing.T) {
			for _, to := range slices.Sorted(maps.Keys(serviceTargets)) {
				allowed := slices.Contains(serviceMayImport[from], to)
				if from == "tests-own" {
					allowed = to != "berth" // a test may use anything but the infrastructure
				}
				var wants []string
				if !allowed {
					wants = []string{"depguard: import '" + serviceTargets[to] + "' is not allowed"}
				}
				compare(t, file(from, to), found, wants)
			}
		})
	}
	compare(t, "accounts/clock.go", found, []string{"forbidigo: use of `time.Now`"})
	for _, file := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("%s: found what nobody looked for: %q", file, found[file])
	}
}
