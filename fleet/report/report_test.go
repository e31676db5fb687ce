package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/group"
	"github.com/berth-iac/berth/fleet/report"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite the generated files")

// makeAnswer puts an answer together as package fleet does.
func makeAnswer(entries []fleet.Entry, results map[string]*engine.Result) *fleet.Answer {
	members := map[string]fleet.Member{}
	a := &fleet.Answer{Version: fleet.AnswerVersion, Operation: fleet.Preview, Basis: "the embedded cloud", Verdict: fleet.NoChange,
		Began: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC), DurationSeconds: 41.3, Revision: "4f2a91c", Since: "origin/main",
		Statuses: map[fleet.Status]int{}, Stacks: entries, Notes: []string{}}
	grave := []fleet.Verdict{fleet.NoChange, fleet.Changes, fleet.Dangerous, fleet.Failures}
	worst := 0
	for i := range a.Stacks {
		e := &a.Stacks[i]
		members[e.Stack] = e.Member
		if r := results[e.Stack]; r != nil && e.Status == "" {
			e.Status, e.Changes, e.Dangers, e.Promises = fleet.Unchanged, r.Changes(), r.Dangers, r.Promises
			if e.Changes > 0 {
				e.Status = fleet.Changed
			}
			for _, p := range r.Promises {
				if p.Kind == promises.Weakens || p.Kind == promises.Breaks {
					e.Status = fleet.Risky
				}
			}
			if len(r.Dangers) > 0 {
				e.Status = fleet.Risky
			}
		}
		a.Statuses[e.Status]++
		for rank, verdict := range grave {
			if e.Verdict() == verdict {
				worst = max(worst, rank)
			}
		}
	}
	a.Verdict = grave[worst]
	a.Groups, a.Promises = group.Changes(members, results), group.Promises(a.Stacks)
	return a
}

// client is the i-th of a fleet of mixed kinds.
func client(i int) fleet.Member {
	name := fmt.Sprintf("client-%03d", i)
	m := fleet.Member{Stack: name, Client: name, Kind: spec.KindAWSClient, Environment: spec.Production, Tier: spec.Standard, Where: "eu-west-2", Release: "1.0.0", Wave: 2 + i%3,
		Own: map[string]string{"account": fmt.Sprint(100_000_000_000 + i), "region": "eu-west-2", "hostname": name + ".taskflow.example", "display name": fmt.Sprintf("Client %d Ltd", i)}}
	switch i % 5 {
	case 3:
		m.Kind, m.Where = spec.KindSiteClient, "jnb, cpt"
	case 4:
		m.Kind = spec.KindLightClient
	}
	return m
}

const component = "service/compute"

// template is a change of a launch template, and what it brings along.
func template(m fleet.Member) []engine.Step {
	text := func(version string) string {
		return "#!/bin/bash\nHOST=" + m.Own["hostname"] + "\nAGENT=" + version + strings.Repeat("\necho ready", 30)
	}
	return []engine.Step{
		{Type: "aws:ec2/launchTemplate:LaunchTemplate", Name: "machines-template", Component: component, Op: engine.OpUpdate,
			Diffs: []engine.Diff{{Property: "userData", Kind: "update", Old: text("3.1.0"), New: text("3.2.0")}}},
		{Type: "aws:autoscaling/group:Group", Name: "machines-group", Component: component, Op: engine.OpUpdate,
			Diffs: []engine.Diff{{Property: "launchTemplate.version", Kind: "update", Old: "7", New: "[unknown]"}}},
		{Type: "aws:kms/key:Key", Name: "encryption-storage", Component: "encryption", Op: engine.OpSame},
	}
}

// componentChange is a change to one component in a fleet of 100 clients.
func componentChange() *fleet.Answer {
	var entries []fleet.Entry
	results := map[string]*engine.Result{}
	for i := range 100 {
		m := client(i)
		entries = append(entries, fleet.Entry{Member: m, DurationSeconds: 0.7})
		r := &engine.Result{Stack: m.Stack}
		if i < 62 && m.Kind == spec.KindAWSClient {
			r.Steps = template(m)
		}
		if i == 12 || i == 40 {
			r.Steps = append(r.Steps, engine.Step{Type: "aws:rds/parameterGroup:ParameterGroup", Name: "database-parameters", Component: "database", Op: engine.OpReplace,
				Replaces: []string{"family"}, Diffs: []engine.Diff{{Property: "family", Kind: "update", Old: "postgres16", New: "postgres17", Replaces: true}}})
		}
		results[m.Stack] = r
	}
	return makeAnswer(entries, results)
}

// hostile is what nobody's name should be.
const hostile = "<script>alert(1)</script> --> </pre></details> [x](javascript:y) @owner #12 ![i](http://evil.example/p.png) `a` **b** \x1b[31mred\u202egnp www.evil.example :smile: |"

// graveChange has everything at once.
func graveChange() *fleet.Answer {
	var entries []fleet.Entry
	results := map[string]*engine.Result{}
	for i := range 30 {
		m := client(i)
		e := fleet.Entry{Member: m, DurationSeconds: 0.5 + float64(i)/10, MemoryBytes: 120 << 20}
		r := &engine.Result{Stack: m.Stack}
		switch {
		case i == 3:
			e.Status, e.Error, r = fleet.Failed, "preview of client-003: "+hostile+"\nthe second line\n\n```\nfence", nil
		case i == 4 || i == 9:
			e.Status, e.Error, r = fleet.Failed, "the state of "+m.Stack+" cannot be read: unexpected end of JSON input", nil
		case i == 5:
			e.Problems = []string{"berth:spec.client.name: " + hostile, "berth:spec.tier: \"huge\" is not one of standard, dedicated"}
			e.Status, r = fleet.Refused, nil
		case i == 6:
			e.Status, r = fleet.Interrupted, nil
		case i == 7:
			e.Status, r = fleet.Held, nil
		case i == 10:
			r.Steps = []engine.Step{{URN: "urn:database", Type: "aws:rds/instance:Instance", Name: "database-instance", Component: "database", Op: engine.OpReplace, Stateful: "a database",
				Replaces: []string{"kmsKeyId"}, Diffs: []engine.Diff{{Property: "kmsKeyId", Kind: "update", Old: "arn:aws:kms:eu-west-2:100000000010:key/1", New: "[unknown]", Replaces: true}, {Property: "password", Kind: "update", Old: "[secret]", New: "[secret]"}}}}
			r.Dangers = []engine.Danger{{URN: "urn:database", Type: "aws:rds/instance:Instance", Name: "database-instance", Op: engine.OpReplace, Holds: "a database", Because: []string{"kmsKeyId"}}}
		case i == 11:
			r.Steps = []engine.Step{{Type: "aws:rds/instance:Instance", Name: "database-instance", Component: "database", Op: engine.OpUpdate,
				Diffs: []engine.Diff{{Property: "multiAz", Kind: "update", Old: true, New: false}}}}
			r.Promises = []promises.Effect{{ID: "AV-1", Title: "A database fails over to another zone", Kind: promises.Weakens, Points: []string{"database-instance.multiAz: true → false"}}}
		case i > 11 && i < 25:
			r.Steps = append(template(m), engine.Step{Type: "aws:rds/instance:Instance", Name: "database-instance", Component: "database", Op: engine.OpUpdate,
				Diffs: []engine.Diff{{Property: "multiAz", Kind: "update", Old: false, New: true}}})
			r.Promises = []promises.Effect{{ID: "AV-1", Title: "A database fails over to another zone", Kind: promises.Strengthens, Points: []string{"database-instance.multiAz: false → true"}}}
			for _, zone := range []string{"a", "b", "c"} {
				r.Steps = append(r.Steps, engine.Step{Type: "aws:ec2/subnet:Subnet", Name: "network-public-" + zone, Component: "network", Op: engine.OpUpdate,
					Diffs: []engine.Diff{{Property: "tags.owner", Kind: "add", New: hostile}}})
			}
		case i == 26:
			r.Steps = []engine.Step{{Type: "aws:ec2/vpc:Vpc", Name: hostile, Component: hostile, Op: engine.OpCreate}}
		}
		entries = append(entries, e)
		if r != nil {
			results[m.Stack] = r
		}
	}
	a := makeAnswer(entries, results)
	a.Notes = []string{"- the state is 3 days old " + hostile, "Shard 2 of 4 was run again."}
	a.Shards = []fleet.Shard{{Index: 1, Of: 2, Selection: "x", Stacks: 30}, {Index: 2, Of: 2, Selection: "x", Stacks: 30}}
	return a
}

func verified() *fleet.Answer {
	a := &fleet.Answer{Version: fleet.AnswerVersion, Operation: fleet.Verify, Basis: "the clouds", Verdict: fleet.Dangerous, Statuses: map[fleet.Status]int{fleet.Shown: 2},
		Groups: []fleet.Group{}, Promises: []fleet.PromiseGroup{}, Notes: []string{}}
	for i, standing := range []map[promises.Verdict]int{{promises.Kept: 80, promises.NotShown: 2}, {promises.Kept: 77, promises.Broken: 3, promises.WaivedVerdict: 1}} {
		a.Stacks = append(a.Stacks, fleet.Entry{Member: client(i), Status: fleet.Shown, Standing: standing, DurationSeconds: 2})
	}
	return a
}

var answers = map[string]func() *fleet.Answer{"component": componentChange, "grave": graveChange, "verify": verified,
	"nothing": func() *fleet.Answer {
		return &fleet.Answer{Operation: fleet.Up, Verdict: fleet.NoChange, Statuses: map[fleet.Status]int{}, Stacks: []fleet.Entry{}, Groups: []fleet.Group{}, Promises: []fleet.PromiseGroup{}, Notes: []string{}}
	}}

var forms = map[string]func(w io.Writer, a *fleet.Answer) error{
	"txt": func(w io.Writer, a *fleet.Answer) error { return report.Text(w, report.Style{Width: 100}, a) },
	"color.txt": func(w io.Writer, a *fleet.Answer) error {
		return report.Text(w, report.Style{Width: 60, Color: true}, a)
	},
	"html":       report.HTML,
	"junit.xml":  report.JUnit,
	"sarif.json": func(w io.Writer, a *fleet.Answer) error { return report.SARIF(w, a, "1.2.3") },
	"json":       report.JSON,
	"md": func(w io.Writer, a *fleet.Answer) error {
		_, err := io.WriteString(w, report.Markdown(a, report.MarkdownOptions{Marker: "preview", Whole: "https://ci.example/artifacts/1?a=b&c"}))
		return err
	},
	"short.md": func(w io.Writer, a *fleet.Answer) error {
		_, err := io.WriteString(w, report.Markdown(a, report.MarkdownOptions{Limit: 4000, Whole: "the artefact fleet.json"}))
		return err
	},
}

func written(t testing.TB, form string, a *fleet.Answer) string {
	t.Helper()
	var b bytes.Buffer
	if err := forms[form](&b, a); err != nil {
		t.Fatalf("write %s: %v", form, err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, answer := range answers {
		for form := range forms {
			if form == "short.md" && name != "grave" || form == "color.txt" && name != "grave" || form == "json" && name == "component" {
				continue
			}
			t.Run(name+"."+form, func(t *testing.T) {
				got := written(t, form, answer())
				file := filepath.Join("testdata", name+"."+form)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s differs; run `go test ./fleet/report -update` and look at the difference:\n%s", file, got)
				}
			})
		}
	}
}

// The sentence that the whole is about.
func TestOneChangeToAComponentIsToldInTwoLines(t *testing.T) {
	text := written(t, "txt", componentChange())
	for _, want := range []string{"38 clients: launch template machines-template gets a new version: userData",
		"2 clients: RDS parameter group database-parameters is replaced: family postgres16 → postgres17", "AGENT=3.2.0", "and so autoscaling group machines-group"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
}

func TestTextKeepsToItsWidthAndObeysNobody(t *testing.T) {
	codes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, answer := range answers {
		for _, width := range []int{40, 60, 80, 100, 200} {
			for _, color := range []bool{false, true} {
				var b bytes.Buffer
				if err := report.Text(&b, report.Style{Width: width, Color: color}, answer()); err != nil {
					t.Fatal(err)
				}
				text := b.String()
				if color {
					text = codes.ReplaceAllString(text, "")
				}
				if strings.ContainsAny(text, "\x1b\r\u202e") {
					t.Errorf("%s at %d holds a code of somebody else's:\n%q", name, width, text)
				}
				for line := range strings.Lines(text) {
					if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%s at %d has a line of %d: %q", name, width, n, line)
					}
				}
			}
		}
	}
}

// broken is a writer that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("no room")

func TestAWriterThatFailsIsReported(t *testing.T) {
	for form, write := range forms {
		if err := write(broken{}, componentChange()); !errors.Is(err, errBroken) {
			t.Errorf("%s: err = %v, want that there is no room", form, err)
		}
	}
}

func TestJUnitReadsBack(t *testing.T) {
	type junit struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Type string `xml:"type,attr"`
					Text string `xml:",chardata"`
				} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	a := graveChange()
	var read junit
	if err := xml.Unmarshal([]byte(written(t, "junit.xml", a)), &read); err != nil {
		t.Fatal(err)
	}
	if read.Tests != 30 || read.Failures != 6 || read.Errors != 1 || read.Skipped != 1 || len(read.Suites) != 3 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped in %d suites; want 30, 6, 1, 1 in 3", read.Tests, read.Failures, read.Errors, read.Skipped, len(read.Suites))
	}
	cases := 0
	types := map[string]int{}
	for _, suite := range read.Suites {
		cases += len(suite.Cases)
		for _, c := range suite.Cases {
			if c.Failure != nil {
				types[c.Failure.Type]++
				if strings.TrimSpace(c.Failure.Text) == "" {
					t.Errorf("%s fails for no reason", c.Name)
				}
			}
		}
	}
	if cases != 30 || types["failed"] != 3 || types["refused"] != 1 || types["dangerous"] != 2 {
		t.Errorf("%d cases fail by %v", cases, types)
	}
}

// What SARIF 2.1.0 requires of a log, as far as it can be told without its schema.
func TestSARIFHasWhatItsFormRequires(t *testing.T) {
	for name, answer := range answers {
		var log struct {
			Schema  string `json:"$schema"`
			Version string `json:"version"`
			Runs    []struct {
				Tool struct {
					Driver struct {
						Name  string
						Rules []struct {
							ID               string
							ShortDescription struct{ Text string }
						}
					}
				}
				Invocations []struct{ ExecutionSuccessful *bool }
				Results     *[]struct {
					RuleID    string
					RuleIndex *int
					Level     string
					Message   struct{ Text string }
					Locations []struct {
						PhysicalLocation struct {
							ArtifactLocation struct{ URI string }
							Region           struct{ StartLine int }
						}
					}
					PartialFingerprints map[string]string
				}
			}
		}
		if err := json.Unmarshal([]byte(written(t, "sarif.json", answer())), &log); err != nil {
			t.Fatal(err)
		}
		if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-2.1.0.json") || len(log.Runs) != 1 {
			t.Fatalf("%s: version %q, schema %q, %d runs", name, log.Version, log.Schema, len(log.Runs))
		}
		run := log.Runs[0]
		if run.Tool.Driver.Name != "berth" || run.Results == nil || len(run.Invocations) != 1 || run.Invocations[0].ExecutionSuccessful == nil {
			t.Errorf("%s: the run lacks its tool, results or invocation", name)
		}
		seen := map[string]bool{}
		for _, r := range *run.Results {
			switch {
			case r.RuleIndex == nil || *r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[*r.RuleIndex].ID != r.RuleID:
				t.Errorf("%s: %s is not the rule at its index", name, r.RuleID)
			case r.Level != "error" && r.Level != "warning", r.Message.Text == "", len(r.Locations) != 1:
				t.Errorf("%s: %+v lacks its level, text or location", name, r)
			case !regexp.MustCompile(`^Pulumi\.[A-Za-z0-9._%-]+\.yaml$`).MatchString(r.Locations[0].PhysicalLocation.ArtifactLocation.URI), r.Locations[0].PhysicalLocation.Region.StartLine != 1:
				t.Errorf("%s: %+v is no place in a stack's file", name, r.Locations[0])
			}
			if print := r.PartialFingerprints["berthFleet/v1"]; print == "" || seen[print] {
				t.Errorf("%s: fingerprint %q is empty or not alone", name, print)
			} else {
				seen[print] = true
			}
		}
		for _, rule := range run.Tool.Driver.Rules {
			if rule.ID == "" || rule.ShortDescription.Text == "" {
				t.Errorf("%s: rule %+v says nothing", name, rule)
			}
		}
		if want := map[string]int{"grave": 7, "verify": 1}[name]; len(*run.Results) != want {
			t.Errorf("%s: %d results, want %d", name, len(*run.Results), want)
		}
	}
}

func TestSARIFKeepsToWhatItsReadersShow(t *testing.T) {
	a := verified()
	for i := range 6000 {
		m := client(i)
		a.Stacks = append(a.Stacks, fleet.Entry{Member: m, Status: fleet.Failed, Error: "no"})
	}
	a.Stacks[6001].Dangers = []engine.Danger{{URN: "u", Type: "t", Name: "n", Op: engine.OpDelete, Holds: "objects"}}
	text := written(t, "sarif.json", a)
	if n := strings.Count(text, `"ruleId"`); n != 5000 {
		t.Errorf("%d results, want 5,000", n)
	}
	if !strings.Contains(text, "berth/data-loss") || !strings.Contains(text, "1002 milder results are left out") {
		t.Errorf("the gravest is cut, or nothing says that something is")
	}
}

func TestHTMLNeedsNothingAndObeysNobody(t *testing.T) {
	for name, answer := range answers {
		text := written(t, "html", answer())
		for _, bad := range []string{"<script", "javascript:y\"", "src=", "@import", "url(", "\x1b", "\u202e", "ZgotmplZ", "<no value>"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
		for _, tag := range []string{"details", "pre", "table", "section", "svg", "p", "ul", "h2"} {
			if a, b := strings.Count(text, "<"+tag+">")+strings.Count(text, "<"+tag+" "), strings.Count(text, "</"+tag+">"); a != b {
				t.Errorf("%s: %d <%s> and %d </%s>", name, a, tag, b, tag)
			}
		}
	}
}

const schemaFile = "../../docs/fleet.schema.json"

func TestSchemaFileIsCurrent(t *testing.T) {
	want, err := report.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; run `go test ./fleet/report -run Schema -update`", schemaFile)
	}
}

func TestAnswersFitTheSchema(t *testing.T) {
	text, err := report.Schema()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("fleet.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range answers {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(written(t, "json", answer())))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(document); err != nil {
			t.Errorf("%s does not fit the schema: %v", name, err)
		}
	}
}
