package baseline_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// subject is the stack in testdata of a client in production, or of the organisation, after some changes.
func subject(t *testing.T, organisation bool, changes ...string) promises.Subject {
	t.Helper()
	s := promises.Subject{Now: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC), Spec: &spec.Spec{
		Kind: spec.KindAWSClient, AWSClient: &spec.AWSClient{Environment: spec.Production, AWS: spec.AWS{Account: "123456789012"}}}}
	file := "client.txt"
	if organisation {
		file, s.Spec = "organisation.txt", &spec.Spec{Kind: spec.KindOrganisation, Organisation: &spec.Organisation{
			AWS: spec.OrganisationRegion{Account: "111122223333", Region: "eu-west-2", SecondRegion: "eu-west-1"}}}
	}
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	resources := map[string]*graph.Resource{}
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			r := parse(t, line)
			if resources[r.Name] != nil {
				t.Fatalf("%s has two resources called %s", file, r.Name)
			}
			resources[r.Name] = r
		}
	}
	for _, change := range changes {
		for one := range strings.SplitSeq(change, " & ") {
			apply(t, resources, one)
		}
	}
	var all []*graph.Resource
	for _, r := range resources {
		all = append(all, r)
	}
	s.Graph = graph.New(all)
	return s
}

// parse reads a line of testdata: a type, a name, @ and a region other than the first, @protected, and inputs.
func parse(t *testing.T, line string) *graph.Resource {
	t.Helper()
	typeToken, rest, _ := strings.Cut(line, " ")
	name, inputs, _ := strings.Cut(rest, " ")
	r := &graph.Resource{Type: typeToken, Name: name, ID: name + "-id", URN: name, Provider: "aws"}
	if strings.HasPrefix(name, "o-") {
		r.Provider = "o-aws"
	}
	if strings.HasPrefix(inputs, "@eu-west-1 ") {
		r.Provider, inputs = "o-aws-second", strings.TrimPrefix(inputs, "@eu-west-1 ")
	}
	if strings.HasPrefix(inputs, "@protected ") {
		r.Protect, inputs = true, strings.TrimPrefix(inputs, "@protected ")
	}
	if err := json.Unmarshal([]byte(inputs), &r.Inputs); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r.Outputs = map[string]any{"arn": "arn:" + name}
	for key, value := range r.Inputs {
		if key != "arn" {
			r.Outputs[key] = value
		}
	}
	return r
}

// apply makes one change of breaks.
func apply(t *testing.T, resources map[string]*graph.Resource, change string) {
	t.Helper()
	if line, added := strings.CutPrefix(change, "+"); added {
		r := parse(t, line)
		resources[r.Name] = r
		return
	}
	name, rest, _ := strings.Cut(change, " ")
	r := resources[name]
	if r == nil {
		t.Fatalf("%q: no such resource", change)
	}
	if property, ignored := strings.CutPrefix(rest, "! "); ignored {
		r.IgnoreChanges = append(r.IgnoreChanges, property)
		return
	}
	path, value, hasPath := strings.Cut(rest, " ")
	if !hasPath && rest == "-" {
		delete(resources, name)
		return
	}
	var to any
	switch parts := strings.Split(value, "~"); {
	case value == "-":
	case len(parts) == 3 && parts[0] == "":
		text := r.Text(path)
		if !strings.Contains(text, parts[1]) {
			t.Fatalf("%q: nothing to put anything in the place of in %s", change, text)
		}
		to = strings.Replace(text, parts[1], parts[2], 1)
	default:
		if err := json.Unmarshal([]byte(value), &to); err != nil {
			t.Fatalf("%q: %v", change, err)
		}
	}
	set(r.Inputs, strings.Split(path, "."), to)
}

// set puts a value at a path, or takes out what is there when it is nil.
func set(in any, path []string, to any) {
	switch in := in.(type) {
	case map[string]any:
		switch {
		case len(path) > 1:
			set(in[path[0]], path[1:], to)
		case to == nil:
			delete(in, path[0])
		default:
			in[path[0]] = to
		}
	case []any:
		i, _ := strconv.Atoi(path[0])
		if len(path) > 1 {
			set(in[i], path[1:], to)
		} else {
			in[i] = to
		}
	}
}

// assess is how controls stand, by ID; all when none is named.
func assess(t *testing.T, s promises.Subject, controls ...promises.Control) map[string]promises.Result {
	t.Helper()
	if len(controls) == 0 {
		controls = baseline.All()
	}
	a, err := promises.Assess(s, nil, controls)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]promises.Result{}
	for _, result := range a.Baseline {
		results[result.ID] = result
	}
	return results
}

func TestFormOfControls(t *testing.T) {
	reference := regexp.MustCompile(`^(AWS FSBP [A-Za-z0-9]+\.\d+|AWS Security Hub [A-Za-z0-9]+\.\d+|CIS AWS Foundations 3\.0\.0 [1-5](\.\d+)+|Prowler [a-z0-9_]+|Cloudflare docs, .+|AWS EC2 User Guide, .+|Pulumi docs, .+|RFC \d+|CIS Debian Linux 12 [\d.]+|Lynis [A-Z]+-\d+|systemd[a-z.-]*\(\d\).*|Hetzner Cloud docs, .+|AWS Lightsail docs, .+)$`)
	seen := map[string]bool{}
	all := baseline.All()
	if len(all) < 80 {
		t.Errorf("%d controls", len(all))
	}
	for _, c := range all {
		if c.ID == "" || seen[c.ID] {
			t.Errorf("%q: no ID, or one that another control has", c.ID)
		}
		seen[c.ID] = true
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || c.Title[:1] != strings.ToUpper(c.Title[:1]) {
			t.Errorf("%s: title %q", c.ID, c.Title)
		}
		if !slices.Contains([]string{"low", "medium", "high", "critical"}, c.Severity) {
			t.Errorf("%s: severity %q", c.ID, c.Severity)
		}
		if len(c.References) == 0 {
			t.Errorf("%s: no reference", c.ID)
		}
		for _, r := range c.References {
			if !reference.MatchString(r) {
				t.Errorf("%s: reference %q", c.ID, r)
			}
		}
		if c.Check == nil {
			t.Errorf("%s: no check", c.ID)
		}
	}
}

func TestOrderOfControls(t *testing.T) {
	ids := []string{"RDS.10", "S3.1", "CIS-4.15", "RDS.2", "CIS-1.18", "EC2.170", "EC2.18"}
	slices.SortFunc(ids, baseline.Compare)
	if want := []string{"CIS-1.18", "CIS-4.15", "EC2.18", "EC2.170", "RDS.2", "RDS.10", "S3.1"}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
}

func TestEmptyStackShowsNothing(t *testing.T) {
	for _, organisation := range []bool{false, true} {
		s := subject(t, organisation)
		s.Graph = graph.New(nil)
		for id, result := range assess(t, s) {
			if result.Verdict != promises.NotApplicable || len(result.Findings) > 0 {
				t.Errorf("%s: %s with %d findings", id, result.Verdict, len(result.Findings))
			}
		}
	}
}

func TestEveryControlIsKept(t *testing.T) {
	client, organisation := assess(t, subject(t, false)), assess(t, subject(t, true))
	for _, c := range baseline.All() {
		kept := 0
		for _, result := range []promises.Result{client[c.ID], organisation[c.ID]} {
			if result.Verdict == promises.Kept {
				kept++
			}
			for _, f := range result.Broken() {
				t.Errorf("%s: %s.%s is %s", c.ID, f.Resource, f.Property, f.Found)
			}
			for _, f := range result.Findings {
				if f.Expected == "" || f.Holds && f.Fix != "" {
					t.Errorf("%s: %s: expected %q, fix %q", c.ID, f.Resource, f.Expected, f.Fix)
				}
			}
		}
		if kept == 0 && !onMachines(c.ID) {
			t.Errorf("%s: nothing in testdata shows it", c.ID)
		}
	}
}

func TestEveryControlCanBreak(t *testing.T) {
	for _, c := range baseline.All() {
		if len(breaks[c.ID]) == 0 && !onMachines(c.ID) {
			t.Errorf("%s: no change in breaks", c.ID)
		}
		for _, change := range breaks[c.ID] {
			t.Run(c.ID+" "+change, func(t *testing.T) {
				name := strings.Fields(change)[0]
				if strings.HasPrefix(name, "+") {
					name = strings.Fields(change)[1]
				}
				broken := assess(t, subject(t, strings.HasPrefix(name, "o-"), change), c)[c.ID].Broken()
				if len(broken) == 0 {
					t.Error("it is not noticed")
				}
				for _, f := range broken {
					if f.Fix == "" || f.Found == "" {
						t.Errorf("%s: found %q, fix %q", f.Resource, f.Found, f.Fix)
					}
				}
			})
		}
	}
	for id := range breaks {
		if !slices.ContainsFunc(baseline.All(), func(c promises.Control) bool { return c.ID == id }) {
			t.Errorf("breaks has %s, which is no control", id)
		}
	}
}

// What is harmless breaks nothing.
func TestHarmlessChanges(t *testing.T) {
	for _, change := range []string{
		`logs retentionInDays -`, `logs retentionInDays 0`, `cache transitEncryptionMode -`, `from-edge toPort 8443`, `mysql-parameters parameters.0.value "ON"`,
		`list-rule cidrBlock "0.0.0.0/0" & list-rule ruleAction "deny" & list-rule fromPort 22`, `list-rule cidrBlock "0.0.0.0/0" & list-rule egress true & list-rule fromPort 22`,
		`from-office cidrIpv4 "0.0.0.0/0" & from-office fromPort 443 & from-office toPort 443`, `parameter-events eventCategories -`, `database-events sourceIds -`,
		`request-logs-encryption rules.0.applyServerSideEncryptionByDefault {"sseAlgorithm":"aws:kms","kmsMasterKeyId":"arn:key"}`,
		`o-trail advancedEventSelectors.1.fieldSelectors.2.startsWiths ["arn:aws:s3"]`,
		`o-filter-trail pattern ~{ ~{ ($.eventSource = cloudtrail.amazonaws.com) && (`, `o-alarm-trail comparisonOperator "GreaterThanThreshold" & o-alarm-trail threshold 0`,
		`o-queue kmsMasterKeyId - & o-queue sqsManagedSseEnabled true`, `o-analyzer type "ORGANIZATION"`,
	} {
		s := subject(t, strings.HasPrefix(change, "o-"), change)
		for id, result := range assess(t, s) {
			for _, f := range result.Broken() {
				t.Errorf("%s: %s: %s.%s: %s", change, id, f.Resource, f.Property, f.Found)
			}
		}
	}
}

// Staging holds test data and may go; so may the stack of a client who leaves.
func TestOtherEnvironments(t *testing.T) {
	const bare = `postgres multiAz false & postgres deletionProtection false & documents deletionProtection false & balancer enableDeletionProtection false`
	s := subject(t, false, bare+` & key deletionWindowInDays 7 & cache automaticFailoverEnabled false`)
	s.Spec.AWSClient.Environment = spec.Staging
	for id, result := range assess(t, s) {
		if result.Verdict == promises.Broken {
			t.Errorf("staging: %s is broken", id)
		}
	}
	s = subject(t, false, bare)
	s.Spec.AWSClient.Leaving = &spec.Leaving{}
	for id, result := range assess(t, s) {
		if broken := result.Verdict == promises.Broken; broken != (id == "RDS.5") {
			t.Errorf("a client who leaves: %s is %s", id, result.Verdict)
		}
	}
}

// LEFT-OUT.md names controls that exist in its first table, and none that exist in the others.
func TestLeftOut(t *testing.T) {
	text, err := os.ReadFile("LEFT-OUT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), "\n## ")
	rows := 0
	for i, section := range strings.Split(tables, "\n## ") {
		for line := range strings.SplitSeq(section, "\n") {
			cells := strings.Split(line, "|")
			if len(cells) < 4 || strings.Contains(line, "---") || strings.TrimSpace(cells[1]) == "control" {
				continue
			}
			rows++
			id := strings.TrimSpace(cells[1])
			exists := slices.ContainsFunc(baseline.All(), func(c promises.Control) bool { return c.ID == id })
			if exists != (i == 0) {
				t.Errorf("%s: a control of that name exists: %v", id, exists)
			}
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows found", rows)
	}
}
