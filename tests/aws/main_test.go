package aws_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/tests/aws/emulator"
)

// repository is where berth and the stacks' files are, seen from this folder.
const repository = "../.."

func TestMain(m *testing.M) {
	if err := serveTerratest(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := allAtOnce(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// allAtOnce lets every stack live at the same time, however few cores there are: each waits for the provider's own
// delays most of the time. -parallel says otherwise.
func allAtOnce() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "8")
}

// terratestAccount is what terratest's AWS functions work on. They take no configuration but the process's
// environment, so that one account of a test run can be theirs.
var terratestAccount atomic.Pointer[emulator.Server]

// serveTerratest makes this process's environment lead to terratestAccount, before anything reads it. Programs
// that are started get an environment of their own.
func serveTerratest() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for terratest: %w", err)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // until the process ends
			if s := terratestAccount.Load(); s != nil {
				s.ServeHTTP(w, r)
				return
			}
			http.Error(w, "no test has given its account to terratest", http.StatusServiceUnavailable)
		}))
	}()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://" + listener.Addr().String(), "AWS_ACCESS_KEY_ID": emulator.AccessKey,
		"AWS_SECRET_ACCESS_KEY": emulator.SecretKey, "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return os.Unsetenv("TERRATEST_IAM_ROLE") // with a role, even an empty one, it leaves the endpoint alone
}

// tools are the programs that the stacks are run with.
type tools struct {
	berth, pulumi string
	plugin        string // a folder to be put on PATH; "" where Pulumi's own plugin is installed
	installed     string // the folder of Pulumi's own plugin, or ""
	provider      string // the Terraform provider that the plugin drives
	cache         string
}

// builtVariable names a folder with berth and pulumi-resource-aws, for who has built them already.
const builtVariable = "BERTH_AWS_BUILT"

// absent is the reason why tests are skipped: a program that this suite does not build.
type absent struct{ reason string }

func (e *absent) Error() string { return e.reason }

// needTools gives the programs, which are built once in a test run. Where one is absent the test is skipped.
func needTools(t *testing.T) *tools {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s is skipped: not with -short, since a stack's life takes minutes", t.Name())
	}
	made, err := makeTools()
	var missing *absent
	if errors.As(err, &missing) {
		t.Skipf("%s is skipped: %s", t.Name(), missing.reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// needGaps is needTools for a test that is about what moto lacks.
func needGaps(t *testing.T) *tools {
	t.Helper()
	made := needTools(t)
	if made.installed != "" {
		t.Skipf("%s is skipped: it is about the plugin of tests/pulumi-resource-aws, and Pulumi's own is installed: %s", t.Name(), made.installed)
	}
	return made
}

var makeTools = sync.OnceValues(func() (*tools, error) {
	ctx := context.Background()
	if _, err := emulator.Find(); err != nil {
		return nil, &absent{err.Error()}
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return nil, &absent{"there is no folder for caches: " + err.Error()}
	}
	var made tools
	if made.pulumi, err = cli.Find(ctx, os.Getenv("BERTH_PULUMI"), user, os.Getenv("PATH")); err != nil {
		return nil, &absent{"no Pulumi CLI, run `make pulumi`: " + err.Error()}
	}
	if made.installed = installedPlugin(); made.installed == "" {
		if made.provider, err = findProvider(); err != nil {
			return nil, &absent{err.Error()}
		}
	}
	if built := os.Getenv(builtVariable); built != "" {
		made.cache, made.berth = built, filepath.Join(built, "berth")
		if made.installed == "" {
			made.plugin = built
		}
		return &made, nil
	}
	// Linking takes half a minute: what did not change since the last run is taken from there.
	made.cache = filepath.Join(user, "berth", "tests-aws")
	if err := os.MkdirAll(made.cache, 0o700); err != nil {
		return nil, fmt.Errorf("make the tests' cache: %w", err)
	}
	made.berth = filepath.Join(made.cache, "berth")
	if err := build(ctx, repository, "./cmd/berth", made.berth); err != nil {
		return nil, err
	}
	if made.installed == "" {
		made.plugin = filepath.Join(made.cache, "plugin")
		if err := build(ctx, "../pulumi-resource-aws", ".", filepath.Join(made.plugin, "pulumi-resource-aws")); err != nil {
			return nil, err
		}
	}
	return &made, nil
})

// installedPlugin is the folder of Pulumi's own AWS plugin of the SDK's release, or "".
func installedPlugin() string {
	home := os.Getenv("PULUMI_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		home = filepath.Join(user, ".pulumi")
	}
	found, err := filepath.Glob(filepath.Join(home, "plugins", "resource-aws-v6.83.*", "pulumi-resource-aws"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func findProvider() (string, error) {
	if path := os.Getenv("TF_AWS_PROVIDER"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("TF_AWS_PROVIDER names no file: %w", err)
		}
		return path, nil
	}
	path, err := exec.LookPath("terraform-provider-aws")
	if err != nil {
		return "", fmt.Errorf("neither Pulumi's AWS plugin 6.83 is installed nor is there a Terraform AWS provider 5.100 for the plugin of "+
			"tests/pulumi-resource-aws; set TF_AWS_PROVIDER to its path: %w", err)
	}
	return path, nil
}

// build builds one program. Only one is built at a time: each takes a gigabyte.
func build(ctx context.Context, folder, what, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, what)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s in %s: %w\n%s", what, folder, err, strings.TrimSpace(string(out)))
	}
	return nil
}
