package command

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/tenancy"
)

type deletion struct{ name, confirm, by, reason, certificate, key string }

// certificate is what is left of a client: what was deleted and when. The hash is of the statement's bytes as they stand in the file.
type certificate struct {
	Statement json.RawMessage `json:"statement"`
	SHA256    string          `json:"sha256"`
	Signature *signature      `json:"signature,omitempty"`
}

type signature struct {
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"publicKey"` // PKIX, in base64
	Value     string `json:"value"`     // of the statement's bytes, in base64
}

type statement struct {
	Kind        string           `json:"kind"`
	Client      string           `json:"client"`
	DisplayName string           `json:"displayName"`
	Hosts       []string         `json:"hosts"`
	Created     time.Time        `json:"created"`
	Deleted     time.Time        `json:"deleted"`
	By          string           `json:"by"`
	Reason      string           `json:"reason"`
	Counts      map[string]int64 `json:"counts,omitempty"` // of what was there; none where an earlier attempt had begun
	AuditEnd    string           `json:"auditEnd,omitempty"`
	Erased      []string         `json:"erased"`
	Left        []string         `json:"left"`
}

const statementKind = "taskflow deletion certificate 1"

func (p *program) runDelete(ctx context.Context, c *config.Config, parts *server.Parts, o deletion) error {
	if c.Client != nil {
		return fault.Refused("the configuration names the only client of this service; take the service down instead")
	}
	record, err := parts.Directory.Get(o.name)
	if err != nil {
		return err
	}
	key, err := p.signingKey(ctx, o.key)
	if err != nil {
		return err
	}
	if o.certificate == "" {
		o.certificate = o.name + "-deletion-certificate.json"
	}
	// The file is opened first: a client that is gone without a certificate cannot be certified any more.
	file, err := os.OpenFile(o.certificate, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the certificate: %w", err)
	}
	s := statement{Kind: statementKind, Client: o.name, DisplayName: record.Client.DisplayName, Hosts: record.Client.Hosts, Created: record.Created, By: o.by, Reason: o.reason,
		Erased: []string{"the client's folder with its key"}, Left: []string{"backups: they expire, and only those whom they are encrypted for can read them"}}
	if record.State != tenancy.Deleting {
		if err := count(ctx, parts, &s); err != nil {
			return errors.Join(err, file.Close(), os.Remove(o.certificate))
		}
	}
	if err := parts.Directory.Delete(ctx, o.name, func(ctx context.Context, r tenancy.Record) error { return p.erase(ctx, c, parts, r, &s) }); err != nil {
		return errors.Join(err, file.Close(), os.Remove(o.certificate))
	}
	s.Deleted = p.Clock().UTC().Truncate(time.Second)
	text, err := certify(s, key)
	if err == nil {
		_, err = file.Write(text)
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("the client is deleted, and its certificate could not be written: %w", err)
	}
	return p.say(map[string]any{"deleted": o.name, "certificate": o.certificate, "left": s.Left}, func(w io.Writer) {
		line(w, "client %s is deleted; the certificate is %s", o.name, o.certificate)
		for _, left := range s.Left {
			line(w, "left: %s", left)
		}
	})
}

// count notes what there is before it goes.
func count(ctx context.Context, parts *server.Parts, s *statement) error {
	on, release, err := parts.Open(ctx, s.Client)
	if err != nil {
		return fmt.Errorf("count what client %s has: %w", s.Client, err)
	}
	defer release()
	s.Counts = map[string]int64{}
	db := on.Store.Client()
	for name, one := range map[string]func(context.Context) (int, error){
		"people": db.User.Query().Count, "projects": db.Project.Query().Count, "tasks": db.Task.Query().Count, "comments": db.Comment.Query().Count,
		"attachments": db.Attachment.Query().Count, "auditEntries": db.AuditEntry.Query().Count,
	} {
		n, err := one(ctx)
		if err != nil {
			return fmt.Errorf("count the %s of client %s: %w", name, s.Client, err)
		}
		s.Counts[name] = int64(n)
	}
	if err := on.Files.Walk(ctx, func(i files.Info) error {
		s.Counts["files"]++
		s.Counts["fileBytes"] += i.Size
		return nil
	}); err != nil {
		return fmt.Errorf("count the files of client %s: %w", s.Client, err)
	}
	end, err := on.Audit.End(ctx)
	if err != nil {
		return fmt.Errorf("read the end of the audit log of client %s: %w", s.Client, err)
	}
	s.AuditEnd = end.String()
	return nil
}

// erase removes what lies outside of the client's folder. It bears being repeated.
func (p *program) erase(ctx context.Context, c *config.Config, parts *server.Parts, r tenancy.Record, s *statement) error {
	if err := eraseDisk(c, r); err != nil {
		return err
	}
	if c.Storage.Kind != "disk" {
		if err := p.eraseBucket(ctx, parts, r.Client.StoragePrefix); err != nil {
			return err
		}
	}
	s.Erased = append(s.Erased, "attachments")
	if parts.Process.Redis != nil {
		shared, err := space.New(parts.Process.Redis, r.Client.SpacePrefix)
		if err == nil {
			err = shared.Clear(ctx)
		}
		if err != nil {
			return fmt.Errorf("remove what is in Redis: %w", err)
		}
		s.Erased = append(s.Erased, "sessions and counters in Redis")
	}
	if parts.Process.Documents != nil {
		if err := parts.Process.Documents(r.Client.Name).Drop(ctx); err != nil {
			return fmt.Errorf("remove the activity feed: %w", err)
		}
		s.Erased = append(s.Erased, "the activity feed's documents")
	}
	if r.Client.Database.Engine == "sqlite" {
		s.Erased = append(s.Erased, "the database file")
	} else {
		s.Left = append(s.Left, fmt.Sprintf("database %s at %s (%s): drop it with its user %s", r.Client.Database.Name, r.Client.Database.Host, r.Client.Database.Engine, r.Client.Database.User))
	}
	return nil
}

func (p *program) eraseBucket(ctx context.Context, parts *server.Parts, prefix string) (err error) {
	store, err := parts.Files(ctx, prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var keys []string
	if err := store.Walk(ctx, func(i files.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		return fmt.Errorf("list the attachments: %w", err)
	}
	for _, key := range keys {
		if err := store.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove an attachment: %w", err)
		}
	}
	return nil
}

func (p *program) signingKey(ctx context.Context, ref string) (ed25519.PrivateKey, error) {
	if ref == "" {
		return nil, nil
	}
	var r config.Ref
	if err := r.UnmarshalText([]byte(ref)); err != nil {
		return nil, usage{fmt.Errorf("--signing-key: %w", err)}
	}
	text, err := p.resolve(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("--signing-key: %w", err)
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fault.BadInput("signing-key", "it is not PEM", "make one with: openssl genpkey -algorithm ed25519")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fault.BadInput("signing-key", "it is no key in PKCS 8", "make one with: openssl genpkey -algorithm ed25519")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fault.BadInput("signing-key", "it is no ed25519 key", "make one with: openssl genpkey -algorithm ed25519")
	}
	return key, nil
}

func certify(s statement, key ed25519.PrivateKey) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	sum := sha256.Sum256(text)
	c := certificate{Statement: text, SHA256: hex.EncodeToString(sum[:])}
	if key != nil {
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return nil, fmt.Errorf("write the certificate: %w", err)
		}
		c.Signature = &signature{Algorithm: "ed25519", PublicKey: base64.StdEncoding.EncodeToString(public), Value: base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))}
	}
	all, err := json.Marshal(c) // not indented: that would change the statement's bytes
	if err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	return append(all, '\n'), nil
}

type checkedCertificate struct {
	Client  string    `json:"client"`
	Deleted time.Time `json:"deleted"`
	Signed  string    `json:"signed"` // by which key, or no
}

func checkCertificate(text []byte, public string) (checkedCertificate, error) {
	var c certificate
	var s statement
	if err := json.Unmarshal(text, &c); err != nil {
		return checkedCertificate{}, fmt.Errorf("it is no certificate: %w", err)
	}
	if err := json.Unmarshal(c.Statement, &s); err != nil || s.Kind != statementKind {
		return checkedCertificate{}, errors.New("it is no certificate of a deletion")
	}
	sum := sha256.Sum256(c.Statement)
	if hex.EncodeToString(sum[:]) != c.SHA256 {
		return checkedCertificate{}, errors.New("the statement was altered: its hash is another")
	}
	checked := checkedCertificate{Client: s.Client, Deleted: s.Deleted, Signed: "no"}
	if c.Signature == nil {
		if public != "" {
			return checkedCertificate{}, errors.New("it is not signed")
		}
		return checked, nil
	}
	der, err1 := base64.StdEncoding.DecodeString(c.Signature.PublicKey)
	value, err2 := base64.StdEncoding.DecodeString(c.Signature.Value)
	parsed, err3 := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(ed25519.PublicKey)
	if errors.Join(err1, err2, err3) != nil || !ok || !ed25519.Verify(key, c.Statement, value) {
		return checkedCertificate{}, errors.New("the signature does not fit")
	}
	if public != "" && public != c.Signature.PublicKey {
		return checkedCertificate{}, errors.New("another key has signed it")
	}
	checked.Signed = c.Signature.PublicKey
	return checked, nil
}
