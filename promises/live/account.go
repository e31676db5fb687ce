package live

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// global is where AWS keeps what belongs to no region: metrics of health checks, IAM's events.
const global = "us-east-1"

// account is what looks read from. Readers are functions of the files named after the services: each returns everything
// of its kind in one region, page by page, and asks only once whoever asks.
type account struct {
	subject promises.Subject
	base    aws.Config
	outside Outside
	number  string // 12 digits
	home    string // the stack's own region
	second  string // where copies go; empty: nowhere
	names   map[object]string

	mu   sync.Mutex
	read map[string]*reading
}

type reading struct {
	once  sync.Once
	value any
	err   error
}

func newAccount(options Options) (*account, error) {
	a := &account{subject: options.Subject, base: options.Config.Copy(), outside: options.Outside, read: map[string]*reading{}, names: map[object]string{}}
	switch s := options.Subject.Spec; {
	case s == nil:
		return nil, errNoAccount
	case s.Kind == spec.KindAWSClient:
		a.number, a.home, a.second = s.AWSClient.AWS.Account, s.AWSClient.AWS.Region, s.AWSClient.Backup.SecondRegion
	case s.Kind == spec.KindOrganisation:
		a.number, a.home, a.second = s.Organisation.AWS.Account, s.Organisation.AWS.Region, s.Organisation.AWS.SecondRegion
	default:
		return nil, errNoAccount
	}
	if g := options.Subject.Graph; g != nil {
		for _, r := range g.Clouds() {
			for _, id := range ids(r) {
				a.names[object{r.Type, id}] = r.Name
			}
		}
	}
	a.base.RetryMode, a.base.RetryMaxAttempts = aws.RetryModeAdaptive, cmp.Or(a.base.RetryMaxAttempts, 5) // AWS_MAX_ATTEMPTS
	a.base.APIOptions = append(slices.Clone(a.base.APIOptions), refuseWrites)
	return a, nil
}

// ids are all names that AWS may call a resource by.
func ids(r *graph.Resource) []string {
	arn, _ := r.Outputs["arn"].(string) // only what exists has one
	return slices.DeleteFunc([]string{r.ID, arn}, func(s string) bool { return s == "" })
}

// config is how a region is reached.
func (a *account) config(region string) aws.Config {
	c := a.base.Copy()
	c.Region = region
	return c
}

// regions are those that the stack has something in, its own first. us-east-1 is not among them unless it is one.
func (a *account) regions() []string {
	if a.second == "" {
		return []string{a.home}
	}
	return []string{a.home, a.second}
}

// called is the name by which the stack calls an object, or else AWS's own name of it.
func (a *account) called(o object) string {
	if name, known := a.names[o]; known {
		return name
	}
	if o.id == "" {
		return promises.StackName
	}
	return o.id
}

// ours tells by its tags whether an object is the stack's.
func (a *account) ours(tags map[string]string) bool {
	return tags["stack"] == a.subject.Stack && tags["managed-by"] == "berth"
}

// once reads something the first time, and gives what was read then ever after. The key names service, kind and region.
func once[T any](a *account, key []string, read func() (T, error)) (T, error) {
	name := strings.Join(key, "\x00")
	a.mu.Lock()
	r, known := a.read[name]
	if !known {
		r = &reading{}
		a.read[name] = r
	}
	a.mu.Unlock()
	r.once.Do(func() { r.value, r.err = read() })
	value, _ := r.value.(T) // of the type that the same key was read as
	if r.err != nil {
		return value, fmt.Errorf("read %s: %w", strings.Join(key, " "), r.err)
	}
	return value, nil
}

// tagMap reads tags of any service.
func tagMap[T any](tags []T, read func(T) (key, value *string)) map[string]string {
	all := make(map[string]string, len(tags))
	for _, tag := range tags {
		key, value := read(tag)
		all[aws.ToString(key)] = aws.ToString(value)
	}
	return all
}

// listed are the values of a set in order, for findings.
func listed[V any](set map[string]V) string {
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
