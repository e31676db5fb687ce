package promises_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// locked is a promise that every queue has a key.
var locked = promises.Promise{
	ID: "DP-90", Title: "Queues are locked", Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
	Check: func(s promises.Subject, r *promises.Report) {
		for _, q := range r.Must(s.Graph.OfType("aws:sqs/queue:Queue"), "queue", "a queue with a key", "add one") {
			r.Want(q, q.Has("kmsMasterKeyId"), "kmsMasterKeyId", "a key", "name a key")
		}
	},
}

func queue(name string, inputs map[string]any) *graph.Resource {
	return &graph.Resource{Type: "aws:sqs/queue:Queue", Name: name, URN: "urn:pulumi:test::berth::aws:sqs/queue:Queue::" + name, Inputs: inputs}
}

func client(waivers ...spec.Waiver) *spec.Spec {
	return &spec.Spec{Kind: spec.KindAWSClient, AWSClient: &spec.AWSClient{Environment: spec.Production, Waivers: waivers}}
}

func waiver(promise, resource, expires string) spec.Waiver {
	day, err := time.Parse(time.DateOnly, expires)
	if err != nil {
		panic(err)
	}
	return spec.Waiver{Promise: promise, Resource: resource, Reason: "agreed", Owner: "ada@northwind.example", Expires: spec.Date{Time: day}}
}

func assess(t *testing.T, s *spec.Spec, resources ...*graph.Resource) (*promises.Assessment, error) {
	t.Helper()
	return promises.Assess(promises.Subject{Stack: "test", Spec: s, Graph: graph.New(resources), Now: now}, []promises.Promise{locked}, nil)
}

func TestVerdicts(t *testing.T) {
	keyed, open := queue("keyed", map[string]any{"kmsMasterKeyId": "k"}), queue("open", nil)
	other := &graph.Resource{Type: "aws:sns/topic:Topic", Name: "other", URN: "urn:pulumi:test::berth::aws:sns/topic:Topic::other"}
	for name, tc := range map[string]struct {
		resources []*graph.Resource
		waivers   []spec.Waiver
		want      promises.Verdict
		warning   string
	}{
		"nothing to look at":        {nil, nil, promises.NotShown, ""},
		"what it needs is missing":  {[]*graph.Resource{other}, nil, promises.Broken, ""},
		"missing and waived":        {[]*graph.Resource{other}, []spec.Waiver{waiver("DP-90", "stack", "2027-06-30")}, promises.WaivedVerdict, ""},
		"all as promised":           {[]*graph.Resource{keyed}, nil, promises.Kept, ""},
		"one is not":                {[]*graph.Resource{keyed, open}, nil, promises.Broken, ""},
		"that one is waived":        {[]*graph.Resource{keyed, open}, []spec.Waiver{waiver("DP-90", "open", "2027-06-30")}, promises.WaivedVerdict, ""},
		"another one is waived":     {[]*graph.Resource{keyed, open}, []spec.Waiver{waiver("DP-90", "keyed", "2027-06-30")}, promises.Broken, "is needed by nothing"},
		"waived until yesterday":    {[]*graph.Resource{open}, []spec.Waiver{waiver("DP-90", "open", "2026-11-20")}, promises.Broken, "for open ended on 2026-11-20"},
		"waived, and it ends soon":  {[]*graph.Resource{open}, []spec.Waiver{waiver("DP-90", "open", "2026-12-01")}, promises.WaivedVerdict, "ends on 2026-12-01"},
		"waived, and it ends today": {[]*graph.Resource{open}, []spec.Waiver{waiver("DP-90", "open", "2026-11-21")}, promises.WaivedVerdict, "ends on 2026-11-21"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := assess(t, client(tc.waivers...), tc.resources...)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Promises[0].Verdict; got != tc.want {
				t.Errorf("verdict %q, want %q: %+v", got, tc.want, a.Promises[0].Findings)
			}
			if refused := a.Refusal("test") != nil; refused != (tc.want == promises.Broken) {
				t.Errorf("refused: %v", refused)
			}
			if got := strings.Join(a.Warnings, "\n"); (tc.warning == "") != (got == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
		})
	}
}

func TestWaiversThatCountForNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		waiver spec.Waiver
		want   string
	}{
		"unknown":     {waiver("ZZ-1", "open", "2027-01-01"), `waivers[0].promise: "ZZ-1" is no promise or control`},
		"nearly it":   {waiver("Dp90", "open", "2027-01-01"), "did you mean DP-90?"},
		"other space": {waiver("DP.90", "open", "2027-01-01"), "did you mean DP-90?"},
	} {
		if _, err := assess(t, client(tc.waiver), queue("open", nil)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: err = %v, want %q", name, err, tc.want)
		}
	}
}

// One deviation needs one waiver: what a promise's waiver covers, a control of the same property does not ask for again.
func TestWaiverOfAPromiseCoversTheSamePropertyInTheBaseline(t *testing.T) {
	same := promises.Control{ID: "SQS.1", Title: "Queues are encrypted", Check: locked.Check}
	other := promises.Control{ID: "SQS.2", Title: "Queues are short", Check: func(s promises.Subject, r *promises.Report) {
		for _, q := range s.Graph.OfType("aws:sqs/queue:Queue") {
			r.Want(q, false, "maxMessageSize", "less", "shorten it")
		}
	}}
	a, err := promises.Assess(promises.Subject{Stack: "test", Spec: client(waiver("DP-90", "open", "2027-06-30")), Graph: graph.New([]*graph.Resource{queue("open", nil)}), Now: now},
		[]promises.Promise{locked}, []promises.Control{same, other})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []promises.Verdict{promises.WaivedVerdict, promises.Broken} {
		if got := a.Baseline[i]; got.Verdict != want {
			t.Errorf("%s is %s, want %s", got.ID, got.Verdict, want)
		}
	}
}

func TestWhoKeepsIt(t *testing.T) {
	theirs, elsewhere, later := locked, locked, locked
	theirs.ID, theirs.Duties = "DP-91", map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Clients}
	elsewhere.ID, elsewhere.Duties = "DP-92", map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours}
	later.ID, later.Check = "DP-93", nil
	staging := client()
	staging.AWSClient.Environment = spec.Staging
	production := locked
	production.ID, production.ProductionOnly = "DP-94", true
	a, err := promises.Assess(promises.Subject{Stack: "test", Spec: staging, Graph: graph.New([]*graph.Resource{queue("open", nil)}), Now: now},
		[]promises.Promise{theirs, elsewhere, later, production}, []promises.Control{{ID: "SQS.1", Check: func(promises.Subject, *promises.Report) {}}})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]promises.Verdict{"DP-91": promises.ClientsDuty, "DP-93": promises.NotShown, "DP-94": promises.NotApplicable, "SQS.1": promises.NotApplicable} {
		if got, known := a.Result(id); !known || got.Verdict != want {
			t.Errorf("%s is %q, want %q", id, got.Verdict, want)
		}
	}
	if _, known := a.Result("DP-92"); known {
		t.Error("a promise for other hosting is judged")
	}
}

func TestRefusalNamesWhatMendsIt(t *testing.T) {
	a, err := assess(t, client(), queue("open", nil))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Refusal("acme")
	var refusal *promises.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("err = %v", err)
	}
	for _, want := range []string{"stack acme", "nothing was done", "DP-90 Queues are locked", "open.kmsMasterKeyId", "found absent", "expected a key", "name a key", "waivers:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestEffects(t *testing.T) {
	state := func(resources ...*graph.Resource) *promises.Assessment {
		a, err := assess(t, client(), resources...)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	key := func(id string) *graph.Resource { return queue("q", map[string]any{"kmsMasterKeyId": id}) }
	for name, tc := range map[string]struct {
		before, after *promises.Assessment
		touched       bool
		want          promises.EffectKind
		point         string
	}{
		"a key is taken away":          {state(key("a")), state(queue("q", nil)), true, promises.Breaks, "q.kmsMasterKeyId: a → absent"},
		"a key comes":                  {state(queue("q", nil)), state(key("a")), true, promises.Strengthens, "q.kmsMasterKeyId: absent → a"},
		"a new stack":                  {state(), state(key("a")), true, promises.Strengthens, "q.kmsMasterKeyId: a"},
		"another key":                  {state(key("a")), state(key("b")), true, promises.Touches, "q.kmsMasterKeyId: a → b"},
		"the same key by another name": {state(key("a")), state(key("b")), false, "", ""},
		"nothing":                      {state(key("a")), state(key("a")), true, "", ""},
	} {
		effects := promises.Effects(tc.before, tc.after, func(promises.Finding) bool { return tc.touched })
		if tc.want == "" {
			if len(effects) > 0 {
				t.Errorf("%s: %+v", name, effects)
			}
			continue
		}
		if len(effects) != 1 || effects[0].Kind != tc.want || len(effects[0].Points) != 1 || effects[0].Points[0] != tc.point {
			t.Errorf("%s: %+v, want it %s by %q", name, effects, tc.want, tc.point)
		}
	}
}
