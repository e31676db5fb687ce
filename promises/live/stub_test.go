package live

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// now is when the tests look.
var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// answers are what an account answers: by operation, such as "RDS:DescribeDBInstances" (the SDK's service id without
// spaces), the output, an error, or a func(region string, input any) (any, error). What is not there fails the call.
type answers map[string]any

// with are the answers with some of them changed.
func (a answers) with(changes answers) answers {
	all := maps.Clone(a)
	maps.Copy(all, changes)
	return all
}

// config reaches an account that gives these answers. Nothing is sent.
func (a answers) config() aws.Config {
	answer := func(ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (out middleware.InitializeOutput, _ middleware.Metadata, err error) {
		name := strings.ReplaceAll(awsmiddleware.GetServiceID(ctx), " ", "") + ":" + awsmiddleware.GetOperationName(ctx)
		switch given := a[name].(type) {
		case nil:
			return out, middleware.Metadata{}, fmt.Errorf("the test's account has no answer to %s", name)
		case error:
			return out, middleware.Metadata{}, given
		case func(region string, input any) (any, error):
			out.Result, err = given(awsmiddleware.GetRegion(ctx), in.Parameters)
			return out, middleware.Metadata{}, err
		default:
			return middleware.InitializeOutput{Result: given}, middleware.Metadata{}, nil
		}
	}
	return aws.Config{APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Answer", answer), middleware.After) //nolint:misspell // the SDK's spelling
	}}}
}

// makeLook makes one look at an account that gives these answers.
func makeLook(t *testing.T, id string, subject promises.Subject, a answers, outside Outside) Result {
	t.Helper()
	all := All()
	i := slices.IndexFunc(all, func(l Look) bool { return l.ID == id })
	if i < 0 {
		t.Fatalf("there is no look at %s", id)
	}
	account, err := newAccount(Options{Subject: subject, Config: a.config(), Outside: outside})
	if err != nil {
		t.Fatal(err)
	}
	return account.make(t.Context(), all[i])
}

// subjectOf is a stack by its file in the project's root, such as "prod", as if just brought up; it has no graph.
func subjectOf(t *testing.T, stack string) promises.Subject {
	t.Helper()
	name := "Pulumi." + stack + ".yaml"
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile(name, text, spec.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return promises.Subject{Stack: stack, Spec: s, Now: now}
}

// brokenAt are the resources and properties of what does not hold: "resource.property", or the resource where there is none.
func brokenAt(r Result) []string {
	var all []string
	for _, f := range r.Findings {
		if f.Holds {
			continue
		}
		where := f.Resource
		if f.Property != "" {
			where += "." + f.Property
		}
		all = append(all, where)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
