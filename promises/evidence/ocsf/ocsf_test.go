package ocsf_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/internal/example"
	"github.com/berth-iac/berth/promises/evidence/ocsf"
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

func lines(t *testing.T, d *evidence.Document, now time.Time) []byte {
	t.Helper()
	text, err := ocsf.Findings(d, now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func events(t *testing.T, d *evidence.Document, now time.Time) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(lines(t, d, now)) {
		var one map[string]any
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func TestGolden(t *testing.T) {
	const path = "testdata/example.jsonl"
	got := lines(t, exampleDocument(t), example.Now())
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

// shape is what OCSF 1.7.0 says of an object: the attributes that may come up here, those that must with an exclamation
// mark. A text stands for a type: integer, long, string, or the name of an object; with a star it is a list of them.
type shape map[string]string

var shapes = map[string]shape{
	"compliance_finding": {
		"activity_id!": "integer", "activity_name": "string", "category_uid!": "integer", "category_name": "string", "class_uid!": "integer", "class_name": "string",
		"type_uid!": "long", "type_name": "string", "time!": "long", "severity_id!": "integer", "severity": "string", "status_id": "integer", "status": "string", "message": "string",
		"metadata!": "metadata", "cloud!": "cloud", "finding_info!": "finding_info", "compliance!": "compliance", "remediation": "remediation", "resources": "resource_details*", "unmapped": "object",
	},
	"metadata":         {"version!": "string", "product!": "product", "uid": "string", "profiles": "string*", "labels": "string*"},
	"product":          {"name!": "string", "vendor_name": "string", "version": "string"}, // at least one of name and uid
	"cloud":            {"provider!": "string", "region": "string", "account": "account"},
	"account":          {"uid!": "string"}, // at least one of name and uid
	"finding_info":     {"uid!": "string", "title": "string", "desc": "string", "created_time": "long", "last_seen_time": "long", "types": "string*"},
	"compliance":       {"control": "string", "desc": "string", "standards": "string*", "requirements": "string*", "control_parameters": "key_value_object*", "status_id": "integer", "status": "string", "status_details": "string*", "checks": "check*"},
	"key_value_object": {"name!": "string", "value": "string"},
	"check":            {"uid": "string", "name": "string", "desc": "string", "status_id": "integer", "status": "string"},
	"remediation":      {"desc!": "string"},
	"resource_details": {"uid": "string", "name!": "string", "type": "string"}, // at least one of name and uid
}

func fits(t *testing.T, path, kind string, v any) {
	t.Helper()
	if of, is := strings.CutSuffix(kind, "*"); is {
		list, isList := v.([]any)
		if !isList || len(list) == 0 {
			t.Errorf("%s: %v is no list with something in it", path, v)
		}
		for i, element := range list {
			fits(t, fmt.Sprintf("%s[%d]", path, i), of, element)
		}
		return
	}
	switch kind {
	case "string":
		if s, is := v.(string); !is || s == "" {
			t.Errorf("%s: %v is no text", path, v)
		}
	case "integer", "long":
		if n, is := v.(float64); !is || n != float64(int64(n)) {
			t.Errorf("%s: %v is no whole number", path, v)
		}
	case "object":
		if _, is := v.(map[string]any); !is {
			t.Errorf("%s: %v is no object", path, v)
		}
	default:
		object, is := v.(map[string]any)
		if !is {
			t.Errorf("%s: %v is no object", path, v)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(shapes[kind])) {
			name, required := strings.CutSuffix(key, "!")
			element, present := object[name]
			switch {
			case present:
				fits(t, path+"."+name, shapes[kind][key], element)
			case required:
				t.Errorf("%s.%s is missing", path, name)
			}
		}
		for key := range object {
			if shapes[kind][key] == "" && shapes[kind][key+"!"] == "" {
				t.Errorf("%s.%s is no attribute of %s", path, key, kind)
			}
		}
	}
}

func TestStructure(t *testing.T) {
	hostile := exampleDocument(t)
	for i := range hostile.Promises {
		for j := range hostile.Promises[i].Proofs {
			for k := range hostile.Promises[i].Proofs[j].Findings {
				hostile.Promises[i].Proofs[j].Findings[k].Found = "\"},\n{\"class_uid\": 1, \u2028\u202e\xff"
			}
		}
	}
	sparse := exampleDocument(t)
	sparse.Source.State, sparse.Subject.Regions, sparse.Subject.Cloud = nil, nil, evidence.Real
	for name, all := range map[string][]map[string]any{
		"example":     events(t, exampleDocument(t), example.Now()),
		"grown stale": events(t, exampleDocument(t), example.Now().AddDate(1, 0, 0)),
		"hostile":     events(t, hostile, example.Now()),
		"sparse":      events(t, sparse, example.Now()),
	} {
		if want := 1 + 1 + 1 + 2 + 1 + 1 + 1 + 2; len(all) != want { // a promise or control and a resource each
			t.Errorf("%s: %d events, want %d", name, len(all), want)
		}
		uids := map[string]bool{}
		for i, e := range all {
			path := fmt.Sprintf("%s[%d]", name, i)
			fits(t, path, "compliance_finding", e)
			if e["class_uid"] != 2003.0 || e["category_uid"] != 2.0 || e["type_uid"] != e["class_uid"].(float64)*100+e["activity_id"].(float64) {
				t.Errorf("%s: class %v, category %v, type %v", path, e["class_uid"], e["category_uid"], e["type_uid"])
			}
			if n := e["severity_id"].(float64); n < 1 || n > 5 {
				t.Errorf("%s: severity %v", path, n)
			}
			if n := e["status_id"].(float64); n != 1 && n != 3 && n != 4 {
				t.Errorf("%s: status %v", path, n)
			}
			if n := e["compliance"].(map[string]any)["status_id"].(float64); n != 1 && n != 2 && n != 3 && n != 99 {
				t.Errorf("%s: compliance status %v", path, n)
			}
			uid := e["finding_info"].(map[string]any)["uid"].(string)
			if uids[uid] {
				t.Errorf("%s: the finding %s comes twice", path, uid)
			}
			uids[uid] = true
		}
	}
}

func TestVerdicts(t *testing.T) {
	type found struct{ Compliance, Status, Severity string }
	at := func(now time.Time) map[string]found {
		stood := map[string]found{}
		for _, e := range events(t, exampleDocument(t), now) {
			c := e["compliance"].(map[string]any)
			key := c["control"].(string)
			if resources, has := e["resources"].([]any); has {
				key += " " + resources[0].(map[string]any)["name"].(string)
			}
			stood[key] = found{c["status"].(string), e["status"].(string), e["severity"].(string)}
		}
		return stood
	}
	want := map[string]found{
		"AV-1": {"Warning", "New", "Low"}, "AV-3 database-instance": {"Pass", "Resolved", "Informational"}, "BK-4 database-instance": {"Fail", "New", "High"},
		"DP-8 files-bucket": {"Pass", "Resolved", "Informational"}, "DP-8 second-files-bucket": {"Fail", "Suppressed", "High"},
		"AC-9": {"Warning", "New", "Low"}, "AC-11": {"client's duty", "New", "Informational"},
		"RDS.3 database-instance": {"Pass", "Resolved", "Informational"}, "S3.1 files-bucket": {"Pass", "Resolved", "Informational"}, "S3.1 second-files-bucket": {"Pass", "Resolved", "Informational"},
	}
	if diff := cmp.Diff(want, at(example.Now())); diff != "" {
		t.Errorf("when it was made (-want +got):\n%s", diff)
	}
	want["DP-8 second-files-bucket"] = found{"Fail", "New", "High"}
	if diff := cmp.Diff(want, at(example.Now().AddDate(0, 0, 15))); diff != "" {
		t.Errorf("when the waiver has ended (-want +got):\n%s", diff)
	}
	for key, f := range at(example.Now().AddDate(1, 0, 0)) {
		if f.Compliance == "Pass" || f.Compliance == "Fail" {
			t.Errorf("%s is judged %s a year later", key, f.Compliance)
		}
	}
}

func TestEmbeddedSaysSo(t *testing.T) {
	for _, e := range events(t, exampleDocument(t), example.Now()) {
		if provider := e["cloud"].(map[string]any)["provider"]; provider != "Berth embedded cloud" {
			t.Errorf("the provider is %v", provider)
		}
	}
}
