package oncall

import (
	"fmt"
	"strconv"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssmincidents"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Class is a kind of incident and how soon somebody answers.
type Class struct {
	Name    string
	Title   string
	Covers  string
	Impact  int // as Incident Manager counts: 1 is critical
	Minutes int // within which an engineer answers; a client's contract may say less
}

// Classes are the three classes of OP-3, the most urgent first.
func Classes() []Class {
	return []Class{
		{"first", "First-class incident", "outages, messages not sending, security breaches, regulatory or contractual matters", 1, 120},
		{"second", "Second-class incident", "malformed, corrupted or missing data, performance, high-impact issues", 2, 6 * 60},
		{"third", "Third-class incident", "the product does not operate as designed, below the other classes", 3, 48 * 60},
	}
}

// respond makes a response plan for every class.
func (b *builder) respond() error {
	s := b.args.Scope
	b.responsePlans = pulumi.StringMap{}
	for _, class := range Classes() {
		name, minutes := s.Name(naming.ResponsePlan, class.Name, "class"), strconv.Itoa(class.Minutes)
		tags, incidentTags := s.Tags(scope.Internal, name), s.Tags(scope.Internal, name)
		for _, t := range []pulumi.StringMap{tags, incidentTags} {
			t["incident-class"], t["response-minutes"] = pulumi.String(class.Name), pulumi.String(minutes)
		}
		made, err := ssmincidents.NewResponsePlan(b.ctx, b.name+"-response-"+class.Name, &ssmincidents.ResponsePlanArgs{
			Name: pulumi.String(name), DisplayName: pulumi.String(class.Title), Tags: tags,
			Engagements: pulumi.StringArray{b.escalation},
			IncidentTemplate: ssmincidents.ResponsePlanIncidentTemplateArgs{
				Title: pulumi.String(class.Title), Impact: pulumi.Int(class.Impact), IncidentTags: incidentTags,
				Summary: pulumi.Sprintf("%s: %s. An engineer answers within %s minutes of the report.", class.Title, class.Covers, minutes),
				// No dedupeString: Incident Manager already joins what the same alarm or event reports again. A fixed one
				// would join everything of a class, and a second client's outage would page nobody.
				NotificationTargets: ssmincidents.ResponsePlanIncidentTemplateNotificationTargetArray{
					ssmincidents.ResponsePlanIncidentTemplateNotificationTargetArgs{SnsTopicArn: b.args.TopicArn}},
			},
		}, b.parent, pulumi.DependsOn([]pulumi.Resource{b.replicationSet}))
		if err != nil {
			return fmt.Errorf("response plan of class %s: %w", class.Name, err)
		}
		b.responsePlans[class.Name] = made.Arn
	}
	return nil
}
