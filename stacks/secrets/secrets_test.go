package secrets_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type noMocks struct{ pulumi.MockResourceMonitor }

// inStack runs f in a program whose configuration has one secret and one value in plain text.
func inStack(t *testing.T, f func(ctx *pulumi.Context) error) error {
	t.Helper()
	return pulumi.RunErr(f, pulumi.WithMocks("berth", "test", noMocks{}), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"berth:mail-password": "hunter2", "berth:sms-token": "hunter3"}
		info.ConfigSecretKeys = []string{"berth:mail-password"}
	})
}

func TestEveryMissingSecretIsNamedAtOnce(t *testing.T) {
	err := inStack(t, func(ctx *pulumi.Context) error {
		_, err := secrets.Configured(ctx).Get([]string{"slack-webhook", "sms-token", "mail-password", "backup-passphrase", "slack-webhook"})
		return err
	})
	const want = "the secret berth:backup-passphrase is not set: `pulumi config set --secret berth:backup-passphrase`\n" +
		"the secret berth:slack-webhook is not set: `pulumi config set --secret berth:slack-webhook`\n" +
		"berth:sms-token stands in plain text: make another one, and `pulumi config set --secret berth:sms-token`"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want\n%s", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "hunter") {
		t.Errorf("the error repeats a secret: %v", err)
	}
}

func TestSecretsAreSecrets(t *testing.T) {
	err := inStack(t, func(ctx *pulumi.Context) error {
		values, err := secrets.Configured(ctx).Get([]string{"mail-password"})
		if err != nil {
			return err
		}
		stand, err := secrets.Invented().Get([]string{"mail-password"})
		if err != nil {
			return err
		}
		for _, v := range []pulumi.StringInput{values["mail-password"], stand["mail-password"], secrets.Configured(ctx).Optional("mail-password")} {
			if !pulumi.IsSecret(v.ToStringOutput()) {
				t.Errorf("%v is no secret", v)
			}
		}
		if v := secrets.Configured(ctx).Optional("ssh-private-key"); v != nil {
			t.Errorf("an optional secret that is not set = %v, want none", v)
		}
		if got := secrets.Of(values, []string{"mail-password", "sms-token"}); len(got) != 1 {
			t.Errorf("%d secrets, want the one that is known", len(got))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
