package live

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/berth-iac/berth/spec"
)

const fixResidency = "copy what is needed home, delete it where it is, and set residency, aws.region, backup.secondRegion and backup.copiesAbroad in the client's spec"

// dataStays looks at AV-9: what keeps data in any region that is enabled in the account.
func dataStays(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	r := residence{look: l, client: client}
	regions, err := l.enabledRegions(ctx)
	if err != nil {
		return err
	}
	for _, region := range l.regions() {
		if !slices.Contains(regions, region) {
			regions = append(regions, region) // never left out, whatever the list says
		}
	}
	slices.Sort(regions)
	found := make([][]keeper, len(regions))
	errs := make([]error, len(regions))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, region := range regions {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], errs[i] = l.keepers(ctx, region)
		})
	}
	wait.Wait()
	buckets, err := l.allBuckets(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	kept := 0
	for i, region := range regions {
		kept += r.judge(region, found[i])
	}
	for _, b := range buckets {
		kept += r.judge(b.region, []keeper{{object: b.of(s3Bucket), copied: true}})
	}
	for _, err := range errs {
		if err != nil {
			return err // of what was found until then, what is broken stays so
		}
	}
	if kept == 0 {
		l.missing("database, bucket or disk", "data in "+r.allowed(), fixResidency)
	}
	return nil
}

// keeper is something that keeps data.
type keeper struct {
	object
	copied bool // it may be in the second region, as a copy
}

// residence judges where a client's data is.
type residence struct {
	*look
	client *spec.AWSClient
}

// judge reports what keeps data in a region: each single thing where it may not, how many there are where they may.
func (r residence) judge(region string, found []keeper) int {
	home := region == r.client.AWS.Region && region == spec.RegionFor(r.client.Residency)
	abroad := r.second != "" && region == r.second &&
		(r.client.Residency.Holds(region) || r.client.Backup.CopiesAbroad != "" || !r.subject.Production())
	for _, k := range found {
		expected := r.allowed()
		if abroad && !k.copied {
			expected = r.client.AWS.Region + ": the client is served from there alone"
		}
		r.want(k.object, home || abroad && k.copied, "region", region, expected, fixResidency)
	}
	return len(found)
}

// allowed is where data may be, in words.
func (r residence) allowed() string {
	home, second := spec.RegionFor(r.client.Residency), r.second
	switch {
	case second == "" || second == home:
		return home + " alone"
	case r.client.Residency.Holds(second):
		return home + ", and copies in " + second + ", inside the residency"
	case r.client.Backup.CopiesAbroad != "":
		return home + ", and copies in " + second + " by the client's recorded consent"
	case !r.subject.Production():
		return home + ", and copies of test data in " + second
	}
	return home + " alone: the client's consent to copies in " + second + " is not recorded"
}

// keepers are all things in a region that keep data, but buckets, which S3 lists for all regions at once.
func (a *account) keepers(ctx context.Context, region string) ([]keeper, error) {
	var all []keeper
	for _, read := range []func(context.Context, string) ([]keeper, error){a.machineKeepers, a.databaseKeepers, a.cacheKeepers, a.otherKeepers} {
		some, err := read(ctx, region)
		if all = append(all, some...); err != nil {
			return all, fmt.Errorf("what keeps data in %s: %w", region, err)
		}
	}
	return all, nil
}

// keep adds what was read to what keeps data.
func keep[T any](all *[]keeper, token string, copied bool, read func() ([]T, error), id func(T) *string) error {
	found, err := read()
	for _, one := range found {
		*all = append(*all, keeper{object{token, aws.ToString(id(one))}, copied})
	}
	return err
}
