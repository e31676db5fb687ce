package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/localcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// shape is what the test's program builds.
type shape struct {
	parameters int    // how many besides those that are always there
	value      string // of each of them
	topic      string // the topic's physical name; a change replaces it
	bucket     string // the bucket's physical name; a change replaces it, and it holds data
	protect    bool
	fail       bool
}

var usual = shape{parameters: 3, value: "one", topic: "alarms", bucket: "berth-engine-test", protect: false}

// version is what the AWS SDK asks for; without one the engine looks for a plugin before it asks the embedded cloud.
var version = pulumi.Version("6.83.0")

type group struct{ pulumi.ResourceState }

type made struct {
	pulumi.CustomResourceState
	Arn pulumi.StringOutput `pulumi:"arn"`
}

// program is a small stack: a component with parameters, one in it with a bucket, and a topic at the top.
// It reads its shape at each run, so that a test changes it between runs.
func program(s *shape) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		outer, inner := &group{}, &group{}
		if err := ctx.RegisterComponentResource("berth:test:Group", "settings", outer); err != nil {
			return err
		}
		if err := ctx.RegisterComponentResource("berth:test:Group", "store", inner, pulumi.Parent(outer)); err != nil {
			return err
		}
		topic, bucket := &made{}, &made{}
		if err := ctx.RegisterResource("aws:sns/topic:Topic", "topic", pulumi.Map{"name": pulumi.String(s.topic)}, topic, version); err != nil {
			return err
		}
		err := ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "bucket", pulumi.Map{"bucket": pulumi.String(s.bucket)}, bucket,
			pulumi.Parent(inner), pulumi.Protect(s.protect), version)
		if err != nil {
			return err
		}
		for i := range s.parameters {
			args := pulumi.Map{"name": pulumi.Sprintf("/test/%d", i), "type": pulumi.String("String"), "value": topic.Arn,
				"description": pulumi.String(s.value)}
			if err := ctx.RegisterResource("aws:ssm/parameter:Parameter", fmt.Sprintf("p%d", i), args, &made{}, pulumi.Parent(outer), version); err != nil {
				return err
			}
		}
		secret := pulumi.Map{"name": pulumi.String("/test/secret"), "type": pulumi.String("SecureString"), "value": pulumi.ToSecret(pulumi.String("hush-" + s.value))}
		if err := ctx.RegisterResource("aws:ssm/parameter:Parameter", "secret", secret, &made{}, pulumi.Parent(outer), version); err != nil {
			return err
		}
		if s.fail {
			return errors.New("the program does not like this")
		}
		ctx.Export("topicArn", topic.Arn)
		ctx.Export("password", pulumi.ToSecret(pulumi.String("hush-output")))
		ctx.Export("purposes", pulumi.StringMap{"topicArn": pulumi.String("where alarms go"), "password": pulumi.String("for nobody")})
		return nil
	}
}

const stackYAML = `secretsprovider: awskms://real-key
encryptedkey: AQICAHreal
config:
  aws:region: eu-west-2
  berth:plain: value
  berth:token:
    secure: v1:real:ciphertext
  berth:spec:
    kind: test
    date: "2027-06-30"
`

// newRoot is a folder with a project and one stack, dev.
func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"Pulumi.yaml": "name: berth\nruntime: go\nmain: ./stacks\n", "Pulumi.dev.yaml": stackYAML} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func pulumiCLI(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path, err := cli.Find(t.Context(), os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	return path
}

// open opens stack dev in root and closes it at the test's end.
func open(t *testing.T, root string, s *shape, change ...func(*engine.Options)) *engine.Stack {
	t.Helper()
	options := engine.Options{Root: root, Stack: "dev", Program: program(s), CLI: pulumiCLI(t), Local: true,
		Env: os.Environ(), Cloud: engine.CloudOptions{Seed: 1}}
	for _, c := range change {
		c(&options)
	}
	stack, err := engine.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack
}

func fault(t *testing.T, text string) func(*engine.Options) {
	t.Helper()
	f, err := localcloud.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *engine.Options) { o.Cloud.Faults = append(o.Cloud.Faults, f) }
}

func up(t *testing.T, stack *engine.Stack, confirm ...string) *engine.Result {
	t.Helper()
	result, err := stack.Up(t.Context(), engine.ChangeOptions{Confirm: confirm})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func preview(t *testing.T, stack *engine.Stack) *engine.Result {
	t.Helper()
	result, err := stack.Preview(t.Context(), engine.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func find(t *testing.T, r *engine.Result, name string) engine.Step {
	t.Helper()
	i := slices.IndexFunc(r.Steps, func(s engine.Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no step %q in %v", name, r.Steps)
	}
	return r.Steps[i]
}

func wantNoChanges(t *testing.T, r *engine.Result) {
	t.Helper()
	for _, s := range r.Steps {
		if s.Op.Changes() {
			t.Errorf("%s %s, want no change: %v", s.Op, s.URN, s.Diffs)
		}
	}
}

func TestStackFromUpToDestroy(t *testing.T) {
	root, s := newRoot(t), usual
	stack := open(t, root, &s)
	first := preview(t, stack)
	valid(t, first)
	if got := find(t, first, "bucket"); got.Op != engine.OpCreate || got.Component != "settings/store" || got.Stateful != "objects" || got.Status != engine.Planned {
		t.Errorf("bucket = %+v", got)
	}
	if first.Cloud != engine.EmbeddedCloud {
		t.Errorf("cloud = %q", first.Cloud)
	}
	if !slices.Contains(first.Notes, "the secret berth:token is a local stand-in") {
		t.Errorf("notes = %q", first.Notes)
	}
	result := up(t, stack)
	valid(t, result)
	if got := find(t, result, "topic"); got.Status != engine.Done || !strings.HasPrefix(got.ID, "arn:aws:sns:eu-west-2:") {
		t.Errorf("topic = %+v", got)
	}
	if got := result.Outputs["topicArn"]; got.Purpose != "where alarms go" || !strings.HasPrefix(fmt.Sprint(got.Value), "arn:aws:sns:") {
		t.Errorf("topicArn = %+v", got)
	}
	if got := result.Outputs["password"]; !got.Secret || got.Value != nil {
		t.Errorf("password = %+v, want it secret and without a value", got)
	}
	wantNoChanges(t, preview(t, stack))

	outputs, err := stack.Outputs(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if got := outputs["password"]; got.Value != "hush-output" || !got.Secret {
		t.Errorf("password = %+v", got)
	}
	destroyed, err := stack.Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{"dev"}})
	if err != nil {
		t.Fatal(err)
	}
	valid(t, destroyed)
	if destroyed.Changes() == 0 || len(destroyed.Notes) > 0 {
		t.Errorf("destroyed %d, notes %q", destroyed.Changes(), destroyed.Notes)
	}
	if err := stack.RemoveLocal(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(engine.LocalFolder(root, "dev")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the local folder is still there: %v", err)
	}
}

func TestDiffsNamePropertiesAndMaskSecrets(t *testing.T) {
	s := usual
	stack := open(t, newRoot(t), &s)
	up(t, stack)
	s.value, s.topic = "two", "alerts"
	r := preview(t, stack)
	valid(t, r)
	i := slices.IndexFunc(find(t, r, "p1").Diffs, func(d engine.Diff) bool { return d.Property == "description" })
	if i < 0 || find(t, r, "p1").Diffs[i].Old != "one" || find(t, r, "p1").Diffs[i].New != "two" {
		t.Errorf("p1 = %+v, want description: one → two", find(t, r, "p1").Diffs)
	}
	for _, d := range find(t, r, "secret").Diffs {
		if text := fmt.Sprint(d); strings.Contains(text, "hush") {
			t.Errorf("a secret shows: %s", text)
		}
	}
	topic := find(t, r, "topic")
	if topic.Op != engine.OpReplace || !slices.Contains(topic.Replaces, "name") {
		t.Errorf("topic = %+v, want a replacement because of its name", topic)
	}
	if len(r.Dangers) != 0 {
		t.Errorf("dangers = %v, want none: a topic holds nothing", r.Dangers)
	}
}

func TestStatefulReplacementNeedsItsName(t *testing.T) {
	s := usual
	stack := open(t, newRoot(t), &s)
	up(t, stack)
	s.bucket = "berth-engine-test-2"
	_, err := stack.Up(t.Context(), engine.ChangeOptions{Confirm: []string{"topic"}})
	var refused *engine.RefusedError
	if !errors.As(err, &refused) || len(refused.Dangers) != 1 || refused.Dangers[0].Name != "bucket" || refused.Dangers[0].Op != engine.OpReplace {
		t.Fatalf("err = %v, want a refusal because of bucket", err)
	}
	s.bucket = usual.bucket
	wantNoChanges(t, preview(t, stack)) // nothing was done
	s.bucket = "berth-engine-test-2"
	r := up(t, stack, "bucket")
	if got := find(t, r, "bucket"); got.Op != engine.OpReplace || got.Status != engine.Done {
		t.Errorf("bucket = %+v", got)
	}
	s.parameters = 3
	wantNoChanges(t, preview(t, stack))
	_, err = stack.Destroy(t.Context(), engine.ChangeOptions{})
	if !errors.As(err, &refused) {
		t.Errorf("destroy without confirmation: %v", err)
	}
}

func TestProtectedLocalStackIsDestroyed(t *testing.T) {
	s := usual
	s.protect = true
	stack := open(t, newRoot(t), &s)
	up(t, stack)
	r, err := stack.Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{"dev"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != engine.Succeeded {
		t.Errorf("outcome = %s", r.Outcome)
	}
}

func TestFailureTellsWhatTheCloudSaid(t *testing.T) {
	s := usual
	root := newRoot(t)
	stack := open(t, root, &s, fault(t, "create:aws:ssm/parameter:Parameter#p1:fail"))
	r, err := stack.Up(t.Context(), engine.ChangeOptions{})
	var run *engine.RunError
	if !errors.As(err, &run) || !strings.Contains(err.Error(), "p1: ") {
		t.Fatalf("err = %v, want what happened to p1", err)
	}
	if got := find(t, r, "p1"); got.Status != engine.Failed {
		t.Errorf("p1 = %+v", got)
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, &s)
	r = up(t, again)
	if got := find(t, r, "p1"); got.Op != engine.OpCreate || got.Status != engine.Done {
		t.Errorf("p1 = %+v", got)
	}
	wantNoChanges(t, preview(t, again))
}

func TestProgramFailureIsShown(t *testing.T) {
	s := usual
	s.fail = true
	_, err := open(t, newRoot(t), &s).Preview(t.Context(), engine.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "the program does not like this") {
		t.Errorf("err = %v", err)
	}
}

func TestRefreshFindsNothingWhereNothingChanged(t *testing.T) {
	s := usual
	stack := open(t, newRoot(t), &s)
	up(t, stack)
	r, err := stack.Refresh(t.Context(), engine.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantNoChanges(t, r)
}

func TestOneRunAtATime(t *testing.T) {
	s := usual
	root := newRoot(t)
	first := open(t, root, &s)
	preview(t, first)
	_, err := open(t, root, &s).Preview(t.Context(), engine.RunOptions{})
	var busy *engine.BusyError
	if !errors.As(err, &busy) || busy.Run.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("err = %v, want one that names process %d", err, os.Getpid())
	}
}

func TestUnknownStackNamesTheOthers(t *testing.T) {
	s := usual
	_, err := engine.Open(t.Context(), engine.Options{Root: newRoot(t), Stack: "prd", Program: program(&s)})
	if err == nil || !strings.Contains(err.Error(), "there are: dev") {
		t.Errorf("err = %v", err)
	}
}

func TestLocalCopyHoldsNoRealSecretsProvider(t *testing.T) {
	s := usual
	root := newRoot(t)
	stack := open(t, root, &s)
	preview(t, stack)
	text, err := os.ReadFile(filepath.Join(engine.LocalFolder(root, "dev"), "work", "Pulumi.dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"awskms", "AQICAHreal", "v1:real:ciphertext"} {
		if strings.Contains(string(text), gone) {
			t.Errorf("the local copy holds %q:\n%s", gone, text)
		}
	}
	if !strings.Contains(string(text), "date: \"2027-06-30\"\n") {
		t.Errorf("the local copy lost the date:\n%s", text)
	}
	original, err := os.ReadFile(filepath.Join(root, "Pulumi.dev.yaml"))
	if err != nil || string(original) != stackYAML {
		t.Errorf("the stack's own file was changed: %v\n%s", err, original)
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	if r := preview(t, open(t, root, &s)); len(r.Notes) > 0 {
		t.Errorf("notes = %q, want none: the stand-in is kept", r.Notes)
	}
}
