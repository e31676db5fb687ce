package configuration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/configuration"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var production = scope.Scope{
	Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
}

func valid() configuration.Args {
	return configuration.Args{
		Scope:         production,
		SecretsKeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/secrets"),
		Values: map[string]pulumi.StringInput{
			"hostname":      pulumi.String("acme.taskflow.example"),
			"database-host": pulumi.String("acme.db.example"),
			"cache-host":    pulumi.String("acme.cache.example"),
		},
	}
}

func program(args configuration.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := configuration.New(ctx, "configuration", args)
		return err
	}
}

func TestNew(t *testing.T) {
	leaving := valid()
	leaving.Scope.Protect = false
	t.Run("protected", func(t *testing.T) { graphtest.Golden(t, "", program(valid())) })
	t.Run("unprotected", func(t *testing.T) { graphtest.Golden(t, "", program(leaving)) })
	t.Run("value_of_another_resource", func(t *testing.T) {
		graphtest.Golden(t, "", func(ctx *pulumi.Context) error {
			topic, err := sns.NewTopic(ctx, "alarms", &sns.TopicArgs{})
			if err != nil {
				return err
			}
			args := valid()
			args.Values["topic"] = topic.Arn
			return program(args)(ctx)
		})
	})
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	graphtest.Golden(t, `configuration "configuration": no key for the secret: pass the ARN of the secrets key
key "Database_Host": use lower-case words joined by hyphens, such as database-host
key "port" has no value: give it one or leave it out`, program(configuration.Args{
		Scope: production, Values: map[string]pulumi.StringInput{"Database_Host": pulumi.String("x"), "port": nil},
	}))
	graphtest.Golden(t, "no values are given: the service would start with nothing", program(configuration.Args{Scope: production}))
}

func TestSecret(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(valid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("DP-4 the secret has the secrets key and is kept", func(t *testing.T) {
		secret := graphtest.Find(t, resources, "aws:secretsmanager/secret:Secret", "configuration-secret")
		if secret.Inputs["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/secrets" ||
			secret.Inputs["recoveryWindowInDays"] != 30.0 || secret.Options["protect"] != true {
			t.Errorf("secret = %v %v", secret.Inputs, secret.Options)
		}
	})
	t.Run("DP-4 its value is secret and made once", func(t *testing.T) {
		version := graphtest.Find(t, resources, "aws:secretsmanager/secretVersion:SecretVersion", "configuration-secret-version")
		value, secret := strings.CutPrefix(version.Inputs["secretString"].(string), "<secret> ")
		if !secret {
			t.Error("the value is plain text in Pulumi's state")
		}
		var keys map[string]string
		if err := json.Unmarshal([]byte(value), &keys); err != nil {
			t.Fatal(err)
		}
		if keys["session-key"] == "" || keys["application-key"] == "" || keys["backup-key"] == "" {
			t.Errorf("keys = %v", len(keys))
		}
		ignored, _ := version.Options["ignoreChanges"].([]string)
		if len(ignored) != 1 || ignored[0] != "secretString" {
			t.Errorf("ignoreChanges = %v: the next run would replace the keys", version.Options["ignoreChanges"])
		}
	})
	t.Run("DP-1 no other account reads it", func(t *testing.T) {
		policy := graphtest.Find(t, resources, "aws:secretsmanager/secretPolicy:SecretPolicy", "configuration-secret-policy").Inputs["policy"].(string)
		for _, want := range []string{`"aws:PrincipalAccount":"123456789012"`, `"aws:SecureTransport":"false"`} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy has no %s", want)
			}
		}
		if strings.Contains(policy, `"Allow"`) {
			t.Error("the policy allows something: roles do that")
		}
	})
	t.Run("DP-1 parameters lie under the client's own path", func(t *testing.T) {
		for _, key := range []string{"cache-host", "database-host", "hostname"} {
			p := graphtest.Find(t, resources, "aws:ssm/parameter:Parameter", "configuration-"+key)
			if p.Inputs["name"] != "/berth/acme/production/"+key || p.Inputs["type"] != "String" {
				t.Errorf("parameter = %v", p.Inputs)
			}
		}
	})
}

// read runs New and returns what it gives, with outputs known.
func read(t *testing.T, args configuration.Args) (digest string, c *configuration.Configuration) {
	t.Helper()
	found := make(chan string, 1)
	if _, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		var err error
		if c, err = configuration.New(ctx, "configuration", args); err != nil {
			return err
		}
		c.Digest.ApplyT(func(d string) string { found <- d; return d })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return <-found, c
}

func TestDigestFollowsEveryValue(t *testing.T) {
	before, c := read(t, valid())
	again, _ := read(t, valid())
	if before != again {
		t.Errorf("digest %s, then %s of the same values: machines would be replaced for nothing", before, again)
	}
	if got := strings.Join(c.Keys, " "); got != "cache-host database-host hostname" {
		t.Errorf("keys = %s", got)
	}
	changed := valid()
	changed.Values["cache-host"] = pulumi.String("other.cache.example")
	if after, _ := read(t, changed); after == before {
		t.Error("the digest stays when a value changes: machines would keep the old one")
	}
}

func TestNamesStayLegal(t *testing.T) {
	args := valid()
	args.Scope.Client, args.Scope.Environment = "a-client-of-24-character", "development"
	_, c := read(t, args)
	if c.ParameterPath != "/berth/a-client-of-24-character/development" || c.SecretName != "berth/a-client-of-24-character/development/service" {
		t.Errorf("path %s, secret %s", c.ParameterPath, c.SecretName)
	}
}
