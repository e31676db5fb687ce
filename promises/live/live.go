package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/berth-iac/berth/promises"
)

// Look is how one promise is read back.
type Look struct {
	ID   string // of the promise
	read func(ctx context.Context, l *look) error
}

// All are all looks, group by group.
func All() []Look {
	return slices.Concat(availability(), backups(), data(), access(), operations())
}

// Outside is how the site is asked as anybody on the internet would ask it. What is nil is not asked, and the looks
// that need it say so.
type Outside struct {
	Do   func(request *http.Request) (*http.Response, error)                                 // follows no redirects
	Dial func(ctx context.Context, network, address string) (connection net.Conn, err error) // such as "tcp", "db.example:5432"
}

// Options say what is looked at, and through what.
type Options struct {
	// Subject is the stack: its spec says what must be there, its graph (of the state) how the stack calls it, its Now when.
	Subject promises.Subject
	// Config is how AWS is reached: credentials and endpoint. Its region is not used.
	Config aws.Config
	// Outside is how the site is reached.
	Outside Outside
	// Parallel is how many looks are under way at once. Default 8.
	Parallel int
	// Done is told of each look that ended, one at a time. May be nil.
	Done func(Result)
}

// Result is what one look came to.
type Result struct {
	ID       string
	Verdict  promises.Verdict // kept, broken or waived; not shown where it could not be read, or it is too early to tell
	Why      string           // of not shown
	At       time.Time
	Findings []promises.Finding
}

// Reading is what all looks came to.
type Reading struct {
	Account string // the account's number
	Caller  string // ARN that the calls were made as
	Results []Result
}

// WrongAccountError says that the credentials lead elsewhere.
type WrongAccountError struct{ Stack, Want, Got, Caller string }

func (e *WrongAccountError) Error() string {
	return fmt.Sprintf("stack %s lives in account %s, and the credentials lead to account %s (as %s): use credentials of account %[2]s, "+
		"or name a role there with --role", e.Stack, e.Want, e.Got, e.Caller)
}

// Read makes every look that is about a promise of the subject. What a look cannot read is in its result, not in the
// error: that is for what makes all looks pointless.
func Read(ctx context.Context, promised []promises.Promise, options Options) (*Reading, error) {
	a, err := newAccount(options)
	if err != nil {
		return nil, err
	}
	caller, err := sts.NewFromConfig(a.config(a.home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("ask AWS who the credentials belong to: %w", err)
	}
	reading := &Reading{Account: aws.ToString(caller.Account), Caller: aws.ToString(caller.Arn)}
	if reading.Account != a.number {
		return nil, &WrongAccountError{Stack: options.Subject.Stack, Want: a.number, Got: reading.Account, Caller: reading.Caller}
	}
	due := due(promised, options.Subject)
	reading.Results = make([]Result, len(due))
	parallel := options.Parallel
	if parallel <= 0 {
		parallel = 8
	}
	var wait sync.WaitGroup
	var telling sync.Mutex
	slots := make(chan struct{}, parallel)
	for i, one := range due {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			reading.Results[i] = a.make(ctx, one)
			if options.Done != nil {
				telling.Lock()
				defer telling.Unlock()
				options.Done(reading.Results[i])
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read account %s back: %w", a.number, err)
	}
	return reading, nil
}

// due are the looks at promises that are made, and kept by us, for the subject.
func due(promised []promises.Promise, s promises.Subject) []Look {
	return slices.DeleteFunc(All(), func(l Look) bool {
		return !slices.ContainsFunc(promised, func(p promises.Promise) bool {
			ours := slices.ContainsFunc(s.Hostings(), func(h promises.Hosting) bool {
				return h != promises.Service && (p.Duties[h] == promises.Ours || p.Duties[h] == promises.Shared)
			})
			return p.ID == l.ID && ours && (s.Production() || !p.ProductionOnly)
		})
	})
}

// make makes one look. What was found broken stays so even where the rest could not be read; nothing is kept by halves.
func (a *account) make(ctx context.Context, one Look) Result {
	l := &look{account: a}
	err := one.read(ctx, l)
	result := Result{ID: one.ID, At: a.subject.Now, Findings: l.findings, Verdict: promises.NotShown}
	verdict := promises.Waive(a.subject, one.ID, l.findings)
	switch {
	case verdict == promises.Broken:
		result.Verdict = verdict
	case err != nil:
		result.Why = "could not be read back: " + plain(err)
	case len(l.early) > 0:
		result.Why = strings.Join(l.early, "; ")
	case len(l.findings) == 0:
		result.Why = "the account has nothing that would show it"
	default:
		result.Verdict = verdict
	}
	return result
}

// look is one look under way: the account, and what was found so far.
type look struct {
	*account
	findings []promises.Finding
	early    []string
}

// object is one thing in the account: its type as Pulumi calls it, and the name or id that AWS knows it by.
type object struct{ token, id string }

// want reports that something was looked at and whether it is as expected. property is Pulumi's name for what was read,
// where it has one; found is its value, never a secret; expected and fix are as in promises.Report.
func (l *look) want(o object, holds bool, property string, found any, expected, fix string) {
	f := promises.Finding{Resource: l.called(o), Type: o.token, Property: property, Found: promises.Show(found), Expected: expected, Holds: holds}
	if !holds {
		f.Fix = fix
	}
	l.findings = append(l.findings, f)
}

// missing reports that the account lacks something that it must have. what completes "no …".
func (l *look) missing(what, expected, fix string) {
	l.findings = append(l.findings, promises.Finding{Resource: promises.StackName, Found: "no " + what, Expected: expected, Fix: fix})
}

// tooEarly says that a good account would look the same by now: why, and from when on it can be told. The promise is then
// not shown, unless something else is broken.
func (l *look) tooEarly(format string, args ...any) {
	l.early = append(l.early, fmt.Sprintf(format, args...))
}

// plain is an error in one line, without the request's ids, which change from run to run.
func plain(err error) string {
	var all []string
	for _, part := range strings.Split(strings.ReplaceAll(err.Error(), "\n", "; "), ", ") {
		if !strings.HasPrefix(part, "RequestID: ") && !strings.HasPrefix(part, "HostID: ") {
			all = append(all, part)
		}
	}
	return strings.Join(strings.Fields(strings.Join(all, ", ")), " ")
}

var errNoAccount = errors.New("the spec names no AWS account")
