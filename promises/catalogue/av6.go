package catalogue

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV6 is releases without downtime.
func (catalogue) AV6() promises.Promise {
	return promises.Promise{
		ID:    "AV-6",
		Title: "No downtime for releases",
		Sentence: "New releases cause no downtime. Larger work happens only in maintenance windows, which are announced to you in advance: " +
			"7 days before, unless you agree on another notice.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.OnPremises: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			notice, window := 7, "sun:02:00-sun:04:00"
			if c := clientOnAWS(s); c != nil {
				notice, window = c.Maintenance.NoticeDays, c.Maintenance.Window
			}
			return []promises.Parameter{
				{Name: "notice of maintenance", Value: howMany(notice, "day"), Key: "maintenance.noticeDays"},
				{Name: "maintenance window", Value: window + " UTC", Key: "maintenance.window"},
				{Name: "failed requests during a release", Value: "0"},
			}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the resource graph shows that machines are renewed with all of them serving, and that databases wait for the client's maintenance window"},
			{Level: promises.Drill, How: "the service is upgraded under load, and failed requests are counted: there may be none"},
		},
		Keywords: []string{
			"release downtime", "maintenance window", "maintenance announced", "planned maintenance", "release without interruption",
			"zero downtime release", "scheduled maintenance", "notice new version", "install new version users", "zero downtime", "rolling update",
			"blue-green deployment", "upgrade", "software updates", "advance notice", "patching window", "release interruption users",
			"zero-downtime deployment", "release without downtime", "rolling deployment", "planned downtime", "notice of maintenance",
			"maintenance notice",
		},
		Check:  noDowntime,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineReleases, promises.OnPremises: machineReleases},
	}
}

const fixRefresh = "mend the auto-scaling group in components/compute, machines.go"

func noDowntime(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	for _, fleet := range r.Must(serviceFleets(s.Graph), "auto-scaling group that serves people's requests", "machines that are renewed one after the other", fixRefresh) {
		renewed(r, fleet)
		for _, group := range fleet.Refs("targetGroupArns", typeTargetGroup) {
			delay, given := group.Number("deregistrationDelay")
			r.Want(group, !given || delay >= 30, "deregistrationDelay", "at least 30 seconds for requests that are under way to end", "mend the target group in components/loadbalancer")
		}
	}
	w := windowCheck{Report: r, window: client.Maintenance.Window}
	for _, db := range s.Graph.OfType(typeDatabase) {
		w.waits(db, "maintenanceWindow")
		w.keepsVersion(db)
	}
	for _, cluster := range s.Graph.OfType(typeDocuments) {
		w.waits(cluster, "preferredMaintenanceWindow")
		w.keepsVersion(cluster)
	}
	for _, instance := range s.Graph.OfType(typeDocument) {
		w.waits(instance, "preferredMaintenanceWindow")
	}
	for _, cache := range s.Graph.OfType(typeCache) {
		w.waits(cache, "maintenanceWindow")
	}
	announced(s, r, client.Maintenance)
}

// renewed reports whether an auto-scaling group renews its machines while all of them serve.
func renewed(r *promises.Report, fleet *graph.Resource) {
	const preferences = "instanceRefresh.preferences."
	healthy, _ := fleet.Number(preferences + "minHealthyPercentage")
	r.Want(fleet, healthy >= 100, preferences+"minHealthyPercentage", "100: no machine goes before another serves in its place", fixRefresh)
	most, _ := fleet.Number(preferences + "maxHealthyPercentage")
	r.Want(fleet, most > 100 && most <= 200, preferences+"maxHealthyPercentage", "more than 100 and at most 200, so that new machines start beside the old ones", fixRefresh)
	spare, _ := fleet.Number("instanceMaintenancePolicy.maxHealthyPercentage")
	r.Want(fleet, spare > 100 && spare <= 200, "instanceMaintenancePolicy.maxHealthyPercentage", "more than 100 and at most 200, so that new machines start beside the old ones", fixRefresh)
	warmup, _ := fleet.Number(preferences + "instanceWarmup")
	r.Want(fleet, warmup >= 60 && warmup <= 600, preferences+"instanceWarmup", "60 to 600 seconds before a new machine counts as serving", fixRefresh)
	warmup, _ = fleet.Number("defaultInstanceWarmup")
	r.Want(fleet, warmup >= 60 && warmup <= 600, "defaultInstanceWarmup", "60 to 600 seconds before a new machine counts as serving", fixRefresh)
	r.Want(fleet, fleet.Bool(preferences+"autoRollback"), preferences+"autoRollback", "true: a release whose machines do not serve is taken back", fixRefresh)
	steps := fleet.Texts(preferences + "checkpointPercentages")
	pause, _ := fleet.Number(preferences + "checkpointDelay")
	r.Want(fleet, stepwise(steps) && pause >= 60 && pause <= 3600, preferences+"checkpointPercentages",
		"a part of the machines first, and a pause of a minute to an hour before the rest", fixRefresh)
	version, _ := fleet.Number("launchTemplate.version")
	r.Want(fleet, version >= 1, "launchTemplate.version", "a number, so that each release is rolled out by the group", fixRefresh)
}

// stepwise tells whether shares, in percent, begin with a part, grow, and end with all.
func stepwise(shares []string) bool {
	before := 0
	for _, share := range shares {
		percent, err := strconv.Atoi(share)
		if err != nil || percent <= before {
			return false
		}
		before = percent
	}
	return len(shares) >= 2 && before == 100
}

// windowCheck judges whether what keeps data waits for the maintenance window.
type windowCheck struct {
	*promises.Report
	window string
}

func (w windowCheck) waits(resource *graph.Resource, property string) {
	const fix = "set maintenance.window in the client's spec, and mend the resource's component"
	w.Want(resource, resource.Text(property) == w.window, property, "the client's maintenance window, "+w.window, fix)
	w.Want(resource, !resource.Bool("applyImmediately"), "applyImmediately", "false: changes wait for the maintenance window", fix)
}

func (w windowCheck) keepsVersion(resource *graph.Resource) {
	w.Want(resource, !resource.Bool("allowMajorVersionUpgrade"), "allowMajorVersionUpgrade", "false: a major upgrade is work of its own, which is announced",
		"take it out of the resource's component")
}

// announced reports whether the service, which announces maintenance to the client's people, is told when.
func announced(s promises.Subject, r *promises.Report, m spec.Maintenance) {
	for _, setting := range []struct{ name, value string }{{"maintenance-window", m.Window}, {"maintenance-notice-days", strconv.Itoa(m.NoticeDays)}} {
		const fix = "mend the settings in stacks/awsclient, service.go"
		expected := setting.value + ", so that the service announces it"
		parameters := slices.DeleteFunc(s.Graph.OfType(typeParameter), func(p *graph.Resource) bool { return !strings.HasSuffix(p.Text("name"), "/"+setting.name) })
		for _, parameter := range r.Must(parameters, "parameter "+setting.name, expected, fix) {
			property := "insecureValue"
			if !parameter.Has(property) {
				property = "value"
			}
			r.Want(parameter, parameter.Text(property) == setting.value, property, expected, fix)
		}
	}
}
