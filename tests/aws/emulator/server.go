package emulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Host is the name under which all of AWS is reached through the proxy.
const Host = "emulator.test"

// The one pair of credentials that the emulator is called with. It checks none.
const (
	AccessKey = "test"
	SecretKey = "test"
)

// Options say what the emulated account is like.
type Options struct {
	Account string        // twelve digits; "": 123456789012
	Region  string        // that programs take when they name none; "": eu-west-2
	Life    time.Duration // the server is killed after that, whatever happens; 0: 20 minutes
	Watch   func(Call)    // gets each call after it was carried out and before its answer is passed on; may be nil
}

// Server is one emulated account.
type Server struct {
	options Options
	command *exec.Cmd
	exited  chan struct{} // closed when the process is gone
	cancel  context.CancelFunc
	output  *output
	proxy   *proxy
	http    *http.Server
	address string
}

// Find gives moto_server's path.
func Find() (string, error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return "", fmt.Errorf("moto_server is not on PATH (pip install 'moto[server]==5.2.1'): %w", err)
	}
	return path, nil
}

// startTime is how long moto may take until it listens. It takes two seconds on an idle machine.
const startTime = time.Minute

// Start starts an account with nothing in it but what AWS puts into a new one. The caller closes it; it also
// ends with this process, however that ends.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Region == "" {
		o.Region = "eu-west-2"
	}
	if o.Life == 0 {
		o.Life = 20 * time.Minute
	}
	// The server outlives the context of whoever asked first: several tests in a row may use it.
	life, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Life)
	s := &Server{options: o, exited: make(chan struct{}), cancel: cancel, output: &output{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	s.command = exec.CommandContext(life, path, "-H", "127.0.0.1", "-p", "0")
	s.command.Env = motoEnvironment(os.Environ(), o.Account)
	reader, writer := io.Pipe()
	s.command.Stdout, s.command.Stderr = writer, writer
	diesWithParent(s.command)
	if err := startHeld(s.command, func() { _ = writer.Close(); close(s.exited) }); err != nil {
		close(s.exited)
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	listening := make(chan string, 1)
	go s.output.read(reader, listening)
	var moto string
	select {
	case moto = <-listening:
	case <-s.exited:
		return nil, fmt.Errorf("%s ended while it started:\n%s", path, s.Log())
	case <-time.After(startTime):
		return nil, fmt.Errorf("%s does not listen after %s:\n%s", path, startTime, s.Log())
	case <-ctx.Done():
		return nil, fmt.Errorf("start %s: %w", path, ctx.Err())
	}
	return s, s.serve(moto)
}

// serve puts the proxy in front of moto.
func (s *Server) serve(moto string) error {
	target, err := url.Parse(moto)
	if err != nil {
		return fmt.Errorf("moto's address: %w", err)
	}
	s.proxy = newProxy(target, s.options.Watch)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the proxy: %w", err)
	}
	s.address = listener.Addr().String()
	s.http = &http.Server{Handler: s.proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.http.Serve(listener) }() // it ends with Close
	return nil
}

// motoEnvironment is a user's environment with moto's settings, and without any that would change what it does.
func motoEnvironment(env []string, account string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		for _, prefix := range []string{"MOTO_", "AWS_", "S3_", "HTTP_PROXY=", "http_proxy="} {
			if strings.HasPrefix(entry, prefix) {
				return true
			}
		}
		return false
	})
	return append(kept, "MOTO_ACCOUNT_ID="+account, "MOTO_IAM_LOAD_MANAGED_POLICIES=true", "MOTO_ACM_VALIDATION_WAIT=1",
		"S3_IGNORE_SUBDOMAIN_BUCKETNAME=true", "PYTHONUNBUFFERED=1")
}

// Account is the emulated account's number.
func (s *Server) Account() string { return s.options.Account }

// Environment is what a program needs in its environment to take the emulator for AWS. It holds no user's
// credentials, and names files for them that do not exist.
func (s *Server) Environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=http://" + Host, "HTTP_PROXY=http://" + s.address, "http_proxy=http://" + s.address,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey,
		"AWS_REGION=" + s.options.Region, "AWS_DEFAULT_REGION=" + s.options.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_PAGER=",
	}
}

// Config is the configuration of AWS's SDK for one region of the account.
func (s *Server) Config(region string) aws.Config {
	through := &url.URL{Scheme: "http", Host: s.address}
	return aws.Config{
		Region: region, BaseEndpoint: aws.String("http://" + Host),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey, Source: "emulator"}, nil
		}),
		HTTPClient: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(through)}, Timeout: time.Minute},
	}
}

// ServeHTTP lets the account be served at another address too, for a program that cannot be given a proxy.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.proxy.ServeHTTP(w, r) }

// Refused are the hosts outside the emulator that programs called and did not reach, sorted.
func (s *Server) Refused() []string { return s.proxy.refusedHosts() }

// Quiet waits until the emulator has answered every call, those too whose caller was killed meanwhile.
func (s *Server) Quiet(ctx context.Context) error {
	for s.proxy.flight.Load() > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the emulator's answers to %d calls: %w", s.proxy.flight.Load(), ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Log is the end of what the server said: refused requests, and what went wrong in it.
func (s *Server) Log() string { return s.output.text() }

// Close ends the server and its proxy. Closing twice does nothing more.
func (s *Server) Close() error {
	s.cancel() // kills the process by its id
	var err error
	if s.http != nil {
		err = s.http.Close()
	}
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		err = errors.Join(err, errors.New("moto_server still runs a minute after it was killed"))
	}
	return err
}

// kept is how many lines of a server's output are kept.
const kept = 400

// output keeps the end of what a server says.
type output struct {
	mutex sync.Mutex
	lines []string
}

var (
	running = regexp.MustCompile(`Running on (http://[0-9.:]+)`)
	// Such lines would push out what matters; a 404 is how S3 says that a bucket has no such setting. Of a traceback
	// the frames in moto's services are kept.
	success = regexp.MustCompile(`" ([23]\d\d|404) -$`)
	frame   = regexp.MustCompile(`^\s|^Traceback|^Error on request`)
	service = regexp.MustCompile(`/moto/[a-z0-9]+/(models|responses|utils|exceptions)[^"]*"`)
	core    = regexp.MustCompile(`/moto/(core|moto_server)/`)
	control = regexp.MustCompile(`\x1b\[[0-9;]*m`)
)

func (o *output) read(from io.Reader, listening chan<- string) {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := control.ReplaceAllString(scanner.Text(), "")
		if m := running.FindStringSubmatch(line); m != nil {
			select {
			case listening <- m[1]:
			default: // said twice
			}
		}
		if success.MatchString(line) || frame.MatchString(line) && (!service.MatchString(line) || core.MatchString(line)) {
			continue
		}
		o.mutex.Lock()
		if o.lines = append(o.lines, line); len(o.lines) > kept {
			o.lines = slices.Delete(o.lines, 0, 1)
		}
		o.mutex.Unlock()
	}
	_, _ = io.Copy(io.Discard, from) // a line too long ends the scanner; the server must not block on its output
}

func (o *output) text() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return strings.Join(o.lines, "\n")
}
