// Package s3 is the image store on an S3 bucket.
//
// Data is sent in parts, a few of which are in memory at a time, so an image of any size needs little memory and no
// file. An object exists only after its last part was completed. An interrupted Put leaves only parts; Delete and List
// handle them.
package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	minio "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
)

// Config configures the bucket. Host, AccessKey, SecretKey and Bucket are required.
type Config struct {
	Host                 string // "https://s3.example.com"
	Region               string // empty where the service has no regions
	AccessKey, SecretKey string
	Bucket               string
	CreateBucket         bool
	Lookup               string // "auto", "path" (host/bucket/object) or "virtual" (bucket.host/object)
	CACert               string // a PEM file of who signed the service's certificate; empty: the system's
	Part                 int64  // bytes of a part; default 16 MiB, at least 5 MiB
	Threads              int    // parts of one image that are sent at once; default 4
	Attempts             int    // of a request that fails in a way that may pass; default 5
}

// least is the smallest size of a part that the protocol allows, except for the last one.
const least = 5 << 20

// Backend stores data in a bucket.
type Backend struct {
	c    Config
	core minio.Core

	checked atomic.Bool // the bucket is there

	mu  sync.Mutex      // guards what follows
	own map[string]bool // keys that this process is storing
}

var (
	_ backend.Backend = (*Backend)(nil)
	_ backend.Locator = (*Backend)(nil)
)

// New checks the configuration. It does not contact the service; Check or the first use does.
func New(c Config) (*Backend, error) {
	u, err := url.Parse(c.Host)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" {
		return nil, fault.Invalidf("s3_store_host must be the URL of the service, http://host:port or https://host:port")
	}
	if c.AccessKey == "" || c.SecretKey == "" || c.Bucket == "" {
		return nil, fault.Invalidf("s3_store_access_key, s3_store_secret_key and s3_store_bucket must be set")
	}
	if c.Part == 0 {
		c.Part = 16 << 20
	}
	if c.Part < least {
		return nil, fault.Invalidf("parts of S3 objects have at least 5 MiB")
	}
	if c.Threads <= 0 {
		c.Threads = 4
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	o := &minio.Options{Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: u.Scheme == "https",
		Region: c.Region, MaxRetries: c.Attempts}
	switch c.Lookup {
	case "", "auto":
		o.BucketLookup = minio.BucketLookupAuto
	case "path":
		o.BucketLookup = minio.BucketLookupPath
	case "virtual":
		o.BucketLookup = minio.BucketLookupDNS
	default:
		return nil, fault.Invalidf("s3_store_bucket_url_format %q is not known; there are: auto, path, virtual", c.Lookup)
	}
	t, err := transport(c)
	if err != nil {
		return nil, err
	}
	o.Transport = t
	client, err := minio.NewCore(u.Host, o)
	if err != nil {
		return nil, fault.Invalidf("the S3 service %s cannot be used: %v", c.Host, err)
	}
	return &Backend{c: c, core: *client, own: map[string]bool{}}, nil
}

func transport(c Config) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 4 * c.Threads
	t.ResponseHeaderTimeout = time.Minute
	t.DisableCompression = true // what is stored is what is read
	t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, fault.Invalidf("s3_store_cacert cannot be read").Because(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("s3_store_cacert %s holds no certificate", c.CACert)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return t, nil
}

// Check creates the bucket if so configured. It returns an error if the bucket does not exist.
func (b *Backend) Check(ctx context.Context) error {
	there, err := b.core.BucketExists(ctx, b.c.Bucket)
	if err != nil {
		return b.medium(err)
	}
	if there {
		return nil
	}
	if !b.c.CreateBucket {
		return fault.Invalidf("the S3 bucket %s does not exist", b.c.Bucket)
	}
	return b.medium(b.core.MakeBucket(ctx, b.c.Bucket, minio.MakeBucketOptions{Region: b.c.Region}))
}

// medium wraps an error of the service in a text without addresses and keys, because clients see it.
func (b *Backend) medium(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch minio.ToErrorResponse(err).Code {
	case "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge":
		return fault.New(fault.TooLarge, "The image storage is full.").Because(err)
	}
	return fmt.Errorf("image storage: bucket %s: %w", b.c.Bucket, err)
}

func absent(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "NoSuchKey" || r.Code == "NotFound" || r.StatusCode == http.StatusNotFound && r.Code != "NoSuchBucket"
}

func (b *Backend) fail(key string, err error) error {
	if absent(err) {
		return fault.NotFoundf("image data %s is not there", key).Because(err)
	}
	return b.medium(err)
}

// Open opens a range. The transport detects a connection that ends too early.
func (b *Backend) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := backend.CheckKey(key); err != nil {
		return nil, err
	}
	var o minio.GetObjectOptions
	switch {
	case length == 0:
		if _, err := b.Stat(ctx, key); err != nil {
			return nil, err
		}
		return http.NoBody, nil
	case length > 0:
		if err := o.SetRange(offset, offset+length-1); err != nil {
			return nil, fault.Invalidf("%v", err)
		}
	case offset > 0:
		if err := o.SetRange(offset, 0); err != nil {
			return nil, fault.Invalidf("%v", err)
		}
	}
	r, _, _, err := b.core.GetObject(ctx, b.c.Bucket, key, o)
	if minio.ToErrorResponse(err).Code == "InvalidRange" {
		return http.NoBody, nil // beyond the end
	}
	if err != nil {
		return nil, b.fail(key, err)
	}
	return r, nil
}

// Stat describes the object.
func (b *Backend) Stat(ctx context.Context, key string) (backend.Info, error) {
	if err := backend.CheckKey(key); err != nil {
		return backend.Info{}, err
	}
	i, err := b.core.StatObject(ctx, b.c.Bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return backend.Info{}, b.fail(key, err)
	}
	return backend.Info{Key: key, Size: i.Size, Modified: i.LastModified}, nil
}

// Delete deletes the object and the parts of interrupted uploads.
func (b *Backend) Delete(ctx context.Context, key string) error {
	if err := backend.CheckKey(key); err != nil {
		return err
	}
	if err := b.core.RemoveObject(ctx, b.c.Bucket, key, minio.RemoveObjectOptions{}); err != nil && !absent(err) {
		return b.medium(err)
	}
	return b.unfinished(ctx, key, func(u minio.ObjectMultipartInfo) error {
		if u.Key != key {
			return nil
		}
		if err := b.core.AbortMultipartUpload(ctx, b.c.Bucket, key, u.UploadID); err != nil && !absent(err) {
			return b.medium(err)
		}
		return nil
	})
}

// unfinished calls a function for each upload that was started and not completed.
func (b *Backend) unfinished(ctx context.Context, prefix string, each func(minio.ObjectMultipartInfo) error) error {
	var keyMarker, idMarker string
	for {
		page, err := b.core.ListMultipartUploads(ctx, b.c.Bucket, prefix, keyMarker, idMarker, "", 1000)
		if minio.ToErrorResponse(err).Code == "NoSuchUpload" {
			return nil // some services say so where there is none
		}
		if err != nil {
			return b.medium(err)
		}
		for _, u := range page.Uploads {
			if err := each(u); err != nil {
				return err
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == keyMarker && page.NextUploadIDMarker == idMarker {
			return nil
		}
		keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// List returns objects and unfinished uploads. Objects of the bucket whose names are not keys are left out.
func (b *Backend) List(ctx context.Context) ([]backend.Info, error) {
	var all []backend.Info
	// The channel's goroutine ends only when the channel was read to its end, or ctx ended.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range b.core.Client.ListObjects(ctx, b.c.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, b.medium(o.Err)
		}
		if backend.CheckKey(o.Key) == nil {
			all = append(all, backend.Info{Key: o.Key, Size: o.Size, Modified: o.LastModified})
		}
	}
	err := b.unfinished(ctx, "", func(u minio.ObjectMultipartInfo) error {
		known := slices.ContainsFunc(all, func(i backend.Info) bool { return i.Key == u.Key })
		if !known && backend.CheckKey(u.Key) == nil {
			all = append(all, backend.Info{Key: u.Key, Modified: u.Initiated, Partial: true})
		}
		return nil
	})
	return all, err
}

// prefix is the prefix of the URLs of the bucket's objects. It contains no credentials.
func (b *Backend) prefix() string {
	scheme, host, _ := strings.Cut(b.c.Host, "://")
	return "s3+" + scheme + "://" + strings.TrimSuffix(host, "/") + "/" + b.c.Bucket + "/"
}

// URL returns the data's location.
func (b *Backend) URL(key string) string { return b.prefix() + key }

// Key accepts locations in this bucket only.
func (b *Backend) Key(location string) (string, bool) {
	key, ok := strings.CutPrefix(location, b.prefix())
	return key, ok && backend.CheckKey(key) == nil
}
