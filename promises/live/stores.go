package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/berth-iac/berth/promises/policy"
)

// What the looks at backups and at data share: what keeps data, under which keys, and who is let in.

const (
	rdsReplicas = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
	rdsSnapshot = "aws:rds/snapshot:Snapshot"
	docSnapshot = "aws:docdb/clusterSnapshot:ClusterSnapshot"
)

// fixByUpdate mends what somebody changed by hand: the next update of the stack does it.
const fixByUpdate = "run an update of the stack, which sets it again"

func dbObject(db rdstypes.DBInstance) object {
	return object{databaseType, aws.ToString(db.DBInstanceArn)}
}

func clusterObject(c rdstypes.DBCluster) object {
	return object{documentsType, aws.ToString(c.DBClusterArn)}
}

// trial tells whether a database is one that AWS Backup restored for a trial. It is gone within hours.
func trial(db rdstypes.DBInstance) bool {
	_, tagged := rdsTags(db.TagList)["awsbackup-restore-test"]
	return tagged || strings.HasPrefix(aws.ToString(db.DBInstanceIdentifier), "awsbackup-restore-test-")
}

// keptDatabases are the relational databases of a region that hold data of their own, for good: not restored for a trial.
func (a *account) keptDatabases(ctx context.Context, region string) ([]rdstypes.DBInstance, error) {
	all, err := a.databases(ctx, region)
	return slices.DeleteFunc(slices.Clone(all), trial), err
}

// documentClusters are the region's clusters of DocumentDB.
func (a *account) documentClusters(ctx context.Context, region string) ([]rdstypes.DBCluster, error) {
	all, err := a.dbClusters(ctx, region)
	return slices.DeleteFunc(slices.Clone(all), func(c rdstypes.DBCluster) bool { return aws.ToString(c.Engine) != documentEngine }), err
}

// wantThere reports what a stack must have and the account has not: databases, document clusters and caches of its own.
func (l *look) wantThere(ctx context.Context) error {
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(databases, func(db rdstypes.DBInstance) bool { return l.ours(rdsTags(db.TagList)) }) {
		l.missing("database instance of the stack in "+l.home, "the client's database", fixByUpdate)
	}
	if l.subject.Client().Documents == nil {
		return nil
	}
	clusters, err := l.documentClusters(ctx, l.home)
	if err == nil && !slices.ContainsFunc(clusters, func(c rdstypes.DBCluster) bool { return l.ours(rdsTags(c.TagList)) }) {
		l.missing("document cluster of the stack in "+l.home, "the client's document cluster", fixByUpdate)
	}
	return err
}

// personalBuckets are the stack's buckets in a region that hold clients' data: attachments, and backups, which are under a lock.
func (a *account) personalBuckets(ctx context.Context, region string) (files, backups []bucket, err error) {
	all, err := a.buckets(ctx, region)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range all {
		if !a.ours(b.tags) || b.tags["data-class"] != "personal" {
			continue
		}
		lock, err := a.bucketLock(ctx, b)
		switch {
		case err != nil:
			return nil, nil, err
		case lock != nil:
			backups = append(backups, b)
		default:
			files = append(files, b)
		}
	}
	return files, backups, nil
}

// backupBuckets are the stack's buckets for backups, here and where they are copied to; a region without one is reported.
func (l *look) backupBuckets(ctx context.Context) ([]bucket, error) {
	var all []bucket
	for _, region := range l.regions() {
		_, backups, err := l.personalBuckets(ctx, region)
		if err != nil {
			return nil, err
		}
		if len(backups) == 0 {
			l.missing("bucket under an object lock in "+region, "a bucket for the service's own backups in "+region, fixByUpdate)
		}
		all = append(all, backups...)
	}
	return all, nil
}

// wantOwnKey reports whether something is encrypted under a key of the client's own in its region, and whether that key works.
func (l *look) wantOwnKey(ctx context.Context, o object, region, property, id string) error {
	ring, err := l.keyring(ctx, region)
	if err != nil {
		return err
	}
	k, known := ring[id]
	own := known && k.customers() && l.ours(k.tags)
	l.want(o, own, property, orAbsent(id), "a key of the client's own in "+region, "encrypt it with the stack's key: "+fixByUpdate+", or make it anew")
	if own && k.KeyState != kmstypes.KeyStateEnabled {
		l.want(k.object(), false, "isEnabled", string(k.KeyState), "Enabled: what it encrypts cannot be read otherwise", "enable the key, and cancel its deletion")
	}
	return nil
}

func orAbsent(value string) string {
	if value == "" {
		return "absent"
	}
	return value
}

// agoOf writes when something was, for findings.
func (l *look) agoOf(at *time.Time) string {
	if at == nil {
		return "absent"
	}
	return fmt.Sprintf("%s, %s ago", at.UTC().Format(time.RFC3339), lasting(l.subject.Now.Sub(*at)))
}

// lasting writes how long something takes, in its largest unit that is not too coarse.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d < 3*day:
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

const day = 24 * time.Hour

// wantFresh reports whether the newest of something is no older than a limit. first is when there can be one at the earliest
// of which that is required; until then its absence shows nothing.
func (l *look) wantFresh(o object, property string, newest *time.Time, limit time.Duration, first time.Time, expected, fix string) {
	fresh := newest != nil && l.subject.Now.Sub(*newest) <= limit
	if !fresh && newest == nil && l.subject.Now.Before(first) {
		l.tooEarly("%s: %s, first due at %s", l.called(o), expected, first.UTC().Format(time.RFC3339))
		return
	}
	l.want(o, fresh, property, l.agoOf(newest), expected, fix)
}

// readPolicy reads a policy; one that cannot be read is reported and shows nothing.
func (l *look) readPolicy(o object, text string) (policy.Document, bool) {
	if text == "" {
		l.want(o, false, "policy", "absent", "a policy", fixByUpdate)
		return policy.Document{}, false
	}
	document, err := policy.Parse(text)
	if err != nil {
		l.want(o, false, "policy", "a policy that cannot be read", "a policy that can be read", fixByUpdate)
	}
	return document, err == nil
}

// strangers are the principals that a policy lets in who are not of the client's account and do not act for it.
func (l *look) strangers(document policy.Document) []string {
	var found []string
	for _, st := range document.Allows() {
		if st.Everyone() && !l.bound(st) {
			found = append(found, "everyone")
			continue
		}
		for kind, who := range st.Principals {
			for _, principal := range who {
				switch {
				case principal == "*" && l.bound(st): // limited to the account by a condition
				case kind == "AWS" && (principal == l.number || accountOf(principal) == l.number):
				case kind == "Service" && l.bound(st):
				case kind == "Service":
					found = append(found, principal+" whoever it acts for")
				default:
					found = append(found, principal)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// bound tells whether a condition limits a statement to what belongs to the client's account.
func (l *look) bound(st policy.Statement) bool {
	return slices.ContainsFunc(st.Conditions, func(c policy.Condition) bool {
		key := strings.ToLower(c.Key)
		about := slices.Contains([]string{"aws:sourceaccount", "aws:sourcearn", "aws:principalaccount", "kms:calleraccount", "aws:sourceowner"}, key) ||
			strings.HasPrefix(key, "kms:encryptioncontext:")
		exact := slices.Contains([]string{"StringEquals", "StringLike", "ArnEquals", "ArnLike"}, c.Operator)
		own := func(v string) bool { return v == l.number || accountOf(v) == l.number }
		return about && exact && len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool { return !own(v) })
	})
}

// accountOf is the account in an ARN; empty where it names none.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[4]
	}
	return ""
}

// wantNoStrangers reports whether a policy lets nobody in from outside the client's account.
func (l *look) wantNoStrangers(o object, text string) {
	document, err := policy.Parse(text)
	if err != nil {
		l.want(o, false, "policy", "a policy that cannot be read", "a policy that can be read", fixByUpdate)
		return
	}
	found := l.strangers(document)
	l.want(o, len(found) == 0, "policy", "lets in from outside: "+orNone(found), "nobody of another account than "+l.number+" is let in", fixByUpdate)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return strings.Join(list, ", ")
}

// refusesAll tells whether a policy denies an action to everybody on what covers accepts, under these conditions and no others.
func refusesAll(document policy.Document, action string, covers func(resources []string) bool, conditions ...policy.Condition) bool {
	same := func(x, y policy.Condition) bool {
		return x.Operator == y.Operator && strings.EqualFold(x.Key, y.Key) && slices.Equal(slices.Sorted(slices.Values(x.Values)), slices.Sorted(slices.Values(y.Values)))
	}
	return slices.ContainsFunc(document.Denies(), func(st policy.Statement) bool {
		return st.Everyone() && len(st.NotPrincipals) == 0 && st.Covers(action) && covers(st.Resources) && slices.EqualFunc(st.Conditions, conditions, same)
	})
}

var (
	withoutTLS = policy.Condition{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"false"}}
	withOldTLS = policy.Condition{Operator: "NumericLessThan", Key: "s3:TlsVersion", Values: []string{"1.2"}}
)

// leaversMayDelete is under which condition deletions of backups are refused: always, or to all but the administrator
// once the client is leaving.
func (l *look) leaversMayDelete() []policy.Condition {
	if !l.subject.Leaving() {
		return nil
	}
	return []policy.Condition{{Operator: "ArnNotLike", Key: "aws:PrincipalArn", Values: []string{"arn:aws:iam::" + l.number + ":role/berth-administrator"}}}
}
