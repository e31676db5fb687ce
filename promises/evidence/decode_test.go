package evidence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

func TestDecodeErrors(t *testing.T) {
	good := string(encode(t, exampleDocument(t)))
	for name, tc := range map[string]struct {
		old, new string // the first old becomes new; an empty old stands for the whole text
		want     []string
	}{
		"empty":                {"", " \n", []string{"is empty", "berth evidence"}},
		"no_JSON":              {"", "<html>", []string{"line 1: the file is not JSON"}},
		"cut_off":              {"", good[:len(good)/2], []string{"is not JSON", "fetch the file again"}},
		"JSON_of_another_kind": {"", "[1]", []string{"holds a list, not an object"}},
		"another_document":     {"", `{"name": "berth"}`, []string{"does not say that it is evidence"}},
		"goes_on":              {"", good + "{}", []string{"is not JSON"}},
		"another_format":       {"berth.evidence/1", "berth.evidence/2", []string{`in form "berth.evidence/2", this release reads "berth.evidence/1"`, "the release of Berth that made it"}},
		"unknown_field":        {`"stack":`, `"stak": 1, "stack":`, []string{"subject.stak: this release knows no such field"}},
		"unknown_field_below":  {`"holds": true`, `"holds": true, "note": ""`, []string{"promises[1].proofs[0].findings[0].note: this release knows no such field"}},
		"other_case":           {`"stack": "prod"`, `"Stack": "prod"`, []string{"subject.Stack: this release knows no such field", "subject.stack: is missing"}},
		"twice":                {`"stack": "prod"`, `"stack": "prod", "stack": "other"`, []string{"subject.stack: comes twice"}},
		"missing":              {`"account": "123456789012",`, ``, []string{"subject.account: is missing"}},
		"all_at_once":          {`"stack": "prod",`, `"stak": "prod", "regions": 7,`, []string{"subject.stack: is missing", "subject.stak: this release", "subject.regions: comes twice", "subject.regions: here stands a number, expected is a list"}},
		"wrong_type":           {`"resources": 3`, `"resources": "3"`, []string{"source.resources: here stands a text, expected is a number"}},
		"no_whole_number":      {`"resources": 3`, `"resources": 3.5`, []string{"source.resources: 3.5 is no whole number"}},
		"null":                 {`"serial": 12`, `"serial": null`, []string{"source.state.serial: here stands null"}},
		"no_truth":             {`"holds": true`, `"holds": 1`, []string{"findings[0].holds: here stands a number, expected is true or false"}},
		"no_time":              {`"made": "2026-11-21T09:30:00Z"`, `"made": "yesterday"`, []string{`made: "yesterday" is no time in UTC`}},
		"time_of_a_zone":       {`"made": "2026-11-21T09:30:00Z"`, `"made": "2026-11-21T09:30:00+01:00"`, []string{"is no time in UTC"}},
		"unknown_verdict":      {`"verdict": "kept"`, `"verdict": "fine"`, []string{`promises[1].standing.verdict: "fine" is none of`}},
		"unknown_level":        {`"level": "live"`, `"level": "alive"`, []string{`promises[0].toReach[0].level: "alive" is none of`}},
		"flattered":            {`"verdict": "not shown"`, `"verdict": "kept"`, []string{`promises[0].standing.verdict: AV-1 stands as "kept" without a proof`, "summary: it does not count what the document holds"}},
		"broken_called_kept":   {`"verdict": "broken"`, `"verdict": "kept"`, []string{"promises[2].standing: the standing of BK-4 does not follow from its proofs"}},
		"finding_turned":       {`"holds": false`, `"holds": true`, []string{`promises[2].proofs[0].verdict: found "broken"; the findings make it "kept"`}},
		"summary":              {`"kept": 1`, `"kept": 40`, []string{"summary: it does not count what the document holds"}},
		"cloud_hidden":         {`"cloud": "embedded"`, `"cloud": "real"`, []string{"subject.statement: a stack on the embedded cloud has to say so"}},
		"no_hash":              {`"sha256": "abab`, `"sha256": "xyxy`, []string{"source.state.sha256: ", "is no SHA-256"}},
		"no_signer":            {`"signer": "b67d`, `"signer": "B67D`, []string{"signer: ", "is no SHA-256"}},
		"same_promise_twice":   {`"id": "AV-3"`, `"id": "AV-1"`, []string{"promises[1].id: AV-1 comes twice"}},
		"never_stale":          {`"validUntil": "2026-12-22T09:30:00Z"`, `"validUntil": "2026-11-20T09:30:00Z"`, []string{"promises[1].proofs[0].validUntil: ", "is not after"}},
		"proof_of_tomorrow":    {`"at": "2026-11-21T09:30:00Z"`, `"at": "2026-11-22T09:30:00Z"`, []string{"promises[1].proofs[0].at: ", "is after the document was made"}},
		"client's_duty_turned": {`"duty": "client"`, `"duty": "ours"`, []string{"what the client keeps is the client's duty"}},
		"waiver_of_nothing":    {`"promise": "DP-8"`, `"promise": ""`, []string{`waivers[0].promise: is empty`}},
		"waiver_without_date":  {`"expires": "2026-12-05"`, `"expires": "soon"`, []string{`findings[1].waiver.expires: "soon" is no day`}},
		"severity":             {`"severity": "high"`, `"severity": "huge"`, []string{`baseline[0].severity: "huge" is none of`}},
	} {
		t.Run(name, func(t *testing.T) {
			text := tc.new
			if tc.old != "" {
				text = strings.Replace(good, tc.old, tc.new, 1)
			}
			if text == good {
				t.Fatal("the edit changes nothing")
			}
			_, err := evidence.Decode([]byte(text))
			if err == nil {
				t.Fatal("it was read")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v\nwant it to say %q", err, want)
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, exampleDocument(f)))
	f.Add([]byte(`{"format": "berth.evidence/1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := evidence.Decode(text)
		if err != nil {
			return
		}
		again, err := evidence.Decode(encode(t, d))
		if err != nil {
			t.Fatalf("what was read and written cannot be read again: %v", err)
		}
		if d.Summary != again.Summary {
			t.Error("the summary changed on the way")
		}
	})
}

func TestMakeErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(in *evidence.Input)
		want string
	}{
		"no_assessment":            {func(in *evidence.Input) { in.Assessment = nil }, "there is no assessment"},
		"no_spec":                  {func(in *evidence.Input) { in.Subject.Spec = nil }, "no spec"},
		"no_group":                 {func(in *evidence.Input) { in.Group = nil }, "groups of promises"},
		"promise_not_given":        {func(in *evidence.Input) { in.Promises = in.Promises[1:] }, "AV-1 was assessed but is not among the promises"},
		"control_not_given":        {func(in *evidence.Input) { in.Controls = in.Controls[1:] }, "EC2.8 was assessed but is not among the controls"},
		"no_cloud":                 {func(in *evidence.Input) { in.Cloud = "" }, "subject.cloud"},
		"state_without_its_name":   {func(in *evidence.Input) { in.Source.State = nil }, "source.state"},
		"program_with_a_state":     {func(in *evidence.Input) { in.Source.Kind = evidence.FromProgram }, "source.state"},
		"state_without_its_time":   {func(in *evidence.Input) { in.Source.State.Updated = time.Time{} }, "source.state.updated: is missing"},
		"no_release":               {func(in *evidence.Input) { in.Release = evidence.Release{} }, "release.version"},
		"proof_of_nothing":         {func(in *evidence.Input) { in.Proofs["XX-1"] = in.Proofs["AV-3"] }, "XX-1, which was not assessed"},
		"proof_of_a_client's":      {func(in *evidence.Input) { in.Proofs["AC-11"] = in.Proofs["AV-3"] }, "AC-11, which stands as client's duty"},
		"proof_at_level_design":    {func(in *evidence.Input) { in.Proofs["AV-3"][0].Level = promises.Design }, "only the assessment makes"},
		"proof_from_tomorrow":      {func(in *evidence.Input) { in.Proofs["AV-3"][0].At = now.AddDate(0, 0, 1) }, "check the clocks"},
		"proof_that_saw_nothing":   {func(in *evidence.Input) { in.Proofs["AV-3"][0].Findings = nil }, "looked at nothing"},
		"proof_by_nobody":          {func(in *evidence.Input) { in.Proofs["AV-3"][0].By = "" }, "who looked"},
		"proof_at_a_strange_level": {func(in *evidence.Input) { in.Proofs["AV-3"][0].Level = "rumour" }, `"rumour" is none of`},
	} {
		t.Run(name, func(t *testing.T) {
			in := exampleInput(t)
			tc.edit(&in)
			if _, err := evidence.Make(in); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "stack prod") {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestMakeFromProgram(t *testing.T) {
	in := exampleInput(t)
	in.Source, in.Cloud, in.Signer = evidence.Source{Kind: evidence.FromProgram}, evidence.Real, nil
	d, err := evidence.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	if d.Source.Statement == "" || d.Subject.Statement != "" || d.Signer != "" {
		t.Errorf("statements: %q, %q; signer %q", d.Source.Statement, d.Subject.Statement, d.Signer)
	}
	if by := d.Promises[1].Proofs[0].By; !strings.Contains(by, "program") {
		t.Errorf("the proof is by %q", by)
	}
	if _, err := evidence.Decode(encode(t, d)); err != nil {
		t.Error(err)
	}
}
