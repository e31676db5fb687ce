// Package awssecrets finds the secrets that a configuration refers to in AWS, with the machine's own role: in Secrets Manager, in
// Systems Manager, and tokens to sign in to a database or a cache. It knows nothing of the configuration.
package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Source finds secrets. The SDK is asked for the machine's role when the first is wanted.
type Source struct {
	now  func() time.Time
	load func(context.Context) (aws.Config, error)
	mu   sync.Mutex
	made *aws.Config
}

// New makes a source with the environment's or the machine's own role.
func New(now func() time.Time) *Source {
	return &Source{now: now, load: func(ctx context.Context) (aws.Config, error) { return awsconfig.LoadDefaultConfig(ctx) }}
}

// With makes a source with a given configuration of the SDK.
func With(now func() time.Time, c aws.Config) *Source { return &Source{now: now, made: &c} }

func (s *Source) config(ctx context.Context) (aws.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil {
		c, err := s.load(ctx)
		if err != nil {
			return aws.Config{}, fmt.Errorf("find the machine's role: %w", err)
		}
		if c.Region == "" {
			return aws.Config{}, errors.New("no region: set AWS_REGION")
		}
		s.made = &c
	}
	return *s.made, nil
}

// regional gives the configuration for the region that an ARN names, or else the machine's own.
func (s *Source) regional(ctx context.Context, name string) (aws.Config, error) {
	c, err := s.config(ctx)
	if parts := strings.Split(name, ":"); len(parts) > 3 && parts[0] == "arn" {
		c.Region = parts[3]
	}
	return c, err
}

// Secret gives a secret of Secrets Manager.
func (s *Source) Secret(ctx context.Context, name string) (string, error) {
	c, err := s.regional(ctx, name)
	if err != nil {
		return "", err
	}
	found, err := secretsmanager.NewFromConfig(c).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", fmt.Errorf("ask Secrets Manager: %w", err)
	}
	if found.SecretString == nil {
		return "", errors.New("the secret is no text")
	}
	return *found.SecretString, nil
}

// Parameter gives a parameter of Systems Manager, decrypted.
func (s *Source) Parameter(ctx context.Context, name string) (string, error) {
	c, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	found, err := ssm.NewFromConfig(c).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("ask Systems Manager: %w", err)
	}
	return aws.ToString(found.Parameter.Value), nil
}

// DatabaseToken makes a token that signs a user in to a database of RDS for a quarter of an hour.
func (s *Source) DatabaseToken(ctx context.Context, user, endpoint string) (string, error) {
	c, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	token, err := auth.BuildAuthToken(ctx, endpoint, c.Region, user, c.Credentials)
	if err != nil {
		return "", fmt.Errorf("make a token for the database: %w", err)
	}
	return token, nil
}

// emptyBody is SHA-256 of nothing.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// CacheToken makes a token that signs a user in to a cache of ElastiCache for a quarter of an hour.
func (s *Source) CacheToken(ctx context.Context, user, cache string) (string, error) {
	c, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("find the machine's role: %w", err)
	}
	query := url.Values{"Action": {"connect"}, "User": {user}, "X-Amz-Expires": {"900"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cache+"/?"+query.Encode(), nil)
	if err != nil {
		return "", fmt.Errorf("make a token for the cache: %w", err)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptyBody, "elasticache", c.Region, s.now())
	if err != nil {
		return "", fmt.Errorf("make a token for the cache: %w", err)
	}
	return strings.TrimPrefix(signed, "http://"), nil
}
