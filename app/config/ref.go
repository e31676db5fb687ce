package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Ref says where a secret is, and is no secret itself:
//
//	file:/run/secrets/mail           what the file holds, without the line break at its end
//	file:/etc/taskflow/secrets.json#key   a key of a JSON object in it
//	env:NAME                         an environment variable
//	aws-sm:<arn or name>#key         a key of a secret in AWS Secrets Manager; without #key all of it
//	aws-ssm:/path/name               a parameter of AWS Systems Manager, decrypted
//	aws-rds-iam:user@host:port       a token to sign in to a database of RDS, made anew each time
//	aws-elasticache-iam:user@name    a token to sign in to a cache of ElastiCache
type Ref string

var refForms = map[string]*regexp.Regexp{
	"file":                regexp.MustCompile(`^/[^#\x00]+(#[^#]+)?$`),
	"env":                 regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`),
	"aws-sm":              regexp.MustCompile(`^[A-Za-z0-9/_+=.@:!-]+(#[^#]+)?$`),
	"aws-ssm":             regexp.MustCompile(`^/[A-Za-z0-9/_.-]+$`),
	"aws-rds-iam":         regexp.MustCompile(`^[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:[0-9]{1,5}$`),
	"aws-elasticache-iam": regexp.MustCompile(`^[A-Za-z0-9_-]+@[a-z0-9-]+$`),
}

const refExpected = expected("where the secret is and never the secret itself: file:/path, file:/path#key, env:NAME, aws-sm:arn#key or aws-ssm:/name")

// UnmarshalText reads it. What is no reference may be a secret that somebody wrote down, so it is repeated nowhere.
func (r *Ref) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = ""
		return nil
	}
	if !Ref(text).valid() {
		return refExpected
	}
	*r = Ref(text)
	return nil
}

func (r Ref) split() (scheme, rest string) {
	scheme, rest, _ = strings.Cut(string(r), ":")
	return scheme, rest
}

func (r Ref) valid() bool {
	scheme, rest := r.split()
	form := refForms[scheme]
	return form != nil && form.MatchString(rest)
}

// AWS finds what a reference to AWS points to. Package awssecrets has it.
type AWS interface {
	Secret(ctx context.Context, name string) (string, error)
	Parameter(ctx context.Context, name string) (string, error)
	DatabaseToken(ctx context.Context, user, endpoint string) (string, error)
	CacheToken(ctx context.Context, user, cache string) (string, error)
}

// Resolver finds secrets. It keeps none: what was rotated is seen the next time.
type Resolver struct {
	ReadFile  func(name string) ([]byte, error)
	LookupEnv func(name string) (string, bool)
	AWS       AWS // nil where there is none
}

// Resolve finds the secret that a reference points to. Its errors name the reference and never what was found.
func (r Resolver) Resolve(ctx context.Context, ref Ref) (string, error) {
	secret, err := r.resolve(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", shown(ref), err)
	}
	if secret == "" {
		return "", fmt.Errorf("secret %s: it is empty", shown(ref))
	}
	return secret, nil
}

// shown is a reference for an error; what is none may be a secret.
func shown(ref Ref) string {
	if !ref.valid() {
		return "(no reference)"
	}
	return string(ref)
}

func (r Resolver) resolve(ctx context.Context, ref Ref) (string, error) {
	if !ref.valid() {
		return "", refExpected
	}
	scheme, rest := ref.split()
	switch {
	case scheme == "file":
		return r.file(rest)
	case scheme == "env":
		if r.LookupEnv != nil {
			if value, found := r.LookupEnv(rest); found {
				return value, nil
			}
		}
		return "", errors.New("the variable is not set")
	case r.AWS == nil:
		return "", errors.New("AWS is not available here")
	case scheme == "aws-sm":
		name, key, keyed := strings.Cut(rest, "#")
		text, err := r.AWS.Secret(ctx, name)
		if err != nil || !keyed {
			return text, err
		}
		return pick([]byte(text), key)
	case scheme == "aws-ssm":
		return r.AWS.Parameter(ctx, rest)
	}
	user, at, _ := strings.Cut(rest, "@")
	if scheme == "aws-rds-iam" {
		return r.AWS.DatabaseToken(ctx, user, at)
	}
	return r.AWS.CacheToken(ctx, user, at)
}

func (r Resolver) file(rest string) (string, error) {
	name, key, keyed := strings.Cut(rest, "#")
	if r.ReadFile == nil {
		return "", errors.New("files are not available here")
	}
	text, err := r.ReadFile(name)
	if err != nil {
		return "", err
	}
	if keyed {
		return pick(text, key)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// pick takes a key's text from a JSON object.
func pick(text []byte, key string) (string, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil { // its error would repeat what stands there
		return "", errors.New("it holds no JSON object")
	}
	raw, found := object[key]
	if !found {
		return "", fmt.Errorf("it has no key %q", key)
	}
	var value string
	if json.Unmarshal(raw, &value) != nil {
		return "", fmt.Errorf("its key %q is no text", key)
	}
	return value, nil
}
