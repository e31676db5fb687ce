package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// restoresTried reports whether the newest backup of every database instance is restored for a trial every week.
func restoresTried(s promises.Subject, r *promises.Report) {
	const fix = "pass RestoreTest to components/backup"
	restored := map[*graph.Resource]bool{}
	for _, plan := range r.Must(s.Graph.OfType("aws:backup/restoreTestingPlan:RestoreTestingPlan"), "restore testing plan", "a restore is tried every week", fix) {
		const newest = "recoveryPointSelection."
		r.Want(plan, everyWeek(plan.Text("scheduleExpression")), "scheduleExpression", "at least once a week", fix)
		r.Want(plan, plan.Text(newest+"algorithm") == "LATEST_WITHIN_WINDOW", newest+"algorithm", "LATEST_WITHIN_WINDOW, the newest backup", fix)
		days, _ := plan.Number(newest + "selectionWindowDays")
		r.Want(plan, days >= 1 && days <= 7, newest+"selectionWindowDays", "at most 7, so that an old backup does not pass for the newest", fix)
		r.Want(plan, len(plan.Refs(newest+"includeVaults", backupVaultType)) > 0 && !plan.Has(newest+"excludeVaults"), newest+"includeVaults", "the vault of the daily backups", fix)
		r.Want(plan, slices.Contains(plan.Texts(newest+"recoveryPointTypes"), "SNAPSHOT"), newest+"recoveryPointTypes", "SNAPSHOT, which the daily backups are", fix)
		selections := plan.Referrers("restoreTestingPlanName", "aws:backup/restoreTestingSelection:RestoreTestingSelection")
		if len(selections) == 0 {
			r.Say(plan, false, "nothing is selected for the trial", "every database instance is selected", fix)
		}
		for _, selection := range selections {
			for _, db := range selection.Refs("protectedResourceArns", typeDatabase) {
				restored[db] = true
			}
			r.Want(selection, selection.Text("protectedResourceType") == "RDS", "protectedResourceType", "RDS", fix)
			wantBackupRole(s, r, selection, "AWSBackupServiceRolePolicyForRestores")
			wantNowhere(s, r, selection)
		}
	}
	for _, db := range sources(s.Graph) {
		found := "in the weekly trial"
		if !restored[db] {
			found = "not in the weekly trial"
		}
		r.Say(db, restored[db], found, "restored for a trial every week", fix)
	}
}

// everyWeek tells whether an AWS cron expression comes true in every week.
func everyWeek(expression string) bool {
	inner, isCron := strings.CutPrefix(expression, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	fields := strings.Fields(inner)
	if !isCron || !closed || len(fields) != 6 {
		return false
	}
	day, month, weekday, year := fields[2], fields[3], fields[4], fields[5]
	everyWeek := weekday != "?" && !strings.ContainsAny(weekday, "#L") || day == "*"
	return everyWeek && month == "*" && year == "*"
}

// wantNowhere reports whether what is restored for a trial, which is the client's data, can be reached by nobody.
func wantNowhere(s promises.Subject, r *promises.Report, selection *graph.Resource) {
	const groups, fix = "restoreMetadataOverrides.vpcSecurityGroupIds", "leave the trial's security group to components/backup"
	var ids []string // the override is a list in JSON
	err := json.Unmarshal([]byte(selection.Text(groups)), &ids)
	var named []*graph.Resource
	for _, id := range ids {
		if group := s.Graph.Resolve(id, "aws:ec2/securityGroup:SecurityGroup"); group != nil {
			named = append(named, group)
		}
	}
	r.Want(selection, err == nil && len(ids) == 1 && len(named) == 1, groups, "one security group of this stack", fix)
	for _, group := range named {
		rules := len(group.List("ingress")) + len(group.List("egress")) + len(group.Referrers("securityGroupId",
			"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "aws:ec2/securityGroupRule:SecurityGroupRule"))
		r.Say(group, rules == 0, fmt.Sprintf("%d rules", rules), "no rule, neither in nor out: what was restored for a trial is reached by nobody", fix)
	}
	subnets := selection.Ref("restoreMetadataOverrides.dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup")
	r.Want(selection, subnets != nil, "restoreMetadataOverrides.dbSubnetGroupName", "the database's own subnets", fix)
}
