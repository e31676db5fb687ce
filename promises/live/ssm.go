package live

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssmcontacts"
	contacttypes "github.com/aws/aws-sdk-go-v2/service/ssmcontacts/types"
	"github.com/aws/aws-sdk-go-v2/service/ssmincidents"
	incidenttypes "github.com/aws/aws-sdk-go-v2/service/ssmincidents/types"
)

// Incident Manager keeps one set of incidents, plans and contacts for all its regions; it is asked in the stack's own.

// replicationSets are where incidents are kept. There is one in an account, or none.
func (a *account) replicationSets(ctx context.Context) ([]incidenttypes.ReplicationSet, error) {
	return once(a, []string{"ssmincidents", "replication sets"}, func() ([]incidenttypes.ReplicationSet, error) {
		client := ssmincidents.NewFromConfig(a.config(a.home))
		arns, err := paged(ctx, ssmincidents.NewListReplicationSetsPaginator(client, &ssmincidents.ListReplicationSetsInput{}),
			func(o *ssmincidents.ListReplicationSetsOutput) []string { return o.ReplicationSetArns })
		if err != nil {
			return nil, err
		}
		var all []incidenttypes.ReplicationSet
		for _, arn := range arns {
			out, err := client.GetReplicationSet(ctx, &ssmincidents.GetReplicationSetInput{Arn: &arn})
			if err != nil {
				return nil, err
			}
			set := *out.ReplicationSet
			set.Arn = aws.String(arn)
			all = append(all, set)
		}
		return all, nil
	})
}

// responsePlans say what happens when an incident is opened.
func (a *account) responsePlans(ctx context.Context) ([]ssmincidents.GetResponsePlanOutput, error) {
	return once(a, []string{"ssmincidents", "response plans"}, func() ([]ssmincidents.GetResponsePlanOutput, error) {
		client := ssmincidents.NewFromConfig(a.config(a.home))
		list, err := paged(ctx, ssmincidents.NewListResponsePlansPaginator(client, &ssmincidents.ListResponsePlansInput{}),
			func(o *ssmincidents.ListResponsePlansOutput) []incidenttypes.ResponsePlanSummary {
				return o.ResponsePlanSummaries
			})
		if err != nil {
			return nil, err
		}
		var all []ssmincidents.GetResponsePlanOutput
		for _, entry := range list {
			out, err := client.GetResponsePlan(ctx, &ssmincidents.GetResponsePlanInput{Arn: entry.Arn})
			if err != nil {
				return nil, err
			}
			all = append(all, *out)
		}
		return all, nil
	})
}

// contact is somebody who can be called, or an escalation, with the ways to reach a person.
type contact struct {
	ssmcontacts.GetContactOutput
	channels []contacttypes.ContactChannel
}

func (c contact) object() object {
	return object{"aws:ssmcontacts/contact:Contact", aws.ToString(c.ContactArn)}
}

func (a *account) contacts(ctx context.Context) ([]contact, error) {
	return once(a, []string{"ssmcontacts", "contacts"}, func() ([]contact, error) {
		client := ssmcontacts.NewFromConfig(a.config(a.home))
		list, err := paged(ctx, ssmcontacts.NewListContactsPaginator(client, &ssmcontacts.ListContactsInput{}), func(o *ssmcontacts.ListContactsOutput) []contacttypes.Contact { return o.Contacts })
		if err != nil {
			return nil, err
		}
		var all []contact
		for _, entry := range list {
			out, err := client.GetContact(ctx, &ssmcontacts.GetContactInput{ContactId: entry.ContactArn})
			if err != nil {
				return nil, err
			}
			one := contact{GetContactOutput: *out}
			if out.Type == contacttypes.ContactTypePersonal {
				if one.channels, err = paged(ctx, ssmcontacts.NewListContactChannelsPaginator(client, &ssmcontacts.ListContactChannelsInput{ContactId: entry.ContactArn}),
					func(o *ssmcontacts.ListContactChannelsOutput) []contacttypes.ContactChannel { return o.ContactChannels }); err != nil {
					return nil, err
				}
			}
			all = append(all, one)
		}
		return all, nil
	})
}

// incident is one that was opened, and when somebody first answered a page of it; zero: nobody has.
type incident struct {
	incidenttypes.IncidentRecordSummary
	answered time.Time
}

// incidents are those that were opened since an instant.
func (a *account) incidents(ctx context.Context, since time.Time) ([]incident, error) {
	return once(a, []string{"ssmincidents", "incidents since", since.UTC().Format(time.RFC3339)}, func() ([]incident, error) {
		client := ssmincidents.NewFromConfig(a.config(a.home))
		list, err := paged(ctx, ssmincidents.NewListIncidentRecordsPaginator(client, &ssmincidents.ListIncidentRecordsInput{}),
			func(o *ssmincidents.ListIncidentRecordsOutput) []incidenttypes.IncidentRecordSummary {
				return o.IncidentRecordSummaries
			})
		if err != nil {
			return nil, err
		}
		var all []incident
		for _, record := range list {
			if aws.ToTime(record.CreationTime).Before(since) {
				continue
			}
			answered, err := a.answer(ctx, aws.ToString(record.Arn))
			if err != nil {
				return nil, err
			}
			all = append(all, incident{record, answered})
		}
		return all, nil
	})
}

// answer is when somebody first acknowledged a page of an incident.
func (a *account) answer(ctx context.Context, record string) (first time.Time, err error) {
	client := ssmcontacts.NewFromConfig(a.config(a.home))
	engagements, err := paged(ctx, ssmcontacts.NewListEngagementsPaginator(client, &ssmcontacts.ListEngagementsInput{IncidentId: &record}),
		func(o *ssmcontacts.ListEngagementsOutput) []contacttypes.Engagement { return o.Engagements })
	if err != nil {
		return first, err
	}
	for _, e := range engagements {
		pages, err := paged(ctx, ssmcontacts.NewListPagesByEngagementPaginator(client, &ssmcontacts.ListPagesByEngagementInput{EngagementId: e.EngagementArn}),
			func(o *ssmcontacts.ListPagesByEngagementOutput) []contacttypes.Page { return o.Pages })
		if err != nil {
			return first, err
		}
		for _, page := range pages {
			if read := aws.ToTime(page.ReadTime); !read.IsZero() && (first.IsZero() || read.Before(first)) {
				first = read
			}
		}
	}
	return first, nil
}
