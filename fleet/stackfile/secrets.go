package stackfile

import (
	"encoding/base64"
	"fmt"
	"io"
	"slices"

	"github.com/berth-iac/berth/spec"
)

// Secret is one that a stack needs in its configuration.
type Secret struct {
	Name string // below berth:
	What string // what it is, for whoever has to bring it
	// Size is how many random bytes make one; 0: it comes from elsewhere.
	Size int
}

// Made tells whether a random value will do.
func (s Secret) Made() bool { return s.Size > 0 }

// Make makes a value: random bytes in base64.
func (s Secret) Make(random io.Reader) (string, error) {
	value := make([]byte, s.Size)
	if _, err := io.ReadFull(random, value); err != nil {
		return "", fmt.Errorf("make the secret %s: %w", s.Name, err)
	}
	if s.Name == databasePassword { // it goes into addresses of databases, which take no slash
		return base64.RawURLEncoding.EncodeToString(value), nil
	}
	return base64.StdEncoding.EncodeToString(value), nil
}

const databasePassword = "database-password"

// Secrets are those that a stack of this description needs, by name.
func Secrets(s *spec.Spec) []Secret {
	var all []Secret
	add := func(secrets ...Secret) { all = append(all, secrets...) }
	watch := func(w spec.Watch) {
		if w.Mail.User != "" {
			add(Secret{Name: "mail-password", What: "the password of " + w.Mail.User + " at " + w.Mail.Host})
		}
		if w.SlackWebhook {
			add(Secret{Name: "slack-webhook", What: "the URL of the Slack channel's webhook"})
		}
		if w.SMSGateway != "" {
			add(Secret{Name: "sms-token", What: "the bearer token of " + w.SMSGateway})
		}
	}
	store := func(o *spec.ObjectStore) {
		if o != nil {
			add(Secret{Name: "backup-access-key", What: "the access key of the bucket " + o.Bucket},
				Secret{Name: "backup-secret-key", What: "the secret key of the bucket " + o.Bucket},
				Secret{Name: "backup-passphrase", What: "what encrypts backups before they leave the machine", Size: 48})
		}
	}
	instance := func(certificate string) {
		add(Secret{Name: "application-key", What: "what TaskFlow seals its secrets with", Size: 32},
			Secret{Name: "backup-key", What: "what logical backups are encrypted with", Size: 48},
			Secret{Name: "certificate", What: certificate + ", in PEM"},
			Secret{Name: "certificate-key", What: "the private key of that certificate, in PEM"})
	}
	const origin = "the certificate that Cloudflare issues for origins (SSL/TLS, Origin Server)"
	switch {
	case s == nil:
	case s.LightClient != nil:
		instance(origin)
		add(Secret{Name: databasePassword, What: "the password of the database's user", Size: 24})
		watch(s.LightClient.Watch)
	case s.SiteClient != nil:
		instance(origin)
	case s.OnPremises != nil && s.OnPremises.Machine != nil: // without, the client's administrator is asked at the machine
		instance("the client's certificate for " + s.OnPremises.Hostname)
		watch(s.OnPremises.Watch)
		store(s.OnPremises.Backup.ThirdPlace)
	case s.Sites != nil:
		watch(s.Sites.Watch)
		store(s.Sites.Backup.ThirdPlace)
	}
	slices.SortFunc(all, func(a, b Secret) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Fit says what is wrong with a value that was brought for a secret; empty: nothing that can be seen.
func (s Secret) Fit(value string) string {
	switch s.Name {
	case "application-key":
		if raw, err := base64.StdEncoding.DecodeString(value); err != nil || len(raw) != 32 {
			return "32 random bytes in base64: openssl rand -base64 32 makes them"
		}
	case "backup-key":
		if len(value) < 40 {
			return "40 random letters or more: openssl rand -base64 48 makes them"
		}
	}
	if value == "" {
		return "a value"
	}
	return ""
}
