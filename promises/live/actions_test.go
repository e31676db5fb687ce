package live_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/berth-iac/berth/promises/live"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the list of actions anew")

const actionsFile = "../../components/verifier/actions/actions.txt"

// The role's actions are those of the calls in the package's source: each call needs its input, written as <service>.<Operation>Input.
func TestTheRoleMayDoWhatTheLooksCallAndNoMore(t *testing.T) {
	want := called(t)
	if *update {
		if err := os.WriteFile(actionsFile, []byte(strings.Join(want, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, actions.All()); diff != "" {
		t.Errorf("the list differs from the calls (run `go test ./promises/live -run TheRole -update`):\n%s", diff)
	}
}

func TestTheRoleOnlyReads(t *testing.T) {
	for _, action := range actions.All() {
		_, name, _ := strings.Cut(action, ":")
		reads := slices.ContainsFunc([]string{"Describe", "List", "Get", "Lookup", "Simulate", "GenerateCredentialReport"}, func(p string) bool { return strings.HasPrefix(name, p) })
		if !reads {
			t.Errorf("%s is not known to only read", action)
		}
		if slices.Contains([]string{"secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "s3:GetObject", "rds:DownloadDBLogFilePortion"}, action) {
			t.Errorf("%s reads clients' data or secrets", action)
		}
	}
}

// called are the actions of all calls in the package.
func called(t *testing.T) []string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		services := map[string]string{} // local name: the SDK's
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			service, isService := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/service/")
			if !isService || strings.Contains(service, "/") {
				continue
			}
			name := service
			if spec.Name != nil {
				name = spec.Name.Name
			}
			services[name] = service
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := selector.X.(*ast.Ident)
			operation, isInput := strings.CutSuffix(selector.Sel.Name, "Input")
			if ok && isInput && services[pkg.Name] != "" {
				found[live.Action(services[pkg.Name], operation)] = true
			}
			return true
		})
	}
	all := make([]string, 0, len(found))
	for action := range found {
		all = append(all, action)
	}
	slices.Sort(all)
	return all
}
