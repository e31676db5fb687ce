// Command taskflow-release builds releases of TaskFlow, and checks them. `make release` runs it.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aead.dev/minisign"
	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use: "taskflow-release", Short: "Build releases of TaskFlow, and check them", SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(build(), verify(), keygen())
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "taskflow-release: "+err.Error())
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func build() *cobra.Command {
	o := release.Options{Go: goCommand}
	var keyFile, passwordFile string
	c := &cobra.Command{
		Use: "build", Short: "Build a release into a folder that does not exist yet", Args: cobra.NoArgs,
		Long: `Build a release: archives of the static program for linux amd64 and arm64, SBOMs, checksums, and a manifest. With a key the manifest is
signed. Without one the result is a development build, which says so and which verify refuses.`,
		Example: "  taskflow-release build --version 1.2.0 --out bin/release/1.2.0 --key /run/secrets/taskflow.key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if err := commit(ctx, &o); err != nil {
				return err
			}
			if keyFile != "" {
				key, err := privateKey(keyFile, passwordFile)
				if err != nil {
					return err
				}
				o.Key = &key
			}
			was := o.Commit
			m, err := release.Build(ctx, o)
			if err != nil {
				return err
			}
			if err = commit(ctx, &o); err == nil && o.Commit != was {
				err = errors.New("the source changed while it was built: build it again")
			}
			if err != nil {
				return errors.Join(err, os.RemoveAll(o.Out))
			}
			show(os.Stdout, m)
			if m.Development {
				_, _ = fmt.Fprintln(os.Stderr, "\n*** NOT SIGNED: a development build. No machine should install it, and `verify` refuses it.\n*** Name a key: make release RELEASE_KEY=<file>, or --key <file>. See docs/taskflow-release.md.")
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.Source, "source", ".", "folder of the module app")
	f.StringVar(&o.Out, "out", "", "the release's folder (required)")
	f.StringVar(&o.Version, "version", "", "the release's version (required)")
	f.StringSliceVar(&o.Arches, "arch", release.Arches(), "architectures")
	f.StringVar(&keyFile, "key", os.Getenv("RELEASE_KEY"), "file of minisign's secret key; RELEASE_KEY")
	f.StringVar(&passwordFile, "password-file", os.Getenv("RELEASE_KEY_PASSWORD_FILE"), "file of the key's password, if it has one; RELEASE_KEY_PASSWORD_FILE")
	_ = c.MarkFlagRequired("out")
	_ = c.MarkFlagRequired("version")
	return c
}

func verify() *cobra.Command {
	var keyFile string
	var unsigned bool
	c := &cobra.Command{
		Use: "verify DIR", Short: "Check a release: signature, every file, archives and SBOMs", Args: cobra.ExactArgs(1),
		Example: "  taskflow-release verify bin/release/1.2.0 --key taskflow.pub",
		RunE: func(_ *cobra.Command, args []string) error {
			var key *minisign.PublicKey
			switch {
			case keyFile != "" && !unsigned:
				k, err := minisign.PublicKeyFromFile(keyFile)
				if err != nil {
					return fmt.Errorf("read the public key: %w", err)
				}
				key = &k
			case keyFile != "" || !unsigned:
				return errors.New("name the public key with --key, or say --unsigned to check a development build")
			}
			m, err := release.Verify(args[0], key)
			if err != nil {
				return err
			}
			show(os.Stdout, m)
			if key == nil {
				_, _ = fmt.Fprintln(os.Stderr, "\n*** NOT SIGNED: the files agree with each other, and nobody vouches for them.")
			}
			return nil
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "file of minisign's public key")
	c.Flags().BoolVar(&unsigned, "unsigned", false, "check a development build, which nobody signed")
	return c
}

func keygen() *cobra.Command {
	var file, passwordFile string
	c := &cobra.Command{
		Use: "keygen", Short: "Make a key to sign releases with; the public one goes beside it as .pub", Args: cobra.NoArgs,
		Long:    `Make a key as minisign has it; minisign's own keys are as good. It is encrypted with the password in --password-file; without one it is not.`,
		Example: "  taskflow-release keygen --key taskflow.key --password-file password",
		RunE: func(*cobra.Command, []string) error {
			public, private, err := minisign.GenerateKey(rand.Reader)
			if err != nil {
				return fmt.Errorf("make a key: %w", err)
			}
			var secret []byte
			if passwordFile != "" {
				password, err := password(passwordFile)
				if err != nil {
					return err
				}
				if secret, err = minisign.EncryptKey(password, private); err != nil {
					return fmt.Errorf("encrypt the key: %w", err)
				}
			} else if secret, err = private.MarshalText(); err != nil {
				return fmt.Errorf("write the key: %w", err)
			}
			open, err := public.MarshalText()
			if err != nil {
				return fmt.Errorf("write the public key: %w", err)
			}
			if err := create(file, secret, 0o600); err != nil {
				return err
			}
			if err := create(file+".pub", append(open, '\n'), 0o644); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(os.Stdout, "%s and %s.pub: key %s\n", file, file, public)
			return nil
		},
	}
	c.Flags().StringVar(&file, "key", "", "file of the secret key (required); it must not exist yet")
	c.Flags().StringVar(&passwordFile, "password-file", "", "file of the password to encrypt it with")
	_ = c.MarkFlagRequired("key")
	return c
}

// create writes a file that was not there.
func create(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

func password(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the key's password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func privateKey(file, passwordFile string) (minisign.PrivateKey, error) {
	var key minisign.PrivateKey
	text, err := os.ReadFile(file)
	if err != nil {
		return key, fmt.Errorf("read the key: %w", err)
	}
	if !minisign.IsEncrypted(text) {
		if err := key.UnmarshalText(text); err != nil {
			return key, fmt.Errorf("read the key: %w", err)
		}
		return key, nil
	}
	if passwordFile == "" {
		return key, errors.New("the key is encrypted: name the file of its password with --password-file")
	}
	secret, err := password(passwordFile)
	if err != nil {
		return key, err
	}
	if key, err = minisign.DecryptKey(secret, text); err != nil {
		return key, fmt.Errorf("decrypt the key: %w", err)
	}
	return key, nil
}

// commit finds out what is built: the commit of the source, and whether it was changed since.
func commit(ctx context.Context, o *release.Options) error {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", o.Source}, args...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	head, err := git("rev-parse", "HEAD")
	if err != nil {
		return err
	}
	at, err := git("show", "-s", "--format=%ct", "HEAD")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("time of the commit: %w", err)
	}
	changed, err := git("status", "--porcelain", "--", ".")
	if err != nil {
		return err
	}
	o.Commit, o.Time = head, time.Unix(seconds, 0)
	if changed != "" {
		o.Commit += "-dirty"
	}
	return nil
}

func goCommand(ctx context.Context, folder string, variables []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), variables...) // of two of a name the last counts
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", args[0], err)
	}
	return nil
}

func show(w io.Writer, m release.Manifest) {
	_, _ = fmt.Fprintf(w, "TaskFlow %s of commit %s, built with %s, migrations up to %s\n", m.Version, m.Commit, m.Go, m.Migrations)
	for _, f := range m.Files {
		_, _ = fmt.Fprintf(w, "  %s  %6.1f MB  %s\n", f.SHA256, float64(f.Size)/1e6, filepath.Base(f.Name))
	}
}
