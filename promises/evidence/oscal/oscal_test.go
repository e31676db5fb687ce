package oscal_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defenseunicorns/go-oscal/src/pkg/validation"
	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/internal/example"
	"github.com/berth-iac/berth/promises/evidence/oscal"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func exampleDocument(t *testing.T) *evidence.Document {
	t.Helper()
	d, err := example.Document()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func results(t *testing.T, d *evidence.Document, now time.Time) []byte {
	t.Helper()
	text, err := oscal.Results(d, now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGolden(t *testing.T) {
	const path = "testdata/example.json"
	got := results(t, exampleDocument(t), example.Now())
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run with -update:\n%s", path, diff)
	}
}

// variants are documents of every shape that changes which fields are there.
func variants(t *testing.T) map[string][]byte {
	empty := exampleDocument(t)
	empty.Promises, empty.Baseline = nil, nil
	unsigned := exampleDocument(t)
	unsigned.Signer, unsigned.Source.State, unsigned.Subject.Environment = "", nil, ""
	hostile := exampleDocument(t)
	for i := range hostile.Promises {
		p := &hostile.Promises[i]
		p.Title, p.Sentence = "*bold* <script> [x](javascript:1) {{ insert }}", " two\nlines "
		for j := range p.Proofs {
			for k := range p.Proofs[j].Findings {
				f := &p.Proofs[j].Findings[k]
				f.Found, f.Resource, f.Fix = "\x00\u202e", " \n ", "\"quoted\" \\ `code`"
			}
		}
	}
	return map[string][]byte{
		"example":     results(t, exampleDocument(t), example.Now()),
		"grown stale": results(t, exampleDocument(t), example.Now().AddDate(0, 3, 0)),
		"empty":       results(t, empty, example.Now()),
		"unsigned":    results(t, unsigned, example.Now()),
		"hostile":     results(t, hostile, example.Now()),
	}
}

// TestSchema holds results against NIST's own JSON schema.
func TestSchema(t *testing.T) {
	for name, text := range variants(t) {
		if err := validate(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, edit := range map[string][2]string{
		"a field too many":   {`"import-ap": {`, `"stray": 1, "import-ap": {`},
		"a state of its own": {`"state": "satisfied"`, `"state": "nearly"`},
		"no UUID":            {`"observation-uuid": "`, `"observation-uuid": "x`},
	} {
		text := strings.Replace(string(results(t, exampleDocument(t), example.Now())), edit[0], edit[1], 1)
		if err := validate(t, []byte(text)); err == nil {
			t.Errorf("%s fits the schema: it does not bite", name)
		}
	}
}

func validate(t *testing.T, text []byte) error {
	t.Helper()
	validator, err := validation.NewValidatorDesiredVersion(text, oscal.Version)
	if err != nil {
		t.Fatal(err)
	}
	return validator.Validate()
}

// TestReferences holds what the schema cannot say: every UUID comes once, and every reference leads somewhere.
func TestReferences(t *testing.T) {
	for name, text := range variants(t) {
		var root any
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		defined, used, objectives, targets := map[string]int{}, []string{}, map[string]bool{}, []string{}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case []any:
				for _, element := range v {
					walk(element)
				}
			case map[string]any:
				for key, element := range v {
					value, _ := element.(string)
					switch {
					case key == "uuid":
						defined[value]++
					case strings.HasSuffix(key, "-uuid"):
						used = append(used, value)
					case key == "href" && strings.HasPrefix(value, "#"):
						used = append(used, value[1:])
					case key == "target-id":
						targets = append(targets, value)
					case key == "id":
						objectives[value] = true
					}
					walk(element)
				}
			}
		}
		walk(root)
		for id, n := range defined {
			if n != 1 {
				t.Errorf("%s: %s is defined %d times", name, id, n)
			}
		}
		for _, id := range used {
			if defined[id] == 0 {
				t.Errorf("%s: %s leads nowhere", name, id)
			}
		}
		for _, id := range targets {
			if !objectives[id] {
				t.Errorf("%s: the target %s is no objective", name, id)
			}
		}
	}
}

func TestUUIDsAreStable(t *testing.T) {
	uuid := regexp.MustCompile(`"uuid": "([^"]+)"`)
	all := func(text []byte) []string {
		var found []string
		for _, m := range uuid.FindAllSubmatch(text, -1) {
			found = append(found, string(m[1]))
		}
		return found
	}
	first, second := all(results(t, exampleDocument(t), example.Now())), all(results(t, exampleDocument(t), example.Now()))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same document gives other UUIDs:\n%s", diff)
	}
	in, err := example.Input()
	if err != nil {
		t.Fatal(err)
	}
	in.Source.State.Serial++
	later, err := evidence.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	other := all(results(t, later, example.Now()))
	shared := 0
	for _, id := range first {
		if slices.Contains(other, id) {
			shared++
		}
	}
	if want := 3 + 2; shared != want { // the resources, the release and the platform
		t.Errorf("another document shares %d UUIDs, want %d", shared, want)
	}
}

func TestVerdicts(t *testing.T) {
	type found struct{ State, Reason, Risk string }
	at := func(now time.Time) map[string]found {
		var file struct {
			Results struct {
				Results []struct {
					Findings []struct {
						Target struct {
							ID     string                         `json:"target-id"`
							Status struct{ State, Reason string } `json:"status"`
						} `json:"target"`
						Risks []struct {
							UUID string `json:"risk-uuid"`
						} `json:"related-risks"`
					} `json:"findings"`
					Risks []struct{ UUID, Status string } `json:"risks"`
				} `json:"results"`
			} `json:"assessment-results"`
		}
		if err := json.Unmarshal(results(t, exampleDocument(t), now), &file); err != nil {
			t.Fatal(err)
		}
		stood := map[string]found{}
		for _, f := range file.Results.Results[0].Findings {
			one := found{State: f.Target.Status.State, Reason: f.Target.Status.Reason}
			for _, r := range file.Results.Results[0].Risks {
				if len(f.Risks) > 0 && r.UUID == f.Risks[0].UUID {
					one.Risk = r.Status
				}
			}
			stood[strings.TrimSuffix(f.Target.ID, "_objective")] = one
		}
		return stood
	}
	want := map[string]found{
		"AV-1": {"not-satisfied", "other", ""}, "AV-3": {"satisfied", "pass", ""}, "BK-4": {"not-satisfied", "fail", "open"},
		"DP-8": {"not-satisfied", "other", "deviation-approved"}, "AC-9": {"not-satisfied", "other", ""}, "RDS.3": {"satisfied", "pass", ""}, "S3.1": {"satisfied", "pass", ""},
	}
	if diff := cmp.Diff(want, at(example.Now())); diff != "" {
		t.Errorf("when it was made (-want +got):\n%s", diff)
	}
	want["DP-8"] = found{"not-satisfied", "fail", "open"}
	if diff := cmp.Diff(want, at(example.Now().AddDate(0, 0, 15))); diff != "" {
		t.Errorf("when the waiver has ended (-want +got):\n%s", diff)
	}
	for id, f := range at(example.Now().AddDate(1, 0, 0)) {
		if f.State != "not-satisfied" {
			t.Errorf("%s is satisfied a year later", id)
		}
	}
}
