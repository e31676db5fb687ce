package spec

import (
	"regexp"
	"strings"
)

// hidden stands in messages for what must not be repeated.
const hidden = "(hidden: it looks like a secret)"

// secretPattern knows secrets by their form, wherever they stand in a text.
var secretPattern = regexp.MustCompile(strings.Join([]string{
	`(AKIA|ASIA)[0-9A-Z]{16}`,                               // AWS access keys
	`-----BEGIN [A-Z ]*PRIVATE KEY-----`,                    // PEM
	`https://hooks\.slack\.com/[A-Za-z0-9/_-]+`,             // Slack webhooks
	`xox[abeoprs]-[A-Za-z0-9-]{8,}`,                         // Slack tokens
	`(ghp|gho|ghs|ghu|ghr)_[A-Za-z0-9]{20,}`,                // GitHub
	`github_pat_[A-Za-z0-9_]{20,}`,                          //
	`glpat-[A-Za-z0-9_-]{16,}`,                              // GitLab
	`CCIPAT_[A-Za-z0-9_]{16,}`,                              // CircleCI
	`pul-[0-9a-f]{40}`,                                      // Pulumi
	`(sk|rk)_(live|test)_[A-Za-z0-9]{16,}`,                  // Stripe
	`AIza[A-Za-z0-9_-]{35}`,                                 // Google
	`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.`,           // JSON web tokens
	`AGE-SECRET-KEY-1[A-Z0-9]{20,}`,                         // age
	`[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@`,              // addresses with a password
	`(dckr_pat|npm|hf|dop_v1|cfut|cfat)_[A-Za-z0-9_-]{20,}`, // further tokens by prefix
}, "|"))

// looksRandom is the form of an AWS secret key or a Cloudflare token: 40 characters without a prefix.
var looksRandom = regexp.MustCompile(`^[A-Za-z0-9/+_-]{40}$`)

// The shortest texts that secretPattern knows: of those with an address in them, and of all others.
const (
	shortestAddress = len("a://b:c@")
	shortestToken   = len("xoxb-01234567")
)

// looksSecret tells whether a text is, or holds, a secret by its form. It is asked of every key and value, most of which are too short
// to be one.
func looksSecret(text string) bool {
	if len(text) < shortestAddress || len(text) < shortestToken && !strings.Contains(text, "://") {
		return false
	}
	if secretPattern.MatchString(text) {
		return true
	}
	return looksRandom.MatchString(text) && strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") &&
		strings.ContainsAny(text, "abcdefghijklmnopqrstuvwxyz") && strings.ContainsAny(text, "0123456789")
}

// secretKey are names of keys that hold secrets, lower-case and without separators.
var secretKey = regexp.MustCompile(`passw(or)?d|passphrase|secret|token|apikey|accesskey|privatekey|credential|webhook`)

// separators may stand in the names of keys.
var separators = strings.NewReplacer("_", "", "-", "", ".", "")

// namesSecret tells whether a key is named as one that holds a secret.
func namesSecret(key string) bool {
	return secretKey.MatchString(separators.Replace(strings.ToLower(key)))
}

// findSecrets refuses what looks like a secret in a part of the spec, by its form or by its key's name.
func (r *report) findSecrets(n *node, path, key string) {
	secret := func(path string) {
		r.refuse(path, hidden, "no secret in "+root, "revoke it if it is a real one, remove it, and "+setSecret(key))
	}
	switch n.kind {
	case mapNode:
		if ciphertext(n) {
			r.refuse(path, "an encrypted value", "no secret in "+root, setSecret(key))
			return
		}
		for i, k := range n.keys {
			if looksSecret(k) {
				secret(path + "." + segment(k))
			}
			r.findSecrets(n.values[i], path+"."+segment(k), k)
		}
	case listNode:
		for i, v := range n.values {
			r.findSecrets(v, index(path, i), key)
		}
	case stringNode:
		if n.text != "" && (looksSecret(n.text) || namesSecret(key)) {
			secret(path)
		}
	}
}

// findPlainSecrets refuses secrets in plain text in the value of another of the
// file's keys; named tells whether one of the keys above is named as a secret.
func (r *report) findPlainSecrets(n *node, path, key string, named bool) {
	switch n.kind {
	case mapNode:
		for i, k := range n.keys {
			if !ciphertext(n) {
				r.findPlainSecrets(n.values[i], path+"."+segment(k), key, named || namesSecret(k))
			}
		}
	case listNode:
		for i, v := range n.values {
			r.findPlainSecrets(v, index(path, i), key, named)
		}
	case stringNode:
		// `pulumi config set` writes switches such as aws:skipCredentialsValidation as texts.
		if n.text != "" && n.text != "true" && n.text != "false" && (named || looksSecret(n.text)) {
			r.refuse(path, hidden, "secrets only in encrypted form",
				"revoke it if it is a real one, and set it anew with `pulumi config set --secret "+segment(key)+"`")
		}
	}
}

// ciphertext tells whether a mapping is what Pulumi writes for a secret.
func ciphertext(n *node) bool { return len(n.keys) == 1 && n.keys[0] == "secure" }

func setSecret(key string) string {
	if looksSecret(key) || !namesSecret(key) {
		key = "name"
	}
	return "keep secrets under keys of their own: `pulumi config set --secret berth:" + segment(key) + "`"
}
