package oncall_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/oncall"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() oncall.Args {
	person := func(name, phone string) spec.Person {
		return spec.Person{Name: name, Email: name + "@northwind.example", Phone: phone}
	}
	return oncall.Args{
		Scope: scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333",
			Region: "eu-west-2", Protect: true},
		OnCall: spec.OnCall{Rotation: []string{"ada.lindqvist", "ben.adeyemi", "chiara.rossi"}, Starts: day(2026, 11, 30)},
		Staff: []spec.Person{person("ada.lindqvist", "+442079460124"), person("ben.adeyemi", "+442079460125"),
			person("chiara.rossi", "+442079460126"), person("dev.patel", "")},
		TopicArn: pulumi.String("arn:aws:sns:eu-west-2:111122223333:northwind-alerts"), SecondRegion: "eu-west-1",
		KeyArn:       pulumi.String("arn:aws:kms:eu-west-2:111122223333:key/incidents"),
		SecondKeyArn: pulumi.String("arn:aws:kms:eu-west-1:111122223333:key/incidents"),
	}
}

func day(year int, month time.Month, d int) spec.Date {
	return spec.Date{Time: time.Date(year, month, d, 0, 0, 0, 0, time.UTC)}
}

func program(args oncall.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		o, err := oncall.New(ctx, "on-call", args)
		if err != nil {
			return err
		}
		ctx.Export("plans", o.ResponsePlanArns)
		ctx.Export("others", pulumi.StringArray{o.EscalationArn, o.ReplicationSetArn, o.HandoverQueueArn})
		return nil
	}
}

func run(t *testing.T, args oncall.Args) []graphtest.Resource {
	t.Helper()
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

func ofType(resources []graphtest.Resource, typeToken string) []graphtest.Resource {
	return slices.DeleteFunc(slices.Clone(resources), func(r graphtest.Resource) bool { return r.Type != typeToken })
}

const (
	scheduleType = "aws:scheduler/schedule:Schedule"
	contactType  = "aws:ssmcontacts/contact:Contact"
	planType     = "aws:ssmcontacts/plan:Plan"
)

func contactArn(name string) string {
	return "arn:aws:test:eu-west-2:123456789012:Contact/on-call-contact-" + name
}

func TestNew(t *testing.T) {
	t.Run("three_people", func(t *testing.T) { graphtest.Golden(t, "", program(reference())) })
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*oncall.Args)
		want   string
	}{
		"nothing": {func(a *oncall.Args) { *a = oncall.Args{} }, `on call "on-call": the account or the region is missing: roles and conditions name them
the second region is "": name one besides ""
a key is missing: pass one for each of the two regions
no topic is given: pass the alert channels' topic
the rotation needs two people or more: somebody has to stand in
the rotation starts on 0001-01-01: use a Monday`},
		"people": {func(a *oncall.Args) {
			a.OnCall.Rotation = []string{"ada.lindqvist", "eve.stranger", "dev.patel", "ada.lindqvist"}
			a.OnCall.Starts = day(2026, 12, 1)
		}, `on call "on-call": "eve.stranger" is in the rotation and not among the staff
dev.patel needs an e-mail address and a phone to be called
ada.lindqvist is in the rotation twice
the rotation starts on 2026-12-01: use a Monday`},
		"one region": {func(a *oncall.Args) { a.SecondRegion, a.SecondKeyArn = "eu-west-2", nil }, `on call "on-call": the second region is "eu-west-2": name one besides "eu-west-2"
a key is missing: pass one for each of the two regions`},
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			tc.change(&args)
			_, err := graphtest.Run(graphtest.Preview, program(args))
			if err == nil || !strings.HasSuffix(strings.TrimSpace(err.Error()), tc.want) {
				t.Errorf("err = %v, want %s", err, tc.want)
			}
		})
	}
}

func TestResponsePlans(t *testing.T) {
	resources := run(t, reference())
	t.Run("OP-3 three classes, each with its time, engage the rotation and tell the topic", func(t *testing.T) {
		escalation := escalationOf(t, resources)
		for class, want := range map[string]struct {
			impact  float64
			minutes string
		}{"first": {1, "120"}, "second": {2, "360"}, "third": {3, "2880"}} {
			plan := graphtest.Find(t, resources, "aws:ssmincidents/responsePlan:ResponsePlan", "on-call-response-"+class)
			template := plan.Inputs["incidentTemplate"].(map[string]any)
			if template["impact"] != want.impact || !strings.Contains(template["summary"].(string), "within "+want.minutes+" minutes") {
				t.Errorf("%s: impact %v, summary %v", class, template["impact"], template["summary"])
			}
			for _, tags := range []any{plan.Inputs["tags"], template["incidentTags"]} {
				if got := tags.(map[string]any)["response-minutes"]; got != want.minutes {
					t.Errorf("%s: response-minutes = %v, want %s", class, got, want.minutes)
				}
			}
			if got := fmt.Sprint(plan.Inputs["engagements"]); got != "["+arnOf(escalation)+"]" {
				t.Errorf("%s engages %s", class, got)
			}
			if got := fmt.Sprint(template["notificationTargets"]); got != "[map[snsTopicArn:arn:aws:sns:eu-west-2:111122223333:northwind-alerts]]" {
				t.Errorf("%s tells %s", class, got)
			}
			if got, set := template["dedupeString"]; set {
				t.Errorf("%s folds every incident of the class into one: %v", class, got)
			}
		}
		if n := len(ofType(resources, "aws:ssmincidents/responsePlan:ResponsePlan")); n != len(oncall.Classes()) {
			t.Errorf("%d response plans, want one a class", n)
		}
	})
	t.Run("OP-3 everybody has been called long before the first class's time is up", func(t *testing.T) {
		total := 0.0
		for _, stage := range stagesOf(t, resources) {
			total += stage["durationInMinutes"].(float64)
		}
		if most := float64(oncall.Classes()[0].Minutes); total > most/2 {
			t.Errorf("the escalation takes %v minutes of %v", total, most)
		}
	})
	t.Run("AV-7 everybody in the rotation is reached by mail, message and call", func(t *testing.T) {
		for _, name := range reference().OnCall.Rotation {
			for kind, address := range map[string]string{"email": name + "@northwind.example", "sms": "+4420794601", "voice": "+4420794601"} {
				channel := graphtest.Find(t, resources, "aws:ssmcontacts/contactChannel:ContactChannel", "on-call-contact-"+name+"-"+kind)
				got := channel.Inputs["deliveryAddress"].(map[string]any)["simpleAddress"].(string)
				if !strings.HasPrefix(got, address) || channel.Inputs["contactId"] != contactArn(name) || channel.Inputs["type"] != strings.ToUpper(kind) {
					t.Errorf("%s %s: %v", name, kind, channel.Inputs)
				}
			}
		}
		if n := len(ofType(resources, contactType)); n != 4 {
			t.Errorf("%d contacts, want the rotation's three and the escalation", n)
		}
	})
	t.Run("DP-4 incidents are encrypted with keys of our own in both regions, and stay", func(t *testing.T) {
		set := graphtest.Find(t, resources, "aws:ssmincidents/replicationSet:ReplicationSet", "on-call-replication")
		want := "[map[kmsKeyArn:arn:aws:kms:eu-west-2:111122223333:key/incidents name:eu-west-2] map[kmsKeyArn:arn:aws:kms:eu-west-1:111122223333:key/incidents name:eu-west-1]]"
		if got := fmt.Sprint(set.Inputs["regions"]); got != want || set.Options["protect"] != true {
			t.Errorf("regions %s, options %v", got, set.Options)
		}
	})
}

func arnOf(r graphtest.Resource) string {
	return "arn:aws:test:eu-west-2:123456789012:" + r.Type[strings.LastIndex(r.Type, ":")+1:] + "/" + r.Name
}

func escalationOf(t *testing.T, resources []graphtest.Resource) graphtest.Resource {
	t.Helper()
	list := ofType(resources, contactType)
	i := slices.IndexFunc(list, func(r graphtest.Resource) bool { return r.Inputs["type"] == "ESCALATION" })
	if i < 0 {
		t.Fatal("no escalation")
	}
	return list[i]
}

func stagesOf(t *testing.T, resources []graphtest.Resource) []map[string]any {
	t.Helper()
	plan := graphtest.Find(t, resources, planType, escalationOf(t, resources).Name+"-plan")
	var list []map[string]any
	for _, stage := range plan.Inputs["stages"].([]any) {
		list = append(list, stage.(map[string]any))
	}
	return list
}

// request is what a schedule asks of Incident Manager, spelt as its API does.
type request struct {
	ContactID string `json:"ContactId"`
	Plan      struct {
		Stages []struct {
			DurationInMinutes int
			Targets           []struct {
				ContactTargetInfo struct {
					ContactID   string `json:"ContactId"`
					IsEssential bool
				}
			}
		}
	}
}

func TestHandover(t *testing.T) {
	resources := run(t, reference())
	t.Run("OP-3 every week the next person comes first, then who follows, then all", func(t *testing.T) {
		rotation := reference().OnCall.Rotation
		starts := []string{"2026-11-30T09:00:00Z", "2026-12-07T09:00:00Z", "2026-12-14T09:00:00Z"}
		for i, person := range rotation {
			schedule := scheduleOf(t, resources, person)
			if schedule.Inputs["scheduleExpression"] != "rate(21 days)" || schedule.Inputs["startDate"] != starts[i] {
				t.Errorf("%s: %v from %v, want %s", person, schedule.Inputs["scheduleExpression"], schedule.Inputs["startDate"], starts[i])
			}
			target := schedule.Inputs["target"].(map[string]any)
			if target["arn"] != "arn:aws:scheduler:::aws-sdk:ssmcontacts:updateContact" {
				t.Errorf("%s: target %v", person, target["arn"])
			}
			var got request
			decoder := json.NewDecoder(strings.NewReader(target["input"].(string)))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got.ContactID != arnOf(escalationOf(t, resources)) {
				t.Errorf("%s: rewrites %s", person, got.ContactID)
			}
			next, last := rotation[(i+1)%3], rotation[(i+2)%3]
			want := [][]string{{person}, {next}, {person, next, last}}
			for s, stage := range got.Plan.Stages {
				var people []string
				for _, target := range stage.Targets {
					people = append(people, strings.TrimPrefix(target.ContactTargetInfo.ContactID, contactArn("")))
					if !target.ContactTargetInfo.IsEssential {
						t.Errorf("%s: an answer in stage %d does not end the escalation", person, s+1)
					}
				}
				if s >= len(want) || !slices.Equal(people, want[s]) || stage.DurationInMinutes < 1 || stage.DurationInMinutes > 30 {
					t.Errorf("%s: stage %d is %v for %d minutes", person, s+1, people, stage.DurationInMinutes)
				}
			}
			if len(got.Plan.Stages) != 3 {
				t.Errorf("%s: %d stages", person, len(got.Plan.Stages))
			}
		}
	})
	t.Run("the schedules own the escalation's stages, and keep their start", func(t *testing.T) {
		plan := graphtest.Find(t, resources, planType, escalationOf(t, resources).Name+"-plan")
		if got := fmt.Sprint(plan.Options["ignoreChanges"]); got != "[stages]" {
			t.Errorf("plan ignores %s", got)
		}
		for _, s := range ofType(resources, scheduleType) {
			if got := fmt.Sprint(s.Options["ignoreChanges"]); got != "[startDate]" {
				t.Errorf("%s ignores %s", s.Name, got)
			}
		}
	})
	t.Run("AC-6 another rotation or start makes schedules and escalation anew", func(t *testing.T) {
		names := func(args oncall.Args) []string {
			var list []string
			all := run(t, args)
			for _, r := range append(ofType(all, scheduleType), escalationOf(t, all)) {
				list = append(list, r.Name)
			}
			return list
		}
		before := names(reference())
		for what, change := range map[string]func(*oncall.Args){
			"a leaver":  func(a *oncall.Args) { a.OnCall.Rotation = a.OnCall.Rotation[:2] },
			"an order":  func(a *oncall.Args) { slices.Reverse(a.OnCall.Rotation) },
			"a restart": func(a *oncall.Args) { a.OnCall.Starts = day(2027, 1, 4) },
		} {
			args := reference()
			change(&args)
			for _, name := range names(args) {
				if slices.Contains(before, name) {
					t.Errorf("%s: %s stays as it was", what, name)
				}
			}
		}
	})
	t.Run("names keep to their services' rules", func(t *testing.T) {
		args := reference()
		long := strings.Repeat("a", 32)
		args.Scope.Client, args.Staff[0].Name, args.OnCall.Rotation[0] = strings.Repeat("n", 24), long, long
		for _, r := range run(t, args) {
			if name, _ := r.Inputs["name"].(string); r.Type == scheduleType && len(name) > 64 {
				t.Errorf("%s has %d characters", name, len(name))
			}
			if alias, _ := r.Inputs["alias"].(string); strings.ContainsAny(alias, ".ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
				t.Errorf("alias %s", alias)
			}
		}
	})
}

func scheduleOf(t *testing.T, resources []graphtest.Resource, person string) graphtest.Resource {
	t.Helper()
	list := ofType(resources, scheduleType)
	i := slices.IndexFunc(list, func(r graphtest.Resource) bool { return strings.HasSuffix(r.Name, "-"+person) })
	if i < 0 {
		t.Fatalf("no schedule for %s", person)
	}
	return list[i]
}

func TestHandoverFailure(t *testing.T) {
	resources := run(t, reference())
	t.Run("OP-3 a failed handover is retried, kept and told", func(t *testing.T) {
		queue := graphtest.Find(t, resources, "aws:sqs/queue:Queue", "on-call-failures")
		for _, s := range ofType(resources, scheduleType) {
			target := s.Inputs["target"].(map[string]any)
			if got := fmt.Sprint(target["deadLetterConfig"]); got != "map[arn:"+arnOf(queue)+"]" {
				t.Errorf("%s: failures go to %s", s.Name, got)
			}
			if retry := target["retryPolicy"].(map[string]any); retry["maximumRetryAttempts"].(float64) < 1 || retry["maximumEventAgeInSeconds"].(float64) < 60 {
				t.Errorf("%s: retries %v", s.Name, retry)
			}
		}
		alarm := graphtest.Find(t, resources, "aws:cloudwatch/metricAlarm:MetricAlarm", "on-call-failures-alarm")
		if fmt.Sprint(alarm.Inputs["dimensions"]) != "map[QueueName:northwind-on-call-failures]" ||
			fmt.Sprint(alarm.Inputs["alarmActions"]) != "[arn:aws:sns:eu-west-2:111122223333:northwind-alerts]" {
			t.Errorf("alarm on %v tells %v", alarm.Inputs["dimensions"], alarm.Inputs["alarmActions"])
		}
	})
	t.Run("DP-4 the queue is encrypted and speaks TLS only", func(t *testing.T) {
		queue := graphtest.Find(t, resources, "aws:sqs/queue:Queue", "on-call-failures")
		if queue.Inputs["kmsMasterKeyId"] != "arn:aws:kms:eu-west-2:111122223333:key/incidents" {
			t.Errorf("key %v", queue.Inputs["kmsMasterKeyId"])
		}
		text := graphtest.Find(t, resources, "aws:sqs/queuePolicy:QueuePolicy", "on-call-failures-policy").Inputs["policy"].(string)
		if !strings.Contains(text, `"Bool":{"aws:SecureTransport":"false"}`) || !strings.Contains(text, `"Effect":"Deny"`) {
			t.Errorf("policy %s", text)
		}
	})
	t.Run("the role does the handover and nothing else, for this account's own schedules", func(t *testing.T) {
		role := graphtest.Find(t, resources, "aws:iam/role:Role", "on-call-handover-role").Inputs["assumeRolePolicy"].(string)
		for _, want := range []string{`"aws:SourceAccount":"111122223333"`, `"ArnLike":{"aws:SourceArn":"arn:aws:test:eu-west-2:123456789012:ScheduleGroup/on-call-schedules"}`} {
			if !strings.Contains(role, want) {
				t.Errorf("trust %s lacks %s", role, want)
			}
		}
		var document struct {
			Statement []struct{ Action, Resource any }
		}
		text := graphtest.Find(t, resources, "aws:iam/rolePolicy:RolePolicy", "on-call-handover-role-policy").Inputs["policy"].(string)
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		actions := map[string]string{}
		for _, s := range document.Statement {
			actions[fmt.Sprint(s.Action)] = fmt.Sprint(s.Resource)
			if strings.Contains(fmt.Sprint(s.Resource), "*") {
				t.Errorf("%v on %v", s.Action, s.Resource)
			}
		}
		want := map[string]string{
			"ssm-contacts:UpdateContact":        arnOf(escalationOf(t, resources)),
			"ssm-contacts:AssociateContact":     fmt.Sprint([]string{contactArn("ada.lindqvist"), contactArn("ben.adeyemi"), contactArn("chiara.rossi")}),
			"sqs:SendMessage":                   "arn:aws:test:eu-west-2:123456789012:Queue/on-call-failures",
			"[kms:Decrypt kms:GenerateDataKey]": "arn:aws:kms:eu-west-2:111122223333:key/incidents",
		}
		if !maps.Equal(actions, want) {
			t.Errorf("got  %v\nwant %v", actions, want)
		}
	})
}

func TestKeyStatements(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		_, err := key.New(ctx, "incidents", key.Args{Scope: reference().Scope, Alias: "alias/northwind-incidents", Description: "Incidents and who is called",
			Region: "eu-west-2", Services: []string{"sqs"}, Statements: oncall.KeyStatements("111122223333")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := graphtest.Find(t, resources, "aws:kms/key:Key", "incidents").Inputs["policy"].(string)
	for _, want := range []string{`"kms:CallerAccount":"111122223333"`, `"kms:ViaService":["ssm-incidents.amazonaws.com","ssm-contacts.amazonaws.com"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the key's policy lacks %s: %s", want, text)
		}
	}
}
