package spec

import (
	"strings"
	"testing"
)

// inFile is a spec as it stands in Pulumi.<stack>.yaml, below other keys.
func inFile(spec string, others ...string) string {
	return "config:\n" + strings.Join(append(others, ""), "\n") + "  berth:spec:\n    " + strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n    ") + "\n"
}

func TestDecodeFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"line of a value": {
			inFile(strings.Replace(validClient, "  engine: postgresql", "  engine: postgresql\n  pointInTimeDays: 3", 1)),
			"Pulumi.prod.yaml:31: berth:spec.database.pointInTimeDays: 3: at least 7 in production (BK-4): set it to 7 or more, or leave it out",
		},
		"line of what a missing key belongs to": {
			inFile(strings.Replace(validClient, "  zone: taskflow.example\n", "", 1)),
			"Pulumi.prod.yaml:24: berth:spec.edge.zone: missing: a domain name: add it, such as zone: taskflow.example",
		},
		"both lines of a key written twice": {
			inFile(validClient + "tier: dedicated\n"),
			"Pulumi.prod.yaml:18: berth:spec.tier: written twice: each key once: remove one of them (the second is in line 35)",
		},
		"lines of waivers": {
			inFile(strings.Replace(validClient, "alerts:\n", waivers(waived("expires", "2026-11-20"), waived()), 1)),
			"Pulumi.prod.yaml:36: berth:spec.waivers[0].expires: 2026-11-20: a date that is not past: mend the deviation of database-instance from AV-3 and remove the waiver, or renew it with a new date and a new reason\n" +
				"Pulumi.prod.yaml:37: berth:spec.waivers[1]: AV-3 for database-instance: one waiver for each promise and resource: correct or remove it: berth:spec.waivers[0] is for the same",
		},
		"secrets in plain text under other keys": {
			inFile(validClient, "  berth:cloudflareApiToken: hunter2", "  berth:slackUrl: https://hooks.slack.com/services/T0123ABCD/B0123/abcdef", "  aws:secretKey: hunter3", "  berth:databasePassword:\n    secure: v1:abcdefgh:c2VjcmV0"),
			"Pulumi.prod.yaml:4: aws:secretKey: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret aws:secretKey`\n" +
				"Pulumi.prod.yaml:2: berth:cloudflareApiToken: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret berth:cloudflareApiToken`\n" +
				"Pulumi.prod.yaml:3: berth:slackUrl: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret berth:slackUrl`",
		},
		"spec written twice": {
			"config:\n  berth:spec: {kind: awsclient}\n  berth:spec: {kind: organisation}\n",
			"Pulumi.prod.yaml:3: berth:spec: written twice: each key once: remove one of them",
		},
		"secrets in lists and mappings": {
			inFile(validClient, "  berth:keys: [AKIAIOSFODNN7EXAMPLE]", "  berth:tokens: {a: hunter2, b: {secure: v1:abcdefgh:c2VjcmV0}}", "  berth:databases:\n    password: hunter2"),
			"Pulumi.prod.yaml:5: berth:databases.password: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret berth:databases`\n" +
				"Pulumi.prod.yaml:2: berth:keys[0]: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret berth:keys`\n" +
				"Pulumi.prod.yaml:3: berth:tokens.a: (hidden: it looks like a secret): secrets only in encrypted form: revoke it if it is a real one, and set it anew with `pulumi config set --secret berth:tokens`",
		},
		"no config": {
			"confg:\n  berth:spec: {}\n",
			"Pulumi.prod.yaml: config: missing: a mapping with the key berth:spec: write config:, below it berth:spec: and below that the stack's description",
		},
		"no spec": {
			"config:\n  aws:region: eu-west-2\n",
			"Pulumi.prod.yaml:1: berth:spec: missing: the stack's description: write config:, below it berth:spec: and below that the stack's description",
		},
		"misspelt spec": {
			"config:\n  berth:specs:\n    kind: awsclient\n",
			"Pulumi.prod.yaml:1: berth:spec: missing: the stack's description: rename berth:specs to berth:spec",
		},
		"spec as text": {
			"config:\n  berth:spec: '{\"kind\": \"awsclient\"}'\n",
			`Pulumi.prod.yaml:2: berth:spec: "{\"kind\": \"awsclient\"}": a mapping with the key kind and what belongs to that kind: write kind: awsclient and the rest below it, indented`,
		},
		"whole spec encrypted": {
			"config:\n  berth:spec:\n    secure: v1:abcdefgh:c2VjcmV0\n",
			"Pulumi.prod.yaml:2: berth:spec: an encrypted value: no secret in berth:spec: keep secrets under keys of their own: `pulumi config set --secret berth:name`",
		},
		"broken syntax": {
			"config:\n  berth:spec:\n    kind: [awsclient\n",
			"Pulumi.prod.yaml:3: config: unreadable: YAML or JSON: correct the syntax: sequence end token ']' not found",
		},
		"tab as indentation": {
			"config:\n\tberth:spec: {}\n",
			"Pulumi.prod.yaml:2: config: unreadable: YAML or JSON: correct the syntax: found character '\\t' that cannot start any token",
		},
		"two documents": {
			"config: {}\n---\nconfig: {}\n",
			"Pulumi.prod.yaml: config: unreadable: one YAML document: remove the lines of three hyphens and what belongs to other documents",
		},
		"empty file": {
			"",
			"Pulumi.prod.yaml: config: missing: a mapping with the key berth:spec: write config:, below it berth:spec: and below that the stack's description",
		},
		"tag": {
			"config:\n  berth:spec:\n    kind: !!str awsclient\n",
			"Pulumi.prod.yaml:3: config: unreadable: YAML without tags: remove the tag that begins with an exclamation mark, and put text in quotes",
		},
		"merge key": {
			"config:\n  berth:spec:\n    <<: {kind: awsclient}\n",
			"Pulumi.prod.yaml:3: config: unreadable: YAML without merge keys: write the keys out instead of <<",
		},
		"alias without an anchor": {
			"config:\n  berth:spec:\n    kind: *kind\n",
			"Pulumi.prod.yaml:3: config: unreadable: an anchor that stands further up: write the value out instead of the alias kind",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeFile("Pulumi.prod.yaml", []byte(c.text), Options{Now: now})
			if err == nil {
				t.Fatal("the file is accepted")
			}
			if err.Error() != c.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, c.want)
			}
		})
	}
}

func TestDecodeFileTakesOtherKeys(t *testing.T) {
	text := "encryptionsalt: v1:c2FsdA==\n" + inFile(validClient, "  berth:databasePassword:\n    secure: v1:abcdefgh:c2VjcmV0", "  aws:region: eu-west-2")
	if _, err := DecodeFile("Pulumi.prod.yaml", []byte(text), Options{Now: now}); err != nil {
		t.Error(err)
	}
}

func TestHostileText(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 8) + "*" + string(c-1) + "]\n"
	}
	const size = "berth:spec: unreadable: at most 5000 values, nested at most 24 deep: write the values out plainly, without anchors and aliases"
	for name, c := range map[string]struct{ text, want string }{
		"alias bomb":          {bomb, size},
		"alias inside itself": {"a: &a [*a]\n", size},
		"deep brackets":       {strings.Repeat("[", 60_000), size},
		"deep braces":         {strings.Repeat("{a: ", 10_000), size},
		"deep lists":          {strings.Repeat("- ", 30_000) + "a", size},
		"deep JSON":           {`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", size},
		"wide":                {strings.Repeat("- a\n", 6000), size},
		"long":                {strings.Repeat("# a\n", 20_000), "berth:spec: unreadable: at most 64 KiB: describe one stack only"},
		"binary":              {"kind: \xff\xfe", "berth:spec: unreadable: text in UTF-8: save the file in UTF-8"},
		"NUL":                 {"kind: a\x00b", "berth:spec: unreadable: text without NUL characters: save the file in UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(c.text), Options{Now: now})
			if err == nil || err.Error() != c.want {
				t.Errorf("got:  %.300v\nwant: %s", err, c.want)
			}
		})
	}
}

// Whatever key a secret is written to, no message repeats it.
func TestSecretsAreNeverEchoed(t *testing.T) {
	secrets := []string{
		"AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
		"xoxb-123456789012-abcdefghijkl", "https://hooks.slack.com/services/T0123ABCD/B0123/abcdef", "postgres://admin:hunter2@db.example/acme",
		"pul-0123456789abcdef0123456789abcdef01234567", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
	}
	for _, base := range validBases {
		for line := range strings.Lines(base) {
			key, _, found := strings.Cut(line, ":")
			if !found || strings.Contains(key, "{") {
				continue
			}
			for _, secret := range secrets {
				for _, edited := range []string{key + ": \"" + secret + "\"\n", "\"" + secret + "\": x\n" + line, key + ": {a: \"" + secret + "\"}\n", key + ": [\"" + secret + "\"]\n"} {
					_, err := Decode([]byte(strings.Replace(base, line, edited, 1)), Options{Now: now})
					if err == nil {
						t.Errorf("%q is accepted", edited)
					} else if strings.Contains(err.Error(), secret) {
						t.Errorf("%q is echoed: %v", edited, err)
					}
				}
			}
		}
	}
}
