package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/berth-iac/berth/app/fault"
)

// S3Options say where a bucket is. Encryption at rest is the bucket's.
type S3Options struct {
	Bucket      string
	Prefix      string // of this client, such as clients/acme; letters, digits and - _ . / without an empty part
	Region      string
	Endpoint    string // of storage that is not AWS, such as https://s3.example; "" is AWS
	PathStyle   bool   // the bucket's name in the path and not in the host name, as most others want it
	Credentials aws.CredentialsProvider
	HTTPClient  aws.HTTPClient // nil is the SDK's
	Temporary   string         // the folder for temporary files; "" is the system's
}

// S3 keeps files in S3-compatible storage.
type S3 struct {
	client            *s3.Client
	bucket, prefix    string
	temporaryFilesDir string
}

var s3Prefixes = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

// NewS3 makes the store of one client. It does not connect yet.
func NewS3(o S3Options) (*S3, error) {
	var all []error
	if o.Bucket == "" {
		all = append(all, fault.BadInput("bucket", "it is empty", "name the bucket"))
	}
	if !s3Prefixes.MatchString(o.Prefix) {
		all = append(all, fault.BadInput("prefix", fmt.Sprintf("%q cannot be the prefix of files", o.Prefix), "use letters, digits, hyphens and slashes, such as clients/acme"))
	}
	if o.Region == "" || o.Credentials == nil {
		all = append(all, fault.BadInput("region", "the region or the credentials are missing", "give both; for storage that knows no regions us-east-1"))
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	options := s3.Options{
		Region: o.Region, Credentials: o.Credentials, UsePathStyle: o.PathStyle, HTTPClient: o.HTTPClient,
		// Storage that is not AWS knows no other checksums than the signature's, which covers the content too.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(o.Endpoint)
	}
	return &S3{client: s3.New(options), bucket: o.Bucket, prefix: o.Prefix + "/", temporaryFilesDir: o.Temporary}, nil
}

// Close is of Store.
func (s *S3) Close() error { return nil }

func (s *S3) name(key string) *string { return aws.String(s.prefix + key) }

// away sorts the errors of the storage.
func s3Error(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if api, found := errors.AsType[smithy.APIError](err); found && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NotFound") {
		return fault.Missing("file")
	}
	if response, found := errors.AsType[*smithyhttp.ResponseError](err); found && response.HTTPStatusCode() == http.StatusNotFound {
		if api, found := errors.AsType[smithy.APIError](err); !found || api.ErrorCode() != "NoSuchBucket" {
			return fault.Missing("file")
		}
	}
	return fault.Away("the storage of files", err)
}

// Put is of Store. S3 has to know the length before, so what is no Upload is taken in first.
func (s *S3) Put(ctx context.Context, key string, r io.Reader, limit int64) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	u, given := r.(*Upload)
	if !given {
		received, err := Receive(ctx, r, limit, s.temporaryFilesDir)
		if err != nil {
			return Info{}, err
		}
		defer received.Close() //nolint:errcheck // it is only read from now on, and has no name
		u = received
	}
	if u.Size > limit {
		return Info{}, tooLarge(limit)
	}
	if _, err := u.Seek(0, io.SeekStart); err != nil {
		return Info{}, fmt.Errorf("read what was taken in: %w", err)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.name(key), Body: u.File, ContentLength: &u.Size, ContentType: aws.String("application/octet-stream"),
	})
	if err != nil {
		return Info{}, s3Error(ctx, err)
	}
	return Info{Key: key, Size: u.Size, SHA256: u.SHA256}, nil
}

// Open is of Store.
func (s *S3) Open(ctx context.Context, key string) (File, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.name(key)})
	if err != nil {
		return nil, s3Error(ctx, err)
	}
	info := Info{Key: key, Size: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified).UTC()}
	return &s3File{ctx: ctx, store: s, info: info, tag: head.ETag}, nil
}

// s3File asks for what is read from where it was sought to, of the version that was opened.
type s3File struct {
	ctx   context.Context
	store *S3
	info  Info
	tag   *string
	at    int64
	body  io.ReadCloser
}

// Info is of File.
func (f *s3File) Info() Info { return f.info }

func (f *s3File) Read(p []byte) (int, error) {
	if f.at >= f.info.Size {
		return 0, io.EOF
	}
	if f.body == nil {
		got, err := f.store.client.GetObject(f.ctx, &s3.GetObjectInput{
			Bucket: &f.store.bucket, Key: f.store.name(f.info.Key), IfMatch: f.tag, Range: aws.String(fmt.Sprintf("bytes=%d-", f.at)),
		})
		if err != nil {
			return 0, s3Error(f.ctx, err)
		}
		f.body = got.Body
	}
	n, err := f.body.Read(p)
	f.at += int64(n)
	switch {
	case errors.Is(err, io.EOF) && f.at < f.info.Size:
		return n, fault.Away("the storage of files", io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, s3Error(f.ctx, err)
	}
	return n, err
}

func (f *s3File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.info.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a file")
	}
	if offset != f.at {
		_ = f.Close()
		f.at = offset
	}
	return offset, nil
}

func (f *s3File) Close() error {
	if f.body == nil {
		return nil
	}
	err := f.body.Close()
	f.body = nil
	return err
}

// Delete is of Store.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(key)})
	if err = s3Error(ctx, err); fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Walk is of Store.
func (s *S3) Walk(ctx context.Context, each func(Info) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s3Error(ctx, err)
		}
		for _, one := range page.Contents {
			key, inside := strings.CutPrefix(aws.ToString(one.Key), s.prefix)
			if !inside || checkKey(key) != nil { // somebody else's
				continue
			}
			if err := each(Info{Key: key, Size: aws.ToInt64(one.Size), Modified: aws.ToTime(one.LastModified).UTC()}); err != nil {
				return err
			}
		}
	}
	return nil
}
