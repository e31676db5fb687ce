// Package example is a small stack with evidence, for the tests of all forms of
// it: every verdict comes up, two levels of proof, a waiver, and a control that
// the stack has nothing for. It knows nothing of tests.
package example

import (
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// Now is when the example is looked at.
func Now() time.Time { return time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC) }

// Key is the signer's, the same in every run.
func Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))) }

const (
	databaseType = "aws:rds/instance:Instance"
	bucketType   = "aws:s3/bucketV2:BucketV2"
)

func resources() *graph.Graph {
	provider := "urn:pulumi:prod::berth::pulumi:providers:aws::aws-second"
	return graph.New([]*graph.Resource{
		{Type: "pulumi:providers:aws", Name: "aws-second", URN: provider, Inputs: map[string]any{"region": "eu-west-1"}},
		{Type: databaseType, Name: "database-instance", URN: "urn:pulumi:prod::berth::" + databaseType + "::database-instance", Inputs: map[string]any{
			"multiAz": true, "storageEncrypted": true, "backupRetentionPeriod": 1.0,
		}},
		{Type: bucketType, Name: "files-bucket", URN: "urn:pulumi:prod::berth::" + bucketType + "::files-bucket", Inputs: map[string]any{"bucket": "acme-files"}},
		{Type: bucketType, Name: "second-files-bucket", URN: "urn:pulumi:prod::berth::" + bucketType + "::second-files-bucket", Provider: provider,
			Inputs: map[string]any{"bucket": "acme-second-files", "versioning": "Suspended"}},
	})
}

func all() []promises.Promise {
	ours := map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours}
	return []promises.Promise{
		{ID: "AV-1", Title: "Uptime of 99.98 % a month", Sentence: "Your service is reachable for 99.98 % of every month.", Duties: ours,
			Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
				return []promises.Parameter{{Name: "target", Value: "99.98 %, 8.64 min in a 30-day month"}}
			},
			Proofs: []promises.Proof{{Level: promises.Drill, How: "a known outage shows up to the second"}, {Level: promises.Live, How: "the report from the probe's history"}}},
		{ID: "AV-3", Title: "Database in several zones", Sentence: "Your database runs in several availability zones.", Duties: ours,
			Parameters: func(_ promises.Hosting, _ *spec.Spec) []promises.Parameter {
				return []promises.Parameter{{Name: "standby", Value: "in a second zone", Key: "database.multiAz"}}
			},
			Proofs: []promises.Proof{{Level: promises.Design, How: "every database has a standby"}, {Level: promises.Live, How: "the zones are read back"}},
			Check: func(s promises.Subject, r *promises.Report) {
				for _, db := range s.Graph.OfType(databaseType) {
					r.Want(db, db.Bool("multiAz"), "multiAz", "true, for a standby in a second zone", "set database.multiAz: true")
				}
			}},
		{ID: "BK-4", Title: "Restore to any second of 7 days", Sentence: "We can restore your data to any second of the past 7 days.", Duties: ours,
			Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
				return []promises.Parameter{{Name: "point-in-time window", Value: "7 days", Key: "database.pointInTimeDays"}}
			},
			Proofs: []promises.Proof{{Level: promises.Design, How: "automated backups are kept for the window"}, {Level: promises.Drill, How: "a restore to a named second"}},
			Check: func(s promises.Subject, r *promises.Report) {
				for _, db := range s.Graph.OfType(databaseType) {
					days, _ := db.Number("backupRetentionPeriod")
					r.Want(db, days >= 7, "backupRetentionPeriod", "at least 7 days", "set database.pointInTimeDays: 7")
				}
			}},
		{ID: "DP-8", Title: "Copies kept 3 months", Sentence: "Copies of your files are kept for 3 months.", Duties: ours,
			Proofs: []promises.Proof{{Level: promises.Design, How: "buckets keep versions"}},
			Check: func(s promises.Subject, r *promises.Report) {
				for _, b := range s.Graph.OfType(bucketType) {
					r.Want(b, !b.Has("versioning"), "versioning", "Enabled, so that copies are kept", "set versioning: Enabled on the bucket")
				}
			}},
		{ID: "AC-9", Title: "Passwords are hashed with bcrypt", Sentence: "Nobody can read a user's password.", Duties: map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
			Proofs: []promises.Proof{{Level: promises.Live, How: "hashes are read back"}}},
		{ID: "AC-11", Title: "Guarding the server", Sentence: "You guard the server.", Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Clients}},
		{ID: "DP-6", Title: "Test data only", Sentence: "Staging holds test data only.", Duties: map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours}},
	}
}

func controls() []promises.Control {
	want := func(typeToken, property string, holds func(*graph.Resource) bool) promises.Check {
		return func(s promises.Subject, r *promises.Report) {
			for _, one := range s.Graph.OfType(typeToken) {
				r.Want(one, holds(one), property, "set as it should be", "set "+property)
			}
		}
	}
	return []promises.Control{
		{ID: "EC2.8", Title: "Machines require IMDSv2", References: []string{"AWS FSBP EC2.8"}, Severity: "high", Check: want("aws:ec2/launchTemplate:LaunchTemplate", "metadataOptions", nil)},
		{ID: "RDS.3", Title: "Database instances are encrypted at rest", References: []string{"AWS FSBP RDS.3", "CIS AWS Foundations 3.0.0 2.3.1"}, Severity: "medium",
			Check: want(databaseType, "storageEncrypted", func(r *graph.Resource) bool { return r.Bool("storageEncrypted") })},
		{ID: "S3.1", Title: "Buckets block public access", References: []string{"AWS FSBP S3.1"}, Severity: "critical",
			Check: want(bucketType, "bucket", func(r *graph.Resource) bool { return r.Has("bucket") })},
	}
}

// Input is what the example is made of.
func Input() (evidence.Input, error) {
	expires := spec.Date{Time: time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)}
	client := &spec.AWSClient{
		Kind: spec.KindAWSClient, Client: spec.Client{Name: "acme", DisplayName: "Acme Logistics Ltd"}, Environment: spec.Production,
		AWS: spec.AWS{Account: "123456789012", Region: "eu-west-2"},
		Waivers: []spec.Waiver{{
			Promise: "DP-8", Resource: "second-files-bucket", Reason: "the second copy is being rebuilt, agreed with Amara Okafor", Owner: "ada.lindqvist@northwind.example", Expires: expires,
		}},
	}
	subject := promises.Subject{Stack: "prod", Spec: &spec.Spec{Kind: spec.KindAWSClient, AWSClient: client}, Graph: resources(), Now: Now()}
	assessment, err := promises.Assess(subject, all(), controls())
	if err != nil {
		return evidence.Input{}, err
	}
	return evidence.Input{
		Subject: subject, Assessment: assessment, Promises: all(), Controls: controls(),
		Group: func(id string) string {
			return map[string]string{"AV": "Availability", "BK": "Backups and recovery", "DP": "Data", "AC": "Access"}[id[:2]]
		},
		Source: evidence.Source{Kind: evidence.FromState, State: &evidence.State{
			Serial: 12, SHA256: strings.Repeat("ab", 32), Updated: Now().Add(-time.Hour),
		}},
		Release: evidence.Release{Version: "0.1.0", Commit: "0123456789abcdef0123456789abcdef01234567"},
		Cloud:   evidence.Embedded, Signer: Key().Public().(ed25519.PublicKey),
		Proofs: map[string][]evidence.Proof{"AV-3": {{
			Level: promises.Live, At: Now().AddDate(0, 0, -3), By: "a reader of the account",
			Findings: []promises.Finding{{Resource: "database-instance", Type: databaseType, Property: "secondaryAvailabilityZone", Found: "eu-west-2b", Expected: "another zone than eu-west-2a", Holds: true}},
		}}},
	}, nil
}

// Document is the example's evidence.
func Document() (*evidence.Document, error) {
	in, err := Input()
	if err != nil {
		return nil, err
	}
	return evidence.Make(in)
}
