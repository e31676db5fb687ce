package questionnaire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// few are promises of each sort that answers differ by.
func few() []promises.Promise {
	duties := func(d promises.Duty, hostings ...promises.Hosting) map[promises.Hosting]promises.Duty {
		all := map[promises.Hosting]promises.Duty{}
		for _, h := range hostings {
			all[h] = d
		}
		return all
	}
	return []promises.Promise{
		{ID: "AV-3", Title: "Database in several zones", Sentence: "Your database runs in several zones.", Duties: duties(promises.Ours, promises.OnAWS),
			Keywords: []string{"database failover", "database in several zones"}},
		{ID: "AV-4", Title: "Standby in a second data centre", Sentence: "You have a standby instance.", Duties: duties(promises.Ours, promises.OnSites),
			Keywords: []string{"standby in a second data centre", "replication to the other site"}},
		{ID: "AC-11", Title: "On your premises", Sentence: "You guard the server and make the backups.", Duties: duties(promises.Clients, promises.OnPremises),
			Keywords: []string{"responsibility on premises"}},
		{ID: "DP-2", Title: "Databases not on the internet", Sentence: "Your databases cannot be reached from the internet.", Duties: duties(promises.Ours, promises.OnAWS),
			Keywords: []string{"database reachable from the internet", "database firewall"}},
		{ID: "OP-3", Title: "Incidents", Sentence: "Incidents have three classes.", Duties: duties(promises.Ours, promises.Organisation),
			Keywords: []string{"incident severity", "incident response time"}},
	}
}

// document is evidence that says of one promise how it stands.
func document(kind promises.Hosting, id string, standing evidence.Standing, proofs ...evidence.Proof) *evidence.Document {
	return &evidence.Document{
		Subject: evidence.Subject{Stack: "prod", Cloud: evidence.Real, Hosting: []evidence.KindOfHosting{{Kind: kind, Title: kind.Title()}}},
		Source:  evidence.Source{Kind: evidence.FromState},
		Promises: []evidence.Promise{{
			ID: id, Parameters: []promises.Parameter{{Name: "standby", Value: "in a second zone"}}, Standing: standing, Proofs: proofs,
		}},
	}
}

func proof(at time.Time, holds bool, waiver *promises.Waived) evidence.Proof {
	verdict := promises.Broken
	if holds {
		verdict = promises.Kept
	} else if waiver != nil {
		verdict = promises.WaivedVerdict
	}
	return evidence.Proof{Level: promises.Design, Verdict: verdict, At: at, ValidUntil: at.AddDate(0, 0, 31), By: "berth",
		Findings: []promises.Finding{{Resource: "database", Holds: holds, Waiver: waiver}}}
}

func TestAnswer(t *testing.T) {
	const asked = "Does the database have automatic failover?"
	yesterday := now.AddDate(0, 0, -1)
	embedded := document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, true, nil))
	embedded.Subject.Cloud = evidence.Embedded
	planned := document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, true, nil))
	planned.Source.Kind = evidence.FromProgram
	for name, tc := range map[string]struct {
		question string
		evidence []*evidence.Document
		want     string
		why      string // a person is needed
	}{
		"kept": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, true, nil))},
			"Yes. Your database runs in several zones (standby: in a second zone). Shown by a design check on 2026-11-21, valid until 2026-12-22; promise AV-3.", ""},
		"kept_and_asked_the_other_way_round": {"Can the database be reached from the internet?", []*evidence.Document{document(promises.OnAWS, "DP-2", evidence.Standing{}, proof(yesterday, true, nil))},
			"Your databases cannot be reached from the internet (standby: in a second zone). Shown by a design check on 2026-11-21, valid until 2026-12-22; promise DP-2.", ""},
		"embedded": {asked, []*evidence.Document{embedded},
			"Your database runs in several zones (standby: in a second zone). Shown by a design check on 2026-11-21, valid until 2026-12-22, but on the embedded cloud only, " +
				"which stands in for the real one: this is a rehearsal and says nothing of a running service; promise AV-3.", ""},
		"planned": {asked, []*evidence.Document{planned},
			"Your database runs in several zones (standby: in a second zone). Shown by a design check on 2026-11-21, valid until 2026-12-22, of what is going to be built: nothing is deployed yet; promise AV-3.", ""},
		"stale": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(now.AddDate(0, 0, -40), true, nil))},
			"We promise: Your database runs in several zones (standby: in a second zone). The last proof, of 2026-10-13, was valid until 2026-11-13 and is too old to count now; promise AV-3.",
			"the proof is too old; renew it with berth evidence"},
		"broken": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, false, nil))},
			"At present we do not keep this promise: Your database runs in several zones (standby: in a second zone). It was found broken on 2026-11-21; promise AV-3.",
			"the promise is broken; mend that first, or agree on an exception"},
		"waived": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, false, &promises.Waived{Reason: "agreed for the trial.", Owner: "a@b.example", Expires: "2027-01-31"}))},
			"With exceptions that are agreed and recorded. Your database runs in several zones (standby: in a second zone). Shown but for the exceptions by a design check on 2026-11-21, " +
				"valid until 2026-12-22; promise AV-3. Exception until 2027-01-31: agreed for the trial.", ""},
		"not_shown": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{Verdict: promises.NotShown, Why: "no proof exists yet"})},
			"We promise: Your database runs in several zones (standby: in a second zone). It has not been shown yet: no proof exists yet; promise AV-3.", ""},
		"not_applicable": {asked, []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{Verdict: promises.NotApplicable, Why: "this environment holds test data"})},
			"We promise: Your database runs in several zones (standby: in a second zone). It does not apply to the stack prod: this environment holds test data; promise AV-3.", ""},
		"clients_duty": {"Who is responsible on premises?", []*evidence.Document{document(promises.OnPremises, "AC-11", evidence.Standing{Verdict: promises.ClientsDuty})},
			"This is in your own hands: You guard the server and make the backups (standby: in a second zone). We supply the tooling for it; promise AC-11.", ""},
		"not_made_here": {"Is there a standby in a second data centre?", []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{})},
			"We make no such promise for SaaS on AWS; promise AV-4 is made for SaaS on dedicated sites.", "the promise that fits is not made for SaaS on AWS"},
		"made_on_premises_only": {"Who is responsible on premises?", []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{})},
			"We make no such promise for SaaS on AWS; promise AC-11 is made for a service on the client's premises.", "the promise that fits is not made for SaaS on AWS"},
		"of_the_organisation": {"What is the response time for each severity of incident?", []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{})},
			"We promise: Incidents have three classes. It is kept by our organisation, about which no evidence was given here; promise OP-3.",
			"it is a promise of our organisation: give the evidence of the organisation's stack too"},
		"not_in_the_evidence": {asked, []*evidence.Document{document(promises.OnAWS, "DP-2", evidence.Standing{})},
			"We promise: Your database runs in several zones. The evidence at hand says nothing about it; promise AV-3.",
			"the evidence at hand says nothing about AV-3; make it anew with berth evidence"},
		"the_gravest_of_several_stacks": {asked, []*evidence.Document{
			document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(yesterday, true, nil)),
			document(promises.Organisation, "AV-3", evidence.Standing{}, proof(yesterday, false, nil)),
		}, "At present we do not keep this promise: Your database runs in several zones (standby: in a second zone). It was found broken on 2026-11-21; promise AV-3.",
			"the promise is broken; mend that first, or agree on an exception"},
		"insurance": {"Does your insurance cover a failover of the database?", []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{})},
			"", "it asks about insurance, which no promise covers"},
		"unknown": {"What colour is the sky?", []*evidence.Document{document(promises.OnAWS, "AV-3", evidence.Standing{})}, "", "no promise fits"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewMatcher(few())
			if err != nil {
				t.Fatal(err)
			}
			a, err := NewAnswerer(m, now, tc.evidence...)
			if err != nil {
				t.Fatal(err)
			}
			got := a.Answer(tc.question)
			if got.Text != tc.want {
				t.Errorf("got  %s\nwant %s\nmatches %+v", got.Text, tc.want, got.Matches)
			}
			if got.Why != tc.why || got.NeedsPerson != (tc.why != "") {
				t.Errorf("needs a person: %v, %q; want %q", got.NeedsPerson, got.Why, tc.why)
			}
		})
	}
}

func TestAnswererNeedsEvidence(t *testing.T) {
	m, err := NewMatcher(few())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewAnswerer(m, now); err == nil || !strings.Contains(err.Error(), "no evidence was given; make it with berth evidence") {
		t.Errorf("err = %v", err)
	}
}

// A "yes" to a question that asks for the contrary of what is promised would be a lie.
func TestYesIsNeverSaidToTheContrary(t *testing.T) {
	v, err := readVocabulary(vocabularyText)
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{
		"Can the database be reached from the internet?", "Is the database reachable from the internet, encrypted?", "Are database credentials shared between customers?",
		"Is production data ever copied to development or staging environments?", "Do your engineers have standing access that is logged?",
		"Do you use our live data for testing or development?", "Does the deployment of a reviewed release require downtime?",
		"Does your redundant infrastructure have any single point of failure?", "Are backups not encrypted?", "Are backups kept without being encrypted?",
		"Is data encrypted with AES-128?", "Are backups tested every day?", "Is access to unencrypted backups logged?", "Are releases deployed unsigned and reviewed later?",
		"How is data encrypted?", "Could an administrator alter the audit log?", "Are passwords stored in plain text and logged?", "Is the log deleted when audited?",
		"Are logs reviewed at least weekly?", "Will monitoring be switched off if we leave?", "Is data encrypted with keys of our own?",
	} {
		if v.wantsYes(question) {
			t.Errorf("yes would be said to: %s", question)
		}
	}
	for _, question := range []string{
		"Is our data encrypted at rest?", "Is every change reviewed by an engineer before it is deployed?", "Are all backups encrypted?",
		"Are releases signed, and is each signature checked?", "Does each customer have a separate database?", "Must staff use a second factor when they sign in?",
	} {
		if want := !strings.HasPrefix(question, "Must"); v.wantsYes(question) != want {
			t.Errorf("yes: %v; want %v: %s", !want, want, question)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	q, err := Read("q.csv", []byte("id,section,question\nH-1,Data,Does the database have automatic failover?\nH-2,,What colour is the sky?\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMatcher(few())
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAnswerer(m, now, document(promises.OnAWS, "AV-3", evidence.Standing{}, proof(now, true, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteJSON(&out, q, a.Answers(q)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Summary   Summary
		Questions []struct {
			Ref, Section, Question, Answer, Verdict, Why string
			Promises                                     []string
			NeedsPerson                                  bool
			Matches                                      []Match
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := (Summary{Questions: 2, Answered: 1, LeftOpen: 1, FromKept: 1}); got.Summary != want {
		t.Errorf("summary %+v, want %+v", got.Summary, want)
	}
	first, second := got.Questions[0], got.Questions[1]
	if first.Ref != "H-1" || first.Section != "Data" || first.Verdict != "kept" || first.Promises[0] != "AV-3" || len(first.Matches[0].Words) == 0 || first.NeedsPerson {
		t.Errorf("first: %+v", first)
	}
	if second.Answer != "" || second.Promises == nil || second.Why != "no promise fits" || !second.NeedsPerson {
		t.Errorf("second: %+v", second)
	}
}
