package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

// releaseArchive is the release's file that machines run, and manifest what is signed.
const (
	releaseArchive = "taskflow-linux-amd64.tar.gz"
	manifest       = "manifest.json"
	signature      = ".minisig"
)

type bundleOptions struct {
	stack, release, packages, key, passwordFile, out string
	fetchScript                                      bool
}

func newBundle(env Env, g *global) *cobra.Command {
	var o bundleOptions
	cmd := &cobra.Command{
		Use:   "bundle [flags] <stack>",
		Short: "Make the archive that a client's administrator runs on the client's own machine",
		Long: `Bundle packs all that an on-premises client's machine is to be into one file: a
shell script that can be read, with the signed release and, when --packages names
a folder of them, Debian's packages, so that the machine needs no network. It is
signed as minisign does; beside it lie the signature (.minisig) and a text for
the administrator (.txt). On the machine the file explains itself, checks itself,
shows what it would change, applies it, and says what is the client's duty.

The release is checked first: signed by the key of the client's file, and of the
version and checksum that it names. No secret is in the file: the machine asks
for those that it cannot make for itself.

Where the machine has no network: ` + "`berth bundle <stack> --fetch-script > fetch.sh`" + `,
then ` + "`bash fetch.sh debs`" + ` on any Debian 12 that has one, then --packages debs.`,
		Example: "  berth bundle initech --release bin/release/1.2.0 --key release.key\n" +
			"  berth bundle initech --release bin/release/1.2.0 --key release.key --packages debs --out initech.run\n" +
			"  berth bundle initech --fetch-script > fetch.sh",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runBundle(cmd.Context(), env, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.release, "release", "", "`folder` of the signed release of TaskFlow")
	flags.StringVar(&o.key, "key", "", "sign with the minisign secret key in `file`")
	flags.StringVar(&o.passwordFile, "password-file", "", "`file` with the key's password, if it has one")
	flags.StringVar(&o.packages, "packages", "", "`folder` of Debian packages to pack; none: the machine gets them itself")
	flags.StringVar(&o.out, "out", "", "write the archive to `file` (default <client>-<version>.run)")
	flags.BoolVar(&o.fetchScript, "fetch-script", false, "print the script that fetches the packages, and make nothing")
	return cmd
}

// bundled is the answer of bundle.
type bundled struct {
	Archive   string `json:"archive"`
	Signature string `json:"signature"`
	Readme    string `json:"readme"`
	Client    string `json:"client"`
	Version   string `json:"version"`
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"`
	PublicKey string `json:"publicKey"`
	Offline   bool   `json:"offline"` // the packages are in it
}

func runBundle(_ context.Context, env Env, g *global, o bundleOptions) error {
	read, err := readSpec(env, g, o.stack)
	if err != nil {
		return err
	}
	if read.OnPremises == nil {
		return usage("stack %s is no client on its own premises: its machines are reached by `berth up`", o.stack)
	}
	a, err := env.Offline(read.OnPremises)
	if err != nil {
		return err
	}
	if o.fetchScript {
		_, err := fmt.Fprint(env.Out, bundle.FetchPackages(a.Bundles))
		return err
	}
	if o.release == "" || o.key == "" {
		return usage("name the release's folder with --release and the key to sign with with --key")
	}
	key, err := minisignKey(o.key, o.passwordFile)
	if err != nil {
		return err
	}
	if a.Release, err = readRelease(o.release, read.OnPremises.Release); err != nil {
		return fmt.Errorf("the release in %s is not the one of stack %s: %w", o.release, o.stack, err)
	}
	if o.packages != "" {
		a.Packages = os.DirFS(o.packages)
	}
	var archive bytes.Buffer
	if err := bundle.Offline(&archive, a); err != nil {
		return err
	}
	if o.out == "" {
		o.out = a.Client + "-" + a.Version + ".run"
	}
	comment := fmt.Sprintf("%s, TaskFlow %s, file %s", a.Client, a.Version, filepath.Base(o.out))
	signer := minisign.NewReader(bytes.NewReader(archive.Bytes())) // hashes first: the file may be larger than minisign takes otherwise
	if _, err := io.Copy(io.Discard, signer); err != nil {
		return fmt.Errorf("sign %s: %w", o.out, err)
	}
	sum := sha256.Sum256(archive.Bytes())
	made := bundled{
		Archive: o.out, Signature: o.out + signature, Readme: o.out + ".txt", Client: a.Client, Version: a.Version, Size: archive.Len(),
		SHA256: hex.EncodeToString(sum[:]), PublicKey: key.Public().(minisign.PublicKey).String(), Offline: a.Packages != nil,
	}
	// The signature comes last: what has one is whole.
	if err := os.Remove(made.Signature); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the signature of an older archive: %w", err)
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{made.Archive, archive.Bytes()}, {made.Readme, []byte(a.Readme())}, {made.Signature, signer.SignWithComments(key, comment, "signature of "+filepath.Base(o.out))}} {
		if err := replaceFile(file.name, file.text); err != nil {
			return err
		}
	}
	if g.output == "json" {
		return printJSON(env, made)
	}
	_, err = fmt.Fprintf(env.Out, `%s is %.1f MB, SHA-256 %s.
Send it with %s and %s.
The client checks it with the public key, which you give by another way than this file:

    minisign -V -P %s -m %s
`, made.Archive, float64(made.Size)/1e6, made.SHA256, made.Signature, made.Readme, made.PublicKey, filepath.Base(made.Archive))
	return err
}

// minisignKey reads a secret key of minisign's.
func minisignKey(file, passwordFile string) (minisign.PrivateKey, error) {
	var key minisign.PrivateKey
	text, err := os.ReadFile(file)
	if err != nil {
		return key, fmt.Errorf("read the key: %w", err)
	}
	if !minisign.IsEncrypted(text) {
		if err := key.UnmarshalText(text); err != nil {
			return key, fmt.Errorf("read the key %s: %w; minisign -G makes one", file, err)
		}
		return key, nil
	}
	if passwordFile == "" {
		return key, usage("the key %s has a password: name the file that holds it with --password-file", file)
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return key, fmt.Errorf("read the key's password: %w", err)
	}
	if key, err = minisign.DecryptKey(strings.TrimRight(string(password), "\r\n"), text); err != nil {
		return key, fmt.Errorf("open the key %s: %w", file, err)
	}
	return key, nil
}

// readRelease takes a release's files, if they are what the client's file names: machines would refuse others only after the file was
// carried to them.
func readRelease(folder string, want spec.MachineRelease) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{releaseArchive, manifest, manifest + signature} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, fmt.Errorf("read the release: %w", err)
		}
		files[name] = text
	}
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(want.Source.PublicKey)); err != nil {
		return nil, fmt.Errorf("release.source.publicKey: %w", err)
	}
	if !minisign.Verify(key, files[manifest], files[manifest+signature]) {
		return nil, errors.New("its manifest is not signed by release.source.publicKey of the client's file")
	}
	var said struct {
		Version     string `json:"version"`
		Development bool   `json:"development"`
		Files       []struct {
			Name   string `json:"name"`
			SHA256 string `json:"sha256"`
		} `json:"files"`
	}
	if err := json.Unmarshal(files[manifest], &said); err != nil {
		return nil, fmt.Errorf("read its manifest: %w", err)
	}
	sum := sha256.Sum256(files[releaseArchive])
	found := hex.EncodeToString(sum[:])
	var problems []error
	if said.Version != want.Version {
		problems = append(problems, fmt.Errorf("its version is %s, and release.version of the client's file is %s", said.Version, want.Version))
	}
	if said.Development {
		problems = append(problems, errors.New("it is a development build"))
	}
	if found != want.SHA256 {
		problems = append(problems, fmt.Errorf("%s has the checksum %s, and release.sha256 of the client's file is %s", releaseArchive, found, want.SHA256))
	}
	named := false
	for _, f := range said.Files {
		named = named || f.Name == releaseArchive && f.SHA256 == found
	}
	if !named {
		problems = append(problems, fmt.Errorf("its manifest names no %s with the checksum %s", releaseArchive, found))
	}
	return files, errors.Join(problems...)
}
