package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	eventRuleType     = "aws:cloudwatch/eventRule:EventRule"
	rdsSubscription   = "aws:rds/eventSubscription:EventSubscription"
	missingHours      = 26
	firstMeasurement  = time.Hour // within which a new alarm has seen its metric, where there is one
	trialLimit        = 7*day + 12*time.Hour
	replicaSeconds    = 60
	cacheSeconds      = 10
	documentLagMillis = 1000
)

// backupsWatched is the look at BK-9.
func backupsWatched(ctx context.Context, l *look) error {
	return errors.Join(backupAlarms(ctx, l), vaultsNotify(ctx, l), jobsHeard(ctx, l), databasesHeard(ctx, l), jobResults(ctx, l), trialResults(ctx, l))
}

// alarmDue is one alarm that must be there, and when it can be silent or raised without anything being wrong.
type alarmDue struct {
	of                object
	what              string
	region            string
	namespace, metric string
	dimensions        map[string]string
	limit             float64 // raised beyond it
	below             bool
	silence           bool      // no data raises it too
	calm              time.Time // until when it may be raised: what it watches has not had the time to happen
}

func backupAlarms(ctx context.Context, l *look) error {
	vaultWatches, errVaults := watchVaults(ctx, l)
	copyWatches, errCopies := watchCopies(ctx, l)
	lagWatches, errLags := watchReplicas(ctx, l)
	errs := []error{errVaults, errCopies, errLags}
	for _, w := range slices.Concat(vaultWatches, copyWatches, lagWatches) {
		if err := wantWatch(ctx, l, w); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

// watchVaults are the alarms on the vault that the daily plan fills.
func watchVaults(ctx context.Context, l *look) ([]alarmDue, error) {
	plans, err := l.plans(ctx, l.home)
	if err != nil {
		return nil, err
	}
	if len(plans) == 0 {
		l.missing("backup plan in "+l.home, "daily backups that are watched", fixByUpdate)
	}
	there, err := l.vaults(ctx, l.home)
	if err != nil {
		return nil, err
	}
	var all []alarmDue
	for _, p := range plans {
		for _, rule := range p.Rules {
			name := aws.ToString(rule.TargetBackupVaultName)
			v, known := there[name]
			if !known {
				l.missing("vault "+name+" in "+l.home, "the vault that the daily plan fills", fixByUpdate)
				continue
			}
			about := alarmDue{of: vault{v, l.home}.of(backupVault), region: l.home, namespace: "AWS/Backup", dimensions: map[string]string{"BackupVaultName": name}}
			failed, missing, uncopied := about, about, about
			failed.what, failed.metric = "failed backups", "NumberOfBackupJobsFailed"
			missing.what, missing.metric, missing.below, missing.limit, missing.silence = "missing backups", "NumberOfBackupJobsCompleted", true, 1, true
			missing.calm = l.after(v.CreationDate, 0).UTC().Truncate(day).Add(day + firstBackup)
			uncopied.what, uncopied.metric = "failed copies", "NumberOfCopyJobsFailed"
			all = append(all, failed, missing)
			if len(rule.CopyActions) > 0 {
				all = append(all, uncopied)
			}
		}
	}
	return all, nil
}

// watchCopies are the alarms on the copies of buckets. S3 publishes how late a copy is where it lies, and what failed where it comes from.
func watchCopies(ctx context.Context, l *look) ([]alarmDue, error) {
	files, backups, err := l.personalBuckets(ctx, l.home)
	if err != nil {
		return nil, err
	}
	var all []alarmDue
	for _, b := range append(files, backups...) {
		config, err := l.bucketReplication(ctx, b)
		if err != nil {
			return nil, err
		}
		if config == nil {
			continue // BK-3 and BK-5 say so
		}
		for _, rule := range config.Rules {
			if rule.Destination == nil {
				continue
			}
			about := alarmDue{of: b.of(s3Replication), namespace: "AWS/S3", dimensions: map[string]string{
				"SourceBucket": b.name, "DestinationBucket": strings.TrimPrefix(aws.ToString(rule.Destination.Bucket), "arn:aws:s3:::"), "RuleId": aws.ToString(rule.ID)}}
			late, failed := about, about
			late.what, late.metric, late.region, late.limit = "late copies of objects", "ReplicationLatency", l.second, copyMinutes*60
			failed.what, failed.metric, failed.region = "failed copies of objects", "OperationsFailedReplication", l.home
			all = append(all, late, failed)
		}
	}
	return all, nil
}

// watchReplicas are the alarms on the lag of databases' and caches' replicas.
func watchReplicas(ctx context.Context, l *look) ([]alarmDue, error) {
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return nil, err
	}
	var all []alarmDue
	for _, db := range instances {
		if aws.ToString(db.ReadReplicaSourceDBInstanceIdentifier) != "" {
			all = append(all, alarmDue{of: dbObject(db), what: "its lag", region: l.home, namespace: "AWS/RDS", metric: "ReplicaLag", limit: replicaSeconds, silence: true,
				dimensions: map[string]string{"DBInstanceIdentifier": aws.ToString(db.DBInstanceIdentifier)}, calm: l.after(db.InstanceCreateTime, firstLog)})
		}
	}
	clusters, err := l.documentClusters(ctx, l.home)
	if err != nil {
		return nil, err
	}
	for _, c := range clusters {
		if len(c.DBClusterMembers) > 1 {
			all = append(all, alarmDue{of: clusterObject(c), what: "its replicas' lag", region: l.home, namespace: "AWS/DocDB", metric: "DBClusterReplicaLagMaximum", limit: documentLagMillis,
				dimensions: map[string]string{"DBClusterIdentifier": aws.ToString(c.DBClusterIdentifier)}, calm: l.after(c.ClusterCreateTime, firstLog)})
		}
	}
	groups, err := l.caches(ctx, l.home)
	for _, g := range groups {
		if len(g.MemberClusters) < 2 {
			continue
		}
		for _, node := range g.MemberClusters { // whichever is the primary has none; each can become a replica
			all = append(all, alarmDue{of: object{cacheType, aws.ToString(g.ARN)}, what: "the lag of node " + node, region: l.home, namespace: "AWS/ElastiCache", metric: "ReplicationLag",
				limit: cacheSeconds, dimensions: map[string]string{"CacheClusterId": node}, calm: l.after(g.ReplicationGroupCreateTime, firstLog)})
		}
	}
	return all, err
}

// wantWatch reports whether there is such an alarm, whether it reaches the team, and what it says now.
func wantWatch(ctx context.Context, l *look, w alarmDue) error {
	there, err := l.alarms(ctx, w.region)
	if err != nil {
		return err
	}
	topics, err := l.ourTopics(ctx, w.region)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(there.metric, func(m cwtypes.MetricAlarm) bool {
		dimensions := tagMap(m.Dimensions, func(d cwtypes.Dimension) (key, value *string) { return d.Name, d.Value })
		return aws.ToString(m.Namespace) == w.namespace && aws.ToString(m.MetricName) == w.metric && maps.Equal(dimensions, w.dimensions)
	})
	if i < 0 {
		l.want(w.of, false, "", "no alarm in "+w.region+" on metric "+w.metric+" of it", "an alarm on "+w.what, fixByUpdate)
		return nil
	}
	m := there.metric[i]
	o := object{alarmType, aws.ToString(m.AlarmArn)}
	above := slices.Contains([]cwtypes.ComparisonOperator{cwtypes.ComparisonOperatorGreaterThanThreshold, cwtypes.ComparisonOperatorGreaterThanOrEqualToThreshold}, m.ComparisonOperator)
	threshold := aws.ToFloat64(m.Threshold)
	right := above && threshold <= w.limit
	if w.below {
		right = !above && threshold >= w.limit
	}
	l.want(o, right, "threshold", fmt.Sprintf("%s %g", m.ComparisonOperator, threshold), fmt.Sprintf("raised beyond %g", w.limit), fixByUpdate)
	if w.silence {
		l.want(o, aws.ToString(m.TreatMissingData) == "breaching", "treatMissingData", aws.ToString(m.TreatMissingData), "breaching: silence is bad news too", fixByUpdate)
	}
	heard := aws.ToBool(m.ActionsEnabled) && slices.ContainsFunc(m.AlarmActions, func(arn string) bool {
		return slices.ContainsFunc(topics, func(t topic) bool { return t.arn == arn })
	})
	l.want(o, heard, "alarmActions", noneOr(m.AlarmActions), "the alerts' topic in "+w.region+", and switched on", fixByUpdate)
	l.wantCalm(o, w, m)
	return nil
}

// wantCalm reports what an alarm says now. One that has seen nothing yet says nothing, and one on what is not due yet may be raised.
func (l *look) wantCalm(o object, w alarmDue, m cwtypes.MetricAlarm) {
	const expected = "OK: nothing is missing, late or failed now"
	since := l.after(m.StateUpdatedTimestamp, 0)
	switch {
	case m.StateValue == cwtypes.StateValueAlarm && l.subject.Now.Before(w.calm):
		l.tooEarly("%s is raised: %s is first due at %s", l.called(o), w.what, w.calm.UTC().Format(time.RFC3339))
	case m.StateValue == cwtypes.StateValueInsufficientData && l.subject.Now.Before(since.Add(firstMeasurement)):
		l.tooEarly("%s has seen no data since %s", l.called(o), since.UTC().Format(time.RFC3339))
	default:
		// Without data for longer, a metric is not published while nothing happens, such as copies while nothing is written.
		quiet := m.StateValue == cwtypes.StateValueInsufficientData && !w.silence
		l.want(o, m.StateValue == cwtypes.StateValueOk || quiet, "", string(m.StateValue)+" since "+l.agoOf(&since), expected,
			"find out what is behind it: "+aws.ToString(m.AlarmDescription))
	}
}

// vaultsNotify reports whether each vault tells the team of what went wrong in it.
func vaultsNotify(ctx context.Context, l *look) error {
	for _, region := range l.regions() {
		vaults, err := l.vaults(ctx, region)
		if err != nil {
			return err
		}
		topics, err := l.ourTopics(ctx, region)
		if err != nil {
			return err
		}
		if len(vaults) == 0 {
			l.missing("backup vault in "+region, "a vault whose jobs are watched", fixByUpdate)
		}
		for _, name := range slices.Sorted(maps.Keys(vaults)) {
			member := vaults[name]
			o := vault{member, region}.of(backupNotifications)
			told, err := l.vaultNotifications(ctx, region, name)
			if err != nil {
				return err
			}
			if told == nil {
				l.want(o, false, "", "the vault tells nobody", "failed jobs are told to the alerts' topic in "+region, fixByUpdate)
				continue
			}
			arn := aws.ToString(told.SNSTopicArn)
			l.want(o, slices.ContainsFunc(topics, func(t topic) bool { return t.arn == arn }), "snsTopicArn", arn, "the alerts' topic in "+region, fixByUpdate)
			var unheard []string
			for _, event := range []backuptypes.BackupVaultEvent{backuptypes.BackupVaultEventBackupJobExpired, backuptypes.BackupVaultEventBackupJobFailed,
				backuptypes.BackupVaultEventCopyJobFailed, backuptypes.BackupVaultEventRestoreJobFailed} {
				if !slices.Contains(told.BackupVaultEvents, event) {
					unheard = append(unheard, string(event))
				}
			}
			l.want(o, len(unheard) == 0, "backupVaultEvents", "not told of: "+noneOr(unheard), "all that ends badly", fixByUpdate)
		}
	}
	return nil
}

// heardOf is what an event rule listens to.
type heardOf struct {
	Source []string    `json:"source"`
	Types  []string    `json:"detail-type"`
	Detail eventDetail `json:"detail"`
	Or     []struct {
		Detail eventDetail `json:"detail"`
	} `json:"$or"`
}

type eventDetail struct {
	State       []string `json:"state"`
	Status      []string `json:"status"`
	EventSource []string `json:"eventSource"`
	EventName   []string `json:"eventName"`
}

// ends tells whether a rule hears of jobs that ended badly, under both names that AWS Backup has for how they ended.
func (h heardOf) ends() bool {
	badly := []string{"ABORTED", "EXPIRED", "FAILED", "PARTIAL"}
	alternatives := []eventDetail{h.Detail}
	for _, one := range h.Or {
		alternatives = append(alternatives, one.Detail)
	}
	var state, status bool
	for _, d := range alternatives {
		state = state || d.Status == nil && hasAll(d.State, badly...)
		status = status || d.State == nil && hasAll(d.Status, badly...)
	}
	return state && status && hasAll(h.Types, "Backup Job State Change", "Copy Job State Change", "Restore Job State Change")
}

// calls tells whether a rule hears of calls that take backups or their guard away.
func (h heardOf) calls() bool {
	return len(h.Or) == 0 && slices.Equal(h.Detail.EventSource, []string{"backup.amazonaws.com"}) && hasAll(h.Types, "AWS API Call via CloudTrail") &&
		hasAll(h.Detail.EventName, "DeleteBackupVault", "DeleteBackupVaultAccessPolicy", "DeleteBackupVaultLockConfiguration", "DeleteRecoveryPoint",
			"PutBackupVaultAccessPolicy", "UpdateRecoveryPointLifecycle")
}

func hasAll(list []string, all ...string) bool {
	return !slices.ContainsFunc(all, func(one string) bool { return !slices.Contains(list, one) })
}

// jobsHeard reports whether the team hears, in each region, of jobs that ended badly and of whoever touches the backups.
func jobsHeard(ctx context.Context, l *look) error {
	for _, region := range l.regions() {
		rules, err := l.eventRules(ctx, region)
		if err != nil {
			return err
		}
		topics, err := l.ourTopics(ctx, region)
		if err != nil {
			return err
		}
		for _, of := range []struct {
			what  string
			hears func(heardOf) bool
		}{{"jobs that ended badly", heardOf.ends}, {"calls that take backups or their guard away", heardOf.calls}} {
			i := slices.IndexFunc(rules, func(r eventRule) bool {
				decoder := json.NewDecoder(strings.NewReader(aws.ToString(r.EventPattern)))
				decoder.DisallowUnknownFields() // a pattern that asks for more may leave events out
				var pattern heardOf
				return decoder.Decode(&pattern) == nil && slices.Contains(pattern.Source, "aws.backup") && of.hears(pattern)
			})
			if i < 0 {
				l.missing("event rule in "+region+" that hears of "+of.what, "the team hears of "+of.what, fixByUpdate)
				continue
			}
			o := object{eventRuleType, aws.ToString(rules[i].Arn)}
			l.want(o, strings.HasPrefix(string(rules[i].State), "ENABLED"), "state", string(rules[i].State), "switched on", fixByUpdate)
			told := slices.ContainsFunc(rules[i].targets, func(arn string) bool { return slices.ContainsFunc(topics, func(t topic) bool { return t.arn == arn }) })
			l.want(o, told, "", "told to: "+orNone(rules[i].targets), "the alerts' topic in "+region, fixByUpdate)
		}
	}
	return nil
}

// databasesHeard reports whether RDS tells the team of each database's failures.
func databasesHeard(ctx context.Context, l *look) error {
	subscriptions, err := l.dbSubscriptions(ctx, l.home)
	if err != nil {
		return err
	}
	topics, err := l.ourTopics(ctx, l.home)
	if err != nil {
		return err
	}
	heard := func(o object, source, id string, categories ...string) {
		i := slices.IndexFunc(subscriptions, func(s rdstypes.EventSubscription) bool {
			return aws.ToString(s.SourceType) == source && slices.Contains(s.SourceIdsList, id)
		})
		if i < 0 {
			l.want(o, false, "", "no subscription to its events", "RDS tells the team of its failures", fixByUpdate)
			return
		}
		s := subscriptions[i]
		at := object{rdsSubscription, aws.ToString(s.CustSubscriptionId)}
		l.want(at, aws.ToBool(s.Enabled), "enabled", aws.ToBool(s.Enabled), "true", fixByUpdate)
		l.want(at, slices.ContainsFunc(topics, func(t topic) bool { return t.arn == aws.ToString(s.SnsTopicArn) }), "snsTopic", aws.ToString(s.SnsTopicArn), "the alerts' topic in "+l.home, fixByUpdate)
		lacks := slices.DeleteFunc(categories, func(c string) bool { return slices.Contains(s.EventCategoriesList, c) })
		l.want(at, len(lacks) == 0, "eventCategories", "not told of: "+noneOr(lacks), "deletion, failure, recovery and restoration", fixByUpdate)
	}
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		heard(dbObject(db), "db-instance", aws.ToString(db.DBInstanceIdentifier), "deletion", "failure", "read replica", "recovery", "restoration")
	}
	clusters, err := l.documentClusters(ctx, l.home)
	for _, c := range clusters {
		heard(clusterObject(c), "db-cluster", aws.ToString(c.DBClusterIdentifier), "deletion", "failure")
	}
	return err
}

// job is how one job ended.
type job struct {
	of        string // ARN of what was backed up, copied or restored
	ended     *time.Time
	completed bool
	state     string
}

// lastJob is the newest job of something that ended; nil: none did.
func lastJob(jobs []job, of string) *job {
	var found *job
	for i, j := range jobs {
		if j.of == of && j.ended != nil && (found == nil || j.ended.After(*found.ended)) {
			found = &jobs[i]
		}
	}
	return found
}

// jobResults reads how the latest backup and the latest copy of each database ended, and when.
func jobResults(ctx context.Context, l *look) error {
	made, err := l.backupJobs(ctx, l.home)
	if err != nil {
		return err
	}
	var backups, copies []job
	for _, j := range made {
		backups = append(backups, job{aws.ToString(j.ResourceArn), j.CompletionDate, j.State == backuptypes.BackupJobStateCompleted, string(j.State)})
	}
	if l.second != "" {
		copied, err := l.copyJobs(ctx, l.home)
		if err != nil {
			return err
		}
		for _, j := range copied {
			copies = append(copies, job{aws.ToString(j.ResourceArn), j.CompletionDate, j.State == backuptypes.CopyJobStateCompleted, string(j.State)})
		}
	}
	protected, err := l.protectedStores(ctx)
	if err != nil {
		return err
	}
	plans, err := l.plans(ctx, l.home)
	if err != nil {
		return err
	}
	for _, s := range protected {
		begun := s.created
		for _, p := range plans {
			if p.created.After(begun) {
				begun = p.created
			}
		}
		midnight := begun.UTC().Truncate(day).Add(day)
		l.wantEnded(s.object, "backup", lastJob(backups, s.id), backupLimit, midnight.Add(firstBackup))
		if l.second != "" {
			l.wantEnded(s.object, "copy to "+l.second, lastJob(copies, s.id), copyLimit, midnight.Add(firstCopy))
		}
	}
	return nil
}

// wantEnded reports whether the latest job of a kind ended well, and not too long ago.
func (l *look) wantEnded(o object, what string, j *job, limit time.Duration, first time.Time) {
	expected := fmt.Sprintf("its latest %s ended well, at most %s ago", what, lasting(limit))
	const fix = "see the job in AWS Backup"
	if j == nil {
		l.wantFresh(o, "", nil, limit, first, expected, fix)
		return
	}
	l.want(o, j.completed && l.subject.Now.Sub(*j.ended) <= limit, "", fmt.Sprintf("its latest %s: %s at %s", what, j.state, l.agoOf(j.ended)), expected, fix)
}

// trialResults reads how the latest trial of a restore ended, and when.
func trialResults(ctx context.Context, l *look) error {
	trials, err := l.restoreTrials(ctx, l.home)
	if err != nil {
		return err
	}
	if len(trials) == 0 {
		l.missing("restore testing plan in "+l.home, "a restore is tried every week", fixByUpdate)
		return nil
	}
	restored, err := l.restoreJobs(ctx, l.home)
	if err != nil {
		return err
	}
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	for _, t := range trials {
		var jobs []job
		for _, j := range restored {
			if j.CreatedBy != nil && aws.ToString(j.CreatedBy.RestoreTestingPlanArn) == aws.ToString(t.RestoreTestingPlanArn) {
				jobs = append(jobs, job{aws.ToString(j.SourceResourceArn), j.CompletionDate, j.Status == backuptypes.RestoreJobStatusCompleted, string(j.Status)})
			}
		}
		for _, db := range databases {
			begun := l.after(db.InstanceCreateTime, 0)
			if t.CreationTime != nil && t.CreationTime.After(begun) {
				begun = *t.CreationTime
			}
			l.wantEnded(dbObject(db), "trial of a restore", lastJob(jobs, aws.ToString(db.DBInstanceArn)), trialLimit, begun.Add(day+trialLimit))
		}
	}
	return nil
}
