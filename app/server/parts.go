package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	netmail "net/mail"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/mail"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/tenancy"
)

// PartsOptions say what to make the parts of.
type PartsOptions struct {
	Config  *config.Config
	Resolve func(context.Context, config.Ref) (string, error)
	Clock   func() time.Time
	Random  io.Reader
	Log     *slog.Logger
}

// Parts are what a process has once, made of its configuration: for the server, and for commands that work on one client.
type Parts struct {
	Directory *tenancy.Directory
	Process   client.Process
	Files     func(ctx context.Context, prefix string) (files.Store, error) // of a client's prefix
	closers   []func(context.Context) error
}

// NewParts makes them. Nothing is connected to before it is needed.
func NewParts(ctx context.Context, o PartsOptions) (_ *Parts, err error) {
	c := o.Config
	p := &Parts{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close(context.WithoutCancel(ctx)))
		}
	}()
	p.Process = client.Process{
		Renderer: markdown.New(), Memory: space.NewMemory(space.MemoryOptions{Clock: o.Clock}), Clock: o.Clock, Random: o.Random, Log: o.Log,
		Scheme: c.Public.Scheme, Port: c.Public.Port, Provider: client.Provider{Name: c.Provider.Name}, Uploads: files.DefaultRules(),
		SessionIdle: c.Sessions.Idle.D(), SessionAbsolute: c.Sessions.Absolute.D(), SessionFresh: c.Sessions.Reauthenticate.D(),
	}
	p.Process.Uploads.MaxBytes = int64(c.Limits.Upload)
	p.Process.Backups = backups(c, o.Clock)
	if name := c.Provider.PromisesStatus; name != "" {
		p.Process.Provider.Promises = func(context.Context) ([]client.Promise, error) { return promises(name) }
	}
	if p.Process.Hasher, err = password.NewHasher(password.Options{Workers: c.Limits.PasswordWorkers}); err != nil {
		return nil, err
	}
	if p.Process.Sandbox, err = expression.New(); err != nil {
		return nil, err
	}
	if p.Process.Gate, err = limits.NewGate(limits.GateOptions{Slots: c.Limits.Concurrent, PerClient: min(c.Limits.PerClient, c.Limits.Concurrent)}); err != nil {
		return nil, err
	}
	if err := p.redis(o); err != nil {
		return nil, err
	}
	if p.Process.Mail, err = sender(ctx, o); err != nil {
		return nil, err
	}
	if err := p.documents(ctx, o); err != nil {
		return nil, err
	}
	if p.Files, err = storage(ctx, o); err != nil {
		return nil, err
	}
	shared := p.Process.Memory
	if p.Process.Redis != nil {
		shared = p.Process.Redis
	}
	t := tenancy.Options{
		Root: c.Tenants.Directory, Resolve: o.Resolve, Files: p.Files, Now: o.Clock, Rates: c.Rates, Passwords: c.Passwords,
		Space:   func(prefix string) (*space.Space, error) { return space.New(shared, prefix) },
		MaxOpen: c.Tenants.MaxOpen, IdleClose: time.Second, // the server keeps a client open for as long as it is used: see sites
		Migrate: c.Tenants.Migrate,
	}
	if c.Client != nil {
		t.Root, t.Fixed = "", []config.Client{*c.Client}
	}
	p.Directory, err = tenancy.New(t, func(err error) { o.Log.Warn("a client is not in order", "error", err) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Close ends what the parts hold open. The clients are closed first.
func (p *Parts) Close(ctx context.Context) error {
	var problems []error
	if p.Directory != nil {
		problems = append(problems, p.Directory.Close(ctx))
	}
	for _, one := range p.closers {
		problems = append(problems, one(ctx))
	}
	return errors.Join(problems...)
}

// Open puts one client together, for a command. Call release when done.
func (p *Parts) Open(ctx context.Context, name string) (_ *client.Client, release func(), err error) {
	t, release, err := p.Directory.OpenName(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	c, err := client.Open(ctx, t, p.Process)
	if err != nil {
		release()
		return nil, nil, err
	}
	return c, release, nil
}

func promises(name string) ([]client.Promise, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the promises' status: %w", err)
	}
	var all []client.Promise
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the promises' status in %s: %w", name, err)
	}
	return all, nil
}

// authority is TLS that trusts a file's authorities, or the system's where there is no file.
func authority(file string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return c, nil
}

func (p *Parts) redis(o PartsOptions) error {
	c := o.Config.Redis
	if c.Address == "" {
		return nil
	}
	r := space.RedisOptions{Address: c.Address}
	if c.TLS {
		var err error
		if r.TLS, err = authority(c.CAFile); err != nil {
			return fmt.Errorf("redis: %w", err)
		}
	}
	if c.User != "" || c.Password != "" {
		r.Credentials = func(ctx context.Context) (string, string, error) {
			if c.Password == "" {
				return c.User, "", nil
			}
			secret, err := o.Resolve(ctx, c.Password)
			return c.User, secret, err
		}
	}
	made, err := space.NewRedis(r)
	if err != nil {
		return err
	}
	p.Process.Redis = made
	p.closers = append(p.closers, func(context.Context) error { return made.Close() })
	return nil
}

func sender(ctx context.Context, o PartsOptions) (*mail.Sender, error) {
	c := o.Config.Mail
	if c.Host == "" {
		return nil, nil
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail.from: %w", err)
	}
	m := mail.Options{Host: c.Host, Port: c.Port, TLS: c.TLS, User: c.User, From: *from}
	if c.TLS == "off" {
		m.TLS = mail.TLSNone
	}
	if c.CAFile != "" {
		t, err := authority(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		m.Roots = t.RootCAs
	}
	if c.Password != "" {
		if m.Password, err = o.Resolve(ctx, c.Password); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
	}
	return mail.NewSender(m)
}

func (p *Parts) documents(ctx context.Context, o PartsOptions) error {
	c := o.Config.Documents
	if c.Address == "" {
		return nil
	}
	m := options.Client().SetHosts([]string{c.Address}).SetAppName("taskflow").SetRetryWrites(false). // DocumentDB has none
														SetServerSelectionTimeout(5 * time.Second).SetTimeout(15 * time.Second)
	if c.TLS {
		t, err := authority(c.CAFile)
		if err != nil {
			return fmt.Errorf("documents: %w", err)
		}
		m.SetTLSConfig(t)
	}
	if c.User != "" {
		auth := options.Credential{Username: c.User}
		if c.Password != "" {
			secret, err := o.Resolve(ctx, c.Password)
			if err != nil {
				return fmt.Errorf("documents: %w", err)
			}
			auth.Password, auth.PasswordSet = secret, true
		}
		m.SetAuth(auth)
	}
	made, err := mongo.Connect(m)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	p.closers = append(p.closers, made.Disconnect)
	p.Process.Documents = func(name string) *mongo.Database {
		if o.Config.Client != nil {
			return made.Database(c.Name)
		}
		return made.Database(c.Name + "-" + name)
	}
	return nil
}

func storage(ctx context.Context, o PartsOptions) (func(ctx context.Context, prefix string) (files.Store, error), error) {
	c := o.Config.Storage
	if c.Kind == "disk" {
		return func(_ context.Context, prefix string) (files.Store, error) {
			return files.NewDisk(c.Directory, prefix, o.Clock())
		}, nil
	}
	s := files.S3Options{Bucket: c.Bucket, Endpoint: c.Endpoint, PathStyle: c.PathStyle}
	var err error
	if s.Region, s.Credentials, err = bucketAccess(ctx, o); err != nil {
		return nil, err
	}
	return func(_ context.Context, prefix string) (files.Store, error) {
		s := s
		s.Prefix = prefix
		return files.NewS3(s)
	}, nil
}

// bucketAccess is how buckets are asked: with the configuration's keys, or in the machine's role.
func bucketAccess(ctx context.Context, o PartsOptions) (region string, access aws.CredentialsProvider, err error) {
	c := o.Config.Storage
	if c.AccessKey != "" {
		id, err := o.Resolve(ctx, c.AccessKey)
		if err != nil {
			return "", nil, fmt.Errorf("storage: %w", err)
		}
		secret, err := o.Resolve(ctx, c.SecretKey)
		if err != nil {
			return "", nil, fmt.Errorf("storage: %w", err)
		}
		return c.Region, aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(id, secret, "")), nil
	}
	machine, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("storage: find the machine's role: %w", err)
	}
	return cmp.Or(c.Region, machine.Region), machine.Credentials, nil
}
