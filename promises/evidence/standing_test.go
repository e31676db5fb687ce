package evidence_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

func looked(level promises.Level, daysAgo int, by string, findings ...promises.Finding) evidence.Proof {
	at := now.AddDate(0, 0, -daysAgo)
	return evidence.Proof{Level: level, At: at, ValidUntil: at.AddDate(0, 0, level.MaxAgeDays()), By: by, Findings: findings}
}

var (
	holds  = promises.Finding{Resource: "a", Found: "yes", Expected: "yes", Holds: true}
	fails  = promises.Finding{Resource: "b", Found: "no", Expected: "yes"}
	waived = promises.Finding{Resource: "c", Found: "no", Expected: "yes", Waiver: &promises.Waived{Reason: "agreed", Owner: "ada", Expires: "2026-12-05"}}
)

func TestStanding(t *testing.T) {
	type want struct {
		verdict promises.Verdict
		level   promises.Level
		stale   []promises.Level
	}
	for name, tc := range map[string]struct {
		proofs []evidence.Proof
		days   int // after now
		want   want
	}{
		"holds":                                    {[]evidence.Proof{looked(promises.Design, 0, "x", holds)}, 0, want{promises.Kept, promises.Design, nil}},
		"holds_on_its_last_day":                    {[]evidence.Proof{looked(promises.Design, 0, "x", holds)}, 30, want{promises.Kept, promises.Design, nil}},
		"stale_from_the_instant_on":                {[]evidence.Proof{looked(promises.Design, 0, "x", holds)}, 31, want{promises.NotShown, "", []promises.Level{promises.Design}}},
		"strongest_counts":                         {[]evidence.Proof{looked(promises.Design, 0, "x", holds), looked(promises.Drill, 50, "y", holds)}, 0, want{promises.Kept, promises.Drill, nil}},
		"falls_to_the_weaker":                      {[]evidence.Proof{looked(promises.Design, 0, "x", holds), looked(promises.Live, 3, "y", holds)}, 4, want{promises.Kept, promises.Design, []promises.Level{promises.Live}}},
		"a_stronger_one_outlives_the_weaker":       {[]evidence.Proof{looked(promises.Design, 0, "x", holds), looked(promises.Drill, 0, "y", holds)}, 60, want{promises.Kept, promises.Drill, []promises.Level{promises.Design}}},
		"broken_outweighs":                         {[]evidence.Proof{looked(promises.Design, 0, "x", holds), looked(promises.Live, 1, "y", holds, fails)}, 0, want{promises.Broken, "", nil}},
		"age_does_not_heal":                        {[]evidence.Proof{looked(promises.Design, 0, "x", holds), looked(promises.Live, 1, "y", fails)}, 20, want{promises.NotShown, "", []promises.Level{promises.Live}}},
		"a_later_look_of_the_same_replaces":        {[]evidence.Proof{looked(promises.Live, 2, "y", fails), looked(promises.Live, 1, "y", holds)}, 0, want{promises.Kept, promises.Live, nil}},
		"a_look_of_another_does_not":               {[]evidence.Proof{looked(promises.Live, 2, "y", fails), looked(promises.Live, 1, "z", holds)}, 0, want{promises.Broken, "", nil}},
		"two_looks_one_stale":                      {[]evidence.Proof{looked(promises.Live, 5, "y", holds), looked(promises.Live, 1, "z", holds)}, 3, want{promises.Kept, promises.Live, nil}},
		"waived":                                   {[]evidence.Proof{looked(promises.Design, 0, "x", holds, waived)}, 0, want{promises.WaivedVerdict, promises.Design, nil}},
		"waived_on_the_last_day":                   {[]evidence.Proof{looked(promises.Design, 0, "x", holds, waived)}, 14, want{promises.WaivedVerdict, promises.Design, nil}},
		"broken_when_the_waiver_ends":              {[]evidence.Proof{looked(promises.Design, 0, "x", holds, waived)}, 15, want{promises.Broken, "", nil}},
		"not_shown_when_that_is_too_long_ago":      {[]evidence.Proof{looked(promises.Design, 0, "x", holds, waived)}, 32, want{promises.NotShown, "", []promises.Level{promises.Design}}},
		"a_waiver_whose_date_is_no_date_is_broken": {[]evidence.Proof{looked(promises.Design, 0, "x", promises.Finding{Resource: "c", Waiver: &promises.Waived{Expires: "soon"}})}, 0, want{promises.Broken, "", nil}},
	} {
		t.Run(name, func(t *testing.T) {
			got := evidence.Promise{Standing: evidence.Standing{Verdict: promises.NotShown}, Proofs: tc.proofs}.At(now.AddDate(0, 0, tc.days))
			if diff := cmp.Diff(tc.want, want{got.Verdict, got.Level, got.Stale}, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Verdict == promises.NotShown && got.Why == "" {
				t.Error("nothing says why it is not shown")
			}
		})
	}
}

func TestStandingWithoutProofs(t *testing.T) {
	for _, verdict := range []promises.Verdict{promises.NotShown, promises.ClientsDuty, promises.NotApplicable} {
		recorded := evidence.Standing{Verdict: verdict, Why: "so it is"}
		p := evidence.Promise{Standing: recorded}
		if got := p.At(now.AddDate(9, 0, 0)); !cmp.Equal(got, recorded) {
			t.Errorf("%s became %v with time", verdict, got)
		}
		if got := p.Turns(now); got != nil {
			t.Errorf("%s turns at %v", verdict, got)
		}
	}
}

// TestTurns holds the turning points against a look at every hour.
func TestTurns(t *testing.T) {
	d := exampleDocument(t)
	var hourly []time.Time
	before := d.At(now)
	for at := now; at.Before(now.AddDate(0, 2, 0)); at = at.Add(time.Minute * 30) {
		if s := d.At(at); s != before {
			hourly, before = append(hourly, at), s
		}
	}
	turns := d.Turns(now)
	for _, at := range hourly {
		if !slices.ContainsFunc(turns, at.Equal) {
			t.Errorf("the summary changes at %v, which is no turn", at)
		}
	}
	want := []string{"2026-11-25T09:30:00Z", "2026-12-06T00:00:00Z", "2026-12-22T09:30:00Z"} // live grows stale, the waiver ends, design grows stale
	var got []string
	for _, at := range turns {
		got = append(got, at.Format(time.RFC3339))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	last := d.At(turns[len(turns)-1])
	if last.Promises.Kept+last.Promises.Waived+last.Promises.Broken != 0 || last.Promises.Stale != 3 || last.Baseline.Stale != 2 {
		t.Errorf("stale evidence still counts: %+v", last)
	}
}
