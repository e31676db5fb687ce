package engine

import (
	"slices"
	"strings"
	"testing"
)

const real = `# a comment
secretsprovider: awskms://key
encryptedkey: AAA
config:
  berth:plain: "0123"
  berth:spec:
    account: "000111222333"
    until: 2027-06-30
    nested:
      list:
        - secure: v1:one
        - open
  berth:token:
    secure: v1:two
`

func TestLocalConfig(t *testing.T) {
	text, secrets, err := localConfig([]byte(real), nil, []Edit{{Key: "berth:spec", Path: []string{"leaving"}, Value: map[string]string{"confirm": "acme"}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"berth:spec.nested.list[0]", "berth:token"}; !slices.Equal(secrets, want) {
		t.Errorf("secrets = %q, want %q", secrets, want)
	}
	got := string(text)
	for _, want := range []string{`account: "000111222333"`, "until: 2027-06-30\n", `berth:plain: "0123"`, "confirm: acme"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	for _, gone := range []string{"awskms", "AAA", "v1:"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q is still in\n%s", gone, got)
		}
	}
}

func TestLocalConfigKeepsStandIns(t *testing.T) {
	previous := "encryptionsalt: v1:salt\nconfig:\n  berth:token:\n    secure: v1:local\n"
	text, secrets, err := localConfig([]byte(real), []byte(previous), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(secrets, []string{"berth:spec.nested.list[0]"}) || !strings.Contains(string(text), "v1:local") || !strings.Contains(string(text), "encryptionsalt: v1:salt") {
		t.Errorf("secrets = %q\n%s", secrets, text)
	}
	// Without its salt a stand-in cannot be read any more.
	_, secrets, err = localConfig([]byte(real), []byte(strings.Replace(previous, "encryptionsalt: v1:salt\n", "", 1)), nil)
	if err != nil || len(secrets) != 2 {
		t.Errorf("secrets = %q, %v; want both anew", secrets, err)
	}
}

func TestLocalConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"- a\n":        "it is not a mapping",
		"config: [\n":  "read the stack's file",
		"config: {}\n": `no mapping "berth:spec"`,
	} {
		if _, _, err := localConfig([]byte(text), nil, []Edit{{Key: "berth:spec", Path: []string{"x"}, Value: 1}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want %q", text, err, want)
		}
	}
}

func TestLocalEnvironmentDeniesByDefault(t *testing.T) {
	got := localEnvironment([]string{"PATH=/bin", "AWS_PROFILE=real", "CLOUDFLARE_API_TOKEN=x", "PULUMI_ACCESS_TOKEN=y", "NEW_CLOUD_KEY=z", "HOME=/root"})
	if !slices.Equal(got, []string{"PATH=/bin", "HOME=/root"}) {
		t.Errorf("environment = %q", got)
	}
}
