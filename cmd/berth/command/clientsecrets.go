package command

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// secretOptions say how a new stack's secrets are encrypted, and where those come from that cannot be made.
type secretOptions struct {
	from     string // a file, or - for the standard input
	provider string // URL of the service that encrypts; empty: a passphrase does
}

func secretFlags(flags *pflag.FlagSet, o *secretOptions) {
	flags.StringVar(&o.from, "secrets", "", "`file` with secrets that others have issued, name: value, such as the certificate; - for the standard input")
	flags.StringVar(&o.provider, "secrets-provider", "", "`URL` of the service that encrypts the stack's secrets, such as awskms://alias/berth; the stack is created for that")
}

// secretsAnswer is what was done about a new stack's secrets.
type secretsAnswer struct {
	Made    []string `json:"made"`    // random values, encrypted
	Brought []string `json:"brought"` // encrypted
	ToSet   []string `json:"toSet"`   // stand-ins are in their place
}

// stackSecrets makes the secrets that a stack needs, and reads those that are brought. Values by name; empty: to be set.
func stackSecrets(env Env, s *spec.Spec, o secretOptions) (map[string]string, secretsAnswer, error) {
	answer := secretsAnswer{Made: []string{}, Brought: []string{}, ToSet: []string{}}
	brought, err := readSecrets(env, o.from)
	if err != nil {
		return nil, answer, err
	}
	values := map[string]string{}
	var errs []error
	for _, secret := range stackfile.Secrets(s) {
		value, found := brought[secret.Name]
		delete(brought, secret.Name)
		switch {
		case found:
			if want := secret.Fit(value); want != "" {
				errs = append(errs, usage("the secret %s is not what it has to be: %s", secret.Name, want))
			}
			answer.Brought = append(answer.Brought, secret.Name)
		case secret.Made():
			if value, err = secret.Make(rand.Reader); err != nil {
				return nil, answer, err
			}
			answer.Made = append(answer.Made, secret.Name)
		default:
			answer.ToSet = append(answer.ToSet, secret.Name)
		}
		values[secret.Name] = value
	}
	for name := range brought {
		errs = append(errs, usage("--secrets names %q, which the stack does not need", name))
	}
	return values, answer, errors.Join(errs...)
}

func readSecrets(env Env, from string) (map[string]string, error) {
	if from == "" {
		return map[string]string{}, nil
	}
	var text []byte
	var err error
	if from == "-" {
		text, err = io.ReadAll(env.In)
	} else {
		text, err = os.ReadFile(from)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	values := map[string]string{}
	if yaml.Unmarshal(text, &values) != nil { // its error would repeat what it read
		return nil, usage("--secrets: a mapping of names to texts is expected, such as `certificate: |`")
	}
	named := map[string]string{}
	for name, value := range values {
		named[strings.TrimPrefix(name, "berth:")] = value
	}
	return named, nil
}

// sealed puts a stack's secrets into its file, encrypted with the passphrase of the environment. Without one, and for those that are
// still to be set, there are stand-ins, which no real stack can decrypt and a local one replaces.
func sealed(ctx context.Context, env Env, file stackfile.File, values map[string]string) (stackfile.File, bool, error) {
	file.Secrets = map[string]string{}
	for name := range values {
		file.Secrets[name] = stackfile.StandIn
	}
	phrase, err := passphrase(env)
	if err != nil || phrase == "" || len(values) == 0 {
		return file, false, err
	}
	salt := make([]byte, 8)
	if _, err := rand.Read(salt); err != nil {
		return file, false, fmt.Errorf("make the salt of the stack's secrets: %w", err)
	}
	crypter := config.NewSymmetricCrypterFromPassphrase(phrase, salt)
	check, err := crypter.EncryptValue(ctx, "pulumi")
	if err != nil {
		return file, false, fmt.Errorf("encrypt the stack's secrets: %w", err)
	}
	file.Salt = "v1:" + base64.StdEncoding.EncodeToString(salt) + ":" + check
	for name, value := range values {
		if value == "" {
			continue
		}
		if file.Secrets[name], err = crypter.EncryptValue(ctx, value); err != nil {
			return file, false, fmt.Errorf("encrypt the secret %s: %w", name, err)
		}
	}
	return file, true, nil
}

// passphrase that Pulumi encrypts with; empty: there is none.
func passphrase(env Env) (string, error) {
	var phrase, file string
	for _, entry := range env.Environ {
		if v, ok := strings.CutPrefix(entry, "PULUMI_CONFIG_PASSPHRASE="); ok {
			phrase = v
		}
		if v, ok := strings.CutPrefix(entry, "PULUMI_CONFIG_PASSPHRASE_FILE="); ok {
			file = v
		}
	}
	if phrase != "" || file == "" {
		return phrase, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// setSecrets has Pulumi encrypt a stack's secrets by the service that is named. Values go through the standard input: arguments
// can be seen by everybody on the machine.
func setSecrets(ctx context.Context, env Env, g *global, stack string, values map[string]string, provider string) error {
	path, err := env.FindCLI(ctx, g.cli)
	if err != nil {
		return err
	}
	command := &cli.Command{Path: path, Env: env.Environ, Kill: env.Kill}
	run := func(stdin string, args ...string) error {
		_, said, _, err := command.Run(ctx, g.root, strings.NewReader(stdin), nil, nil, nil, args...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(said))
		}
		return nil
	}
	if err := run("", "stack", "init", stack, "--no-select", "--secrets-provider", provider); err != nil {
		return fmt.Errorf("create stack %s: %w\nits file is complete but for its secrets", stack, err)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if values[name] == "" {
			continue
		}
		if err := run(values[name], "config", "set", "--stack", stack, "--secret", "berth:"+name); err != nil {
			return fmt.Errorf("set the secret %s of stack %s: %w\nset it with `pulumi config set --stack %s --secret berth:%s`", name, stack, err, stack, name)
		}
	}
	return nil
}
