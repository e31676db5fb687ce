package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/berth-iac/berth/app/fault"
)

// Bucket keeps backups in S3-compatible storage: PREFIX CLIENT/TIME-ID.age. It removes none: how long they stay is the bucket's rule, and the
// machines that make backups should not be able to remove them. Parts of an upload that was cut short go by the bucket's rule too.
type Bucket struct {
	client       *s3.Client
	name, prefix string
	part         int
}

// BucketOptions say where the bucket is.
type BucketOptions struct {
	Bucket      string
	Prefix      string // ends with a slash
	Region      string
	Endpoint    string // "" is AWS
	PathStyle   bool
	Credentials aws.CredentialsProvider
	HTTPClient  aws.HTTPClient // nil is the SDK's
	Part        int            // bytes sent at once; 16 MiB, which is good for 160 GB
}

// NewBucket makes the place. It does not connect yet.
func NewBucket(o BucketOptions) (*Bucket, error) {
	if o.Bucket == "" || o.Region == "" || o.Credentials == nil || !strings.HasSuffix(o.Prefix, "/") {
		return nil, errors.New("a bucket of backups needs a name, a prefix, a region and credentials")
	}
	options := s3.Options{
		Region: o.Region, Credentials: o.Credentials, UsePathStyle: o.PathStyle, HTTPClient: o.HTTPClient,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired, // what is not AWS may know no others
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(o.Endpoint)
	}
	if o.Part <= 0 {
		o.Part = 16 << 20
	}
	return &Bucket{client: s3.New(options), name: o.Bucket, prefix: o.Prefix, part: o.Part}, nil
}

func bucketError(err error) error {
	if api, is := errors.AsType[smithy.APIError](err); is && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NotFound") {
		return fault.Missing("backup")
	}
	if api, is := errors.AsType[smithy.APIError](err); is && (api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "PreconditionFailed") {
		return fault.Refused("the bucket of backups refuses it: " + api.ErrorCode()).Because(err)
	}
	return fault.Away("the bucket of backups", err)
}

// Create is of Place.
func (b *Bucket) Create(ctx context.Context, client, name string) (Upload, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	key := b.prefix + client + "/" + name
	begun, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &key, ContentType: aws.String("application/octet-stream")})
	if err != nil {
		return nil, bucketError(err)
	}
	return &bucketUpload{ctx: ctx, bucket: b, key: key, id: begun.UploadId, buffer: make([]byte, 0, b.part)}, nil
}

type bucketUpload struct {
	ctx    context.Context // of the one run that it is part of: a Writer is given none
	bucket *Bucket
	key    string
	id     *string
	buffer []byte
	parts  []types.CompletedPart
	done   bool
}

func (u *bucketUpload) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), cap(u.buffer)-len(u.buffer))
		u.buffer = append(u.buffer, p[:n]...)
		p = p[n:]
		if len(u.buffer) == cap(u.buffer) {
			if err := u.send(); err != nil {
				return written, err
			}
		}
		written += n
	}
	return written, nil
}

func (u *bucketUpload) send() error {
	number := int32(len(u.parts) + 1)
	sent, err := u.bucket.client.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket: &u.bucket.name, Key: &u.key, UploadId: u.id, PartNumber: &number, Body: bytes.NewReader(u.buffer), ContentLength: aws.Int64(int64(len(u.buffer))),
	})
	if err != nil {
		return bucketError(err)
	}
	u.parts = append(u.parts, types.CompletedPart{ETag: sent.ETag, PartNumber: &number})
	u.buffer = u.buffer[:0]
	return nil
}

// Commit makes the object of its parts, if there is none of that name.
func (u *bucketUpload) Commit() (string, error) {
	if len(u.buffer) > 0 || len(u.parts) == 0 {
		if err := u.send(); err != nil {
			return "", err
		}
	}
	_, err := u.bucket.client.CompleteMultipartUpload(u.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket.name, Key: &u.key, UploadId: u.id, IfNoneMatch: aws.String("*"), MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	if err != nil {
		return "", bucketError(err)
	}
	u.done = true
	return "s3://" + u.bucket.name + "/" + u.key, nil
}

func (u *bucketUpload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), 30*time.Second)
	defer cancel()
	if _, err := u.bucket.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.bucket.name, Key: &u.key, UploadId: u.id}); err != nil {
		return fmt.Errorf("take back what was sent: %w", bucketError(err))
	}
	return nil
}

// List is of Place.
func (b *Bucket) List(ctx context.Context, client string) ([]Object, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	var all []Object
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: aws.String(b.prefix + client + "/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, bucketError(err)
		}
		for _, one := range page.Contents {
			name := path.Base(aws.ToString(one.Key))
			if made, ours := madeAt(name); ours {
				all = append(all, Object{client, name, "s3://" + b.name + "/" + aws.ToString(one.Key), made, aws.ToInt64(one.Size)})
			}
		}
	}
	newestFirst(all)
	return all, nil
}

// Open is of Place.
func (b *Bucket) Open(ctx context.Context, where string) (io.ReadCloser, error) {
	key, ours := strings.CutPrefix(where, "s3://"+b.name+"/")
	if !ours {
		return nil, fault.BadInput("file", fmt.Sprintf("%q is not in the bucket of backups", where), "use an address that taskflow backup list shows")
	}
	got, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, bucketError(err)
	}
	return got.Body, nil
}

// Keep is of Place.
func (*Bucket) Keep(context.Context, string, int) ([]string, error) { return nil, nil }

// Kept is of Place.
func (*Bucket) Kept(int) string { return "by the bucket's own rule" }
