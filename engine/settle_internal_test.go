package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// fakeFinder judges by a property.
type fakeFinder struct{}

func (fakeFinder) Find(_ context.Context, pending []Pending) ([]Finding, error) {
	findings := make([]Finding, len(pending))
	for i, p := range pending {
		findings[i] = Finding{Verdict: Candidate, ID: "id of " + p.Name}
	}
	return findings, nil
}

func (fakeFinder) Judge(_ Pending, read map[string]any) Finding {
	verdict, _ := read["verdict"].(string)
	return Finding{Verdict: Verdict(verdict), Why: "as it was read"}
}
func (fakeFinder) Gone(_ Pending, message string) bool                     { return message == "no such thing" }
func (fakeFinder) Finish(context.Context, Pending, string) (string, error) { return "", nil }

func TestLook(t *testing.T) {
	read := func(id, verdict string) reading {
		return reading{Resource: &apitype.ResourceV3{ID: resource.ID(id), Outputs: map[string]any{"verdict": verdict}}}
	}
	for name, tc := range map[string]struct {
		answer   reading
		settling Settling
		known    []string
		want     Verdict
		why      string
	}{
		"it is ours":                  {answer: read("9", "ours"), want: Ours},
		"it is somebody else's":       {answer: read("9", "unknown"), want: Unknown, why: "as it was read"},
		"nothing is there":            {want: Absent},
		"nothing is there, in words":  {answer: reading{Err: errors.New("no such thing")}, want: Absent},
		"it cannot be read":           {answer: reading{Err: errors.New("denied")}, want: Unknown, why: "denied"},
		"what it shall replace":       {answer: read("1", "ours"), known: []string{"1"}, want: Absent},
		"a person says where it is":   {answer: read("9", "unknown"), settling: Settling{Exists: map[string]string{"a": "9"}}, want: Ours},
		"a person is wrong":           {settling: Settling{Exists: map[string]string{"a": "8"}}, want: Unknown, why: "nothing with the id 8"},
		"a person names another one":  {answer: read("1", "ours"), settling: Settling{Exists: map[string]string{"a": "1"}}, known: []string{"1"}, want: Unknown, why: "has 1 already"},
		"a person says it is not":     {settling: Settling{Absent: []string{"x::a"}}, want: Absent},
		"a person says, of all names": {answer: read("9", "unknown"), settling: Settling{Exists: map[string]string{"x::a": "9"}}, want: Ours},
	} {
		t.Run(name, func(t *testing.T) {
			tc.settling.Finder = fakeFinder{}
			s := &Stack{options: Options{Stack: "prod", Settling: tc.settling, Clock: time.Now}}
			s.read = func(_ context.Context, _ *apitype.DeploymentV3, stubs []apitype.ResourceV3) ([]reading, error) {
				if len(stubs) != 1 || len(stubs[0].Inputs)+len(stubs[0].Outputs) > 0 {
					t.Errorf("read %+v, want a stub that pretends nothing", stubs)
				}
				return []reading{tc.answer}, nil
			}
			creates := []apitype.ResourceV3{res("x::a", "", func(r *apitype.ResourceV3) { r.Inputs = map[string]any{"wanted": true} })}
			pending := []Pending{{URN: "x::a", Name: "a", Known: tc.known}}
			findings, err := s.find(t.Context(), pending)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := s.look(t.Context(), &apitype.DeploymentV3{}, creates, pending, findings)
			if err != nil {
				t.Fatal(err)
			}
			if got := findings[0]; got.Verdict != tc.want || !strings.Contains(got.Why, tc.why) || (len(objects) == 1) != (tc.want == Ours) {
				t.Errorf("got %+v and %d objects, want %s %q", got, len(objects), tc.want, tc.why)
			}
		})
	}
}

func TestWhatIsOnItsWayIsFound(t *testing.T) {
	s := &Stack{options: Options{Settling: Settling{Finder: fakeFinder{}, Pauses: []time.Duration{0, 0}, Absent: []string{"c"}}, Clock: time.Now}}
	var asked []string
	s.read = func(_ context.Context, _ *apitype.DeploymentV3, stubs []apitype.ResourceV3) ([]reading, error) {
		var answers []reading
		for _, one := range stubs {
			asked = append(asked, string(one.URN))
			answers = append(answers, reading{})
			if one.URN == "x::a" || len(asked) == 4 { // b comes at the third look
				answers[len(answers)-1] = reading{Resource: &apitype.ResourceV3{ID: "9", Outputs: map[string]any{"verdict": "ours"}}}
			}
		}
		return answers, nil
	}
	creates := []apitype.ResourceV3{res("x::a", "", nil), res("x::b", "", nil), res("x::c", "", nil)}
	pending := []Pending{{URN: "x::a", Name: "a"}, {URN: "x::b", Name: "b"}, {URN: "x::c", Name: "c"}}
	findings, read, err := s.search(t.Context(), &apitype.DeploymentV3{}, creates, pending)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(asked); got != "[x::a x::b x::b x::b]" {
		t.Errorf("asked %s", got)
	}
	if findings[0].Verdict != Ours || findings[1].Verdict != Ours || findings[2].Verdict != Absent || len(read) != 2 {
		t.Errorf("findings = %+v, read %v", findings, read)
	}
}

func TestWhatIsNeverFinishedIsForAPerson(t *testing.T) {
	now := time.Unix(0, 0)
	s := &Stack{options: Options{Settling: Settling{Finder: fakeFinder{}}, Clock: func() time.Time {
		now = now.Add(unfinishedFor)
		return now
	}}}
	asked := 0
	s.read = func(context.Context, *apitype.DeploymentV3, []apitype.ResourceV3) ([]reading, error) {
		asked++
		now = now.Add(time.Second)
		return []reading{{Resource: &apitype.ResourceV3{ID: "9", Outputs: map[string]any{"verdict": "unfinished"}}}}, nil
	}
	findings := []Finding{{Verdict: Candidate, ID: "9"}}
	objects, err := s.look(t.Context(), &apitype.DeploymentV3{}, []apitype.ResourceV3{res("x::a", "", nil)}, []Pending{{URN: "x::a"}}, findings)
	if err != nil || len(objects) > 0 || asked != 1 || findings[0].Verdict != Unknown || findings[0].Why != "as it was read" {
		t.Errorf("%+v, %v objects, %v after %d readings", findings, objects, err, asked)
	}
}

func TestAStubPretendsNothing(t *testing.T) {
	r := stub(res("x::a", "", func(r *apitype.ResourceV3) {
		r.Inputs, r.Parent, r.Provider = map[string]any{"a": 1}, "p", "provider"
	}), "9")
	if r.ID != "9" || r.Provider != "provider" || r.Parent != "" || len(r.Inputs)+len(r.Outputs) > 0 {
		t.Errorf("stub = %+v", r)
	}
}

func TestPendingErrorSaysWhatToRun(t *testing.T) {
	two := []OpenCreation{{URN: "urn:x::a", Why: "several: 1, 2"}, {URN: "urn:x::b"}}
	for _, tc := range []struct {
		err  PendingError
		want []string
	}{
		{PendingError{Stack: "prod", Creates: two}, []string{"urn:x::a\n    several: 1, 2", "berth up prod --exists a=<id> --absent b"}},
		{PendingError{Stack: "prod", Creates: two[:1]}, []string{"--exists a=<id>\n", "berth up prod --absent a"}},
		{PendingError{Stack: "prod", Creates: two, Elsewhere: true}, []string{"wait for it", "berth up prod --settle"}},
	} {
		for _, want := range tc.want {
			if !strings.Contains(tc.err.Error(), want) {
				t.Errorf("want %q in %q", want, tc.err.Error())
			}
		}
	}
}

func TestSecretsAreReadBare(t *testing.T) {
	const sig = "4dabf18193072939515e22adb298388d"
	secret := map[string]any{sig: "1b47061264138c4ac30d75fd1eb44270", "plaintext": `{"a":["hush"]}`}
	if got := fmt.Sprint(bare(map[string]any{"x": secret, "y": []any{secret, 1}})); got != "map[x:map[a:[hush]] y:[map[a:[hush]] 1]]" {
		t.Error(got)
	}
}
