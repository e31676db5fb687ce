package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// BK9 is the watch over backups and replication.
func (catalogue) BK9() promises.Promise {
	return promises.Promise{
		ID:       "BK-9",
		Title:    "Backups and replication watched",
		Sentence: "Your backups and replicas are watched all the time: a failed or missing backup, a late copy or a lagging replica alerts our team at once.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours,
			promises.OnSites: promises.Ours, promises.OnPremises: promises.Clients},
		Parameters: func(h promises.Hosting, _ *spec.Spec) []promises.Parameter {
			if h != promises.OnAWS {
				return []promises.Parameter{{Name: "alert on a missing backup", Value: "after 26 hours"}}
			}
			return []promises.Parameter{
				{Name: "alert on a missing backup", Value: fmt.Sprintf("after %d hours", missingHours)},
				{Name: "alert on a late copy", Value: fmt.Sprintf("%d minutes behind", copyMinutes)},
				{Name: "alert on a lagging replica", Value: fmt.Sprintf("%d seconds behind", replicaSeconds)},
				{Name: "restore tried", Value: "every week"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every vault, replication and replica in the resource graph is followed to its alarms, their limits and the team's topic, " +
				"and every database to the weekly trial of a restore"},
			{Level: promises.Live, How: "the alarms' limits, receivers and present state, the vaults' notifications, the rules that hear of failures, and the results and ages of the latest " +
				"backups, copies and restore trials are read back from the account"},
			{Level: promises.Drill, How: "a backup is made to fail and a replica is stopped; the time until the alert is seen is measured and recorded"},
		},
		Keywords: []string{
			"backup failure alert", "backup monitored", "replica lag", "stale backup alert", "backup job fails", "replication monitored",
			"backups checked", "backup too old", "newest backup", "replication lag alert", "missed backup", "verify backups succeed",
			"notice backup did not run", "notice failed backup", "told replica behind", "failed backup", "stale backup", "backup alerts",
			"backup success verified", "restore test", "restore testing", "backups tested", "backup job notifications", "backup verification",
			"backup monitoring", "missing backup", "replication lag", "lagging replica", "replication monitoring", "test restores",
		},
		Check:  backupsWatched,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: copiesWatched, promises.OnLightsail: lightBackups},
	}
}

const (
	watchedWith = "leave the watch to components/backup"
)

func backupsWatched(s promises.Subject, r *promises.Report) {
	vaults := r.Must(s.Graph.OfType(backupVaultType), "backup vault", "a vault whose jobs are watched", "keep component "+backupComponent+" in the stack")
	for _, vault := range vaults {
		vaultNotifies(r, vault)
		vaultHeard(s, r, vault)
	}
	backupAlarms(s, r)
	databasesHeard(s, r)
	restoresTried(s, r)
}

// toTopic tells whether one of the topics that a property names is the stack's own in the same region; others reach nobody.
func toTopic(from *graph.Resource, property string) bool {
	return slices.ContainsFunc(append(from.Refs(property, typeTopic), from.Ref(property, typeTopic)), func(topic *graph.Resource) bool {
		return topic != nil && topic.Region() == from.Region()
	})
}

// vaultNotifies reports whether a vault tells of what went wrong in it.
func vaultNotifies(r *promises.Report, vault *graph.Resource) {
	n := single(r, vault, beside(vault, "backupVaultName", "aws:backup/vaultNotifications:VaultNotifications"), "notification", watchedWith)
	if n == nil {
		return
	}
	r.Want(n, toTopic(n, "snsTopicArn"), "snsTopicArn", "the alerts' topic in "+vault.Region(), watchedWith)
	wantEach(r, n, "backupVaultEvents", "BACKUP_JOB_EXPIRED", "BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_FAILED")
}

// wantEach reports whether a list has all of the values.
func wantEach(r *promises.Report, on *graph.Resource, property string, values ...string) {
	has := on.Texts(property)
	r.Want(on, !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(has, v) }), property, "all of "+strings.Join(values, ", "), watchedWith)
}

// eventPattern is what an event rule listens to.
type eventPattern struct {
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

// backupPatternOf reads what a rule listens to. A pattern that asks for more than is known here may leave events out and is no answer.
func backupPatternOf(rule *graph.Resource) (eventPattern, bool) {
	decoder := json.NewDecoder(strings.NewReader(rule.Text("eventPattern")))
	decoder.DisallowUnknownFields()
	var pattern eventPattern
	err := decoder.Decode(&pattern)
	return pattern, err == nil
}

// hears tells whether the pattern takes events of these types from AWS Backup.
func (p eventPattern) hears(types []string) bool {
	return slices.Contains(p.Source, "aws.backup") && containsAll(p.Types, types)
}

// ends tells whether the pattern takes jobs that ended so, under both names that AWS Backup has for it.
func (p eventPattern) ends(badly []string) bool {
	alternatives := []eventDetail{p.Detail}
	for _, one := range p.Or {
		alternatives = append(alternatives, one.Detail)
	}
	var state, status bool
	for _, d := range alternatives {
		state = state || d.Status == nil && containsAll(d.State, badly)
		status = status || d.State == nil && containsAll(d.Status, badly)
	}
	return state && status
}

// calls tells whether the pattern takes calls of these names.
func (p eventPattern) calls(names []string) bool {
	return len(p.Or) == 0 && containsAll(p.Detail.EventName, names) && slices.Equal(p.Detail.EventSource, []string{"backup.amazonaws.com"})
}

func containsAll(list, all []string) bool {
	return !slices.ContainsFunc(all, func(one string) bool { return !slices.Contains(list, one) })
}

// vaultHeard reports whether the team hears, in a vault's region, of jobs that ended badly and of whoever touches the backups.
func vaultHeard(s promises.Subject, r *promises.Report, vault *graph.Resource) {
	heard := func(what, fix string, types []string, takes func(eventPattern) bool) {
		for _, rule := range s.Graph.OfType("aws:cloudwatch/eventRule:EventRule") {
			if rule.Region() != vault.Region() {
				continue
			}
			if pattern, known := backupPatternOf(rule); known && pattern.hears(types) && takes(pattern) {
				ruleDelivers(r, rule)
				return
			}
		}
		r.Say(vault, false, "no event rule in "+vault.Region()+" that hears of "+what, "the team hears of "+what, fix)
	}
	badly := []string{"ABORTED", "EXPIRED", "FAILED", "PARTIAL"}
	heard("jobs that ended badly", watchedWith, []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
		func(p eventPattern) bool { return p.ends(badly) })
	calls := []string{"DeleteBackupVault", "DeleteBackupVaultAccessPolicy", "DeleteBackupVaultLockConfiguration", "DeleteRecoveryPoint",
		"PutBackupVaultAccessPolicy", "UpdateRecoveryPointLifecycle"}
	if vault.Region() == s.Client().AWS.Region { // where the plan is
		calls = append(calls, "DeleteBackupPlan", "DeleteBackupSelection")
	}
	heard("calls that take backups or their guard away", "add the event rule of component monitoring in the vault's region too", []string{"AWS API Call via CloudTrail"},
		func(p eventPattern) bool { return p.calls(calls) })
}

// ruleDelivers reports whether what a rule hears reaches the team.
func ruleDelivers(r *promises.Report, rule *graph.Resource) {
	state := rule.Text("state")
	on := (!rule.Has("isEnabled") || rule.Bool("isEnabled")) && (state == "" || strings.HasPrefix(state, "ENABLED"))
	found := "on"
	if !on {
		found = "switched off"
	}
	r.Say(rule, on, found, "switched on", "leave isEnabled and state out")
	if target := single(r, rule, beside(rule, "rule", "aws:cloudwatch/eventTarget:EventTarget"), "target", "keep the rule's target"); target != nil {
		r.Want(target, toTopic(target, "arn"), "arn", "the alerts' topic in "+rule.Region(), "send the event to the topic of component alerting in that region")
	}
}

// databasesHeard reports whether the databases' own services tell the team of failures.
func databasesHeard(s promises.Subject, r *promises.Report) {
	const fix = "leave the subscription to the component that makes the database"
	tell := func(db *graph.Resource, subscriptions, sources, topic string, categories ...string) {
		subscription := single(r, db, db.Referrers("sourceIds", subscriptions), "event subscription", fix)
		if subscription == nil {
			return
		}
		r.Want(subscription, !subscription.Has("enabled") || subscription.Bool("enabled"), "enabled", "not false", fix)
		r.Want(subscription, subscription.Text("sourceType") == sources, "sourceType", sources, fix)
		r.Want(subscription, toTopic(subscription, topic), topic, "the alerts' topic in "+db.Region(), fix)
		wantEach(r, subscription, "eventCategories", categories...)
	}
	for _, db := range s.Graph.OfType(typeDatabase) {
		tell(db, "aws:rds/eventSubscription:EventSubscription", "db-instance", "snsTopic", "deletion", "failure", "read replica", "recovery", "restoration")
	}
	for _, cluster := range s.Graph.OfType(typeDocuments) {
		tell(cluster, "aws:docdb/eventSubscription:EventSubscription", "db-cluster", "snsTopicArn", "deletion", "failure")
	}
}
