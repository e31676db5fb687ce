package command

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/fleet/retire"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/spf13/cobra"
)

// certify writes the certificate of deletion, its page, its signature and the public key. The signature comes last: a folder that
// has one is whole.
func (r *retirement) certify() (string, error) {
	key, _, err := signingKey(r.env, r.g, r.key)
	if err != nil {
		return "", err
	}
	public := key.Public().(ed25519.PublicKey)
	certificate, err := r.record.Certificate(string(evidence.FingerprintOf(public)), r.env.Now())
	if err != nil {
		return "", err
	}
	text, err := certificate.Encode()
	if err != nil {
		return "", err
	}
	page, err := certificate.HTML()
	if err != nil {
		return "", err
	}
	signature, err := evidence.Sign(text, key)
	if err != nil {
		return "", err
	}
	shared, err := evidence.EncodePublicKey(public)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(r.folder(), 0o755); err != nil {
		return "", fmt.Errorf("make the folder of the certificate: %w", err)
	}
	path := filepath.Join(r.folder(), "certificate.json")
	for _, file := range []evidenceFile{{name: "certificate.json", text: text}, {name: "certificate.html", text: page}, {name: "certificate.pub", text: shared},
		{name: "certificate.json" + evidence.Extension, text: signature}} {
		if err := replaceFile(filepath.Join(r.folder(), file.name), file.text); err != nil {
			return "", err
		}
	}
	return path, nil
}

func newClientCertificate(env Env, g *global) *cobra.Command {
	var publicKey string
	cmd := &cobra.Command{
		Use:   "certificate [flags] <certificate.json>",
		Short: "Check a certificate of deletion",
		Long: `Certificate checks the signature over the bytes of a certificate of deletion and says
what it certifies. A file that was changed, by a single byte, fails with exit code 1.

Take the public key from whoever signed, not from beside the certificate.`,
		Example: "  berth client certificate .berth/retire/acme-20261231T090000Z/certificate.json --public-key northwind.pub",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs the path of one certificate.json", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runClientCertificate(env, g, args[0], publicKey)
		},
	}
	cmd.Flags().StringVar(&publicKey, "public-key", "", "public key in `file` (default .berth/evidence.pub)")
	return cmd
}

func runClientCertificate(env Env, g *global, file, publicKey string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	signature, err := os.ReadFile(file + evidence.Extension)
	if err != nil {
		return fmt.Errorf("read the signature beside it: %w", err)
	}
	if publicKey == "" {
		_, publicKey = ownKey(g)
	}
	key, err := evidence.LoadPublicKey(publicKey)
	if err != nil {
		return fmt.Errorf("%w\nname the signer's public key with --public-key", err)
	}
	if err := evidence.Verify(text, signature, key); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var c retire.Certificate
	if err := json.Unmarshal(text, &c); err != nil || c.Format != retire.CertificateFormat {
		return fmt.Errorf("%s is signed by this key, and is no certificate of deletion of the form %s", file, retire.CertificateFormat)
	}
	if g.output == "json" {
		return printJSON(env, c)
	}
	_, err = fmt.Fprintf(env.Out, "%s is what the key %s signed.\n%s\n", file, evidence.FingerprintOf(key).Short(), c.Statement)
	return err
}
